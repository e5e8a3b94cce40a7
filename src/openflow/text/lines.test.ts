import { describe, expect, test } from 'vitest';
import { formatFlow, parseFlows, parseGroups } from './index.ts';

/** What comes of a text: the flows printed, the errors as `line:column`, the count of skipped lines. */
function read(text: string) {
  const { flows, errors, skipped, unresolved } = parseFlows(text);
  return {
    flows: flows.map((flow) => formatFlow(flow, { unresolved })),
    errors: errors.map(({ line, column }) => `${line}:${column}`),
    skipped,
  };
}

const first =
  'cookie=0x1a, duration=79316.927s, table=70, n_packets=35, n_bytes=98, priority=50,icmp,reg4=0x56a84738 actions=ct(table=71,zone=NXM_NX_REG12[0..15],nat)';
const firstPrinted =
  'cookie=0x1a, table=70, priority=50,icmp,reg4=0x56a84738 actions=ct(table=71,zone=NXM_NX_REG12[0..15],nat)';
const second =
  'cookie=0x2b, duration=1.5s, table=105, n_packets=782, n_bytes=76636, priority=5,ip,nw_src=178.1.3.0/24 actions=set_field:0x170b->reg14,goto_table:110';
const secondPrinted =
  'cookie=0x2b, table=105, priority=5,ip,nw_src=178.1.3.0/24 actions=set_field:0x170b->reg14,goto_table:110';

describe('a broken line', () => {
  test('is put together wherever it was broken', () => {
    for (const [line, printed] of [
      [first, firstPrinted],
      [second, secondPrinted],
    ] as const) {
      for (let at = 20; at < line.length; at += 1) {
        const broken = ` ${line.slice(0, at)}\n${line.slice(at)}`;
        expect(read(`${broken}\n ${second}`), broken).toEqual({
          flows: [printed, secondPrinted],
          errors: [],
          skipped: 0,
        });
      }
    }
  });

  test('is put together from the lines of a terminal of any width', () => {
    for (let width = 80; width < 160; width += 1) {
      const wrap = (line: string) => line.match(new RegExp(`.{1,${width}}`, 'g'))?.join('\n');
      const text = [`OFPST_FLOW reply (OF1.3) (xid=0x2):`, ` ${first}`, ` ${second}`].map(wrap);
      expect(read(text.join('\n')), `width ${width}`).toEqual({
        flows: [firstPrinted, secondPrinted],
        errors: [],
        skipped: 0,
      });
    }
  });

  test('may have lost the space before its actions, or have a blank line there', () => {
    const [head = '', list = ''] = first.split(' actions');
    for (const gap of ['\n', ' \n', '\n\n', '\n   ', '\n \n  ']) {
      expect(read(`${head}${gap}actions${list}`)).toMatchObject({
        flows: [firstPrinted],
        errors: [],
      });
    }
  });

  test('has its errors where they stand', () => {
    const wrong = first.replace('nat)', 'nta)');
    expect(read(`${wrong.slice(0, 120)}\n${wrong.slice(120)}\n${second}`)).toEqual({
      flows: [secondPrinted],
      errors: [`2:${wrong.indexOf('nta') - 120 + 1}`],
      skipped: 0,
    });
    const early = first.replace('icmp', 'icpm');
    expect(read(`${early.slice(0, 120)}\n    ${early.slice(120)}\n${second}`)).toEqual({
      flows: [secondPrinted],
      errors: [`1:${early.indexOf('icpm') + 1}`],
      skipped: 0,
    });
  });

  test('does not swallow the next flow or the line below it', () => {
    expect(read('table=1,ip\nactions=drop')).toMatchObject({
      flows: ['actions=drop'],
      errors: ['1:11'],
    });
    expect(read('table=1,actions=goto_table:2\n5')).toMatchObject({
      flows: ['table=1, actions=goto_table:2'],
      errors: ['2:2'],
    });
    expect(read('table=1,actions=output:\nactions=drop').flows).toEqual(['actions=drop']);
  });

  test('of a group is put together', () => {
    const group =
      'group_id=0,type=select,selection_method=dp_hash,bucket=bucket_id:1,watch_port:"p 1",actions=mod_vlan_vid:101,output:"p 1",bucket=bucket_id:2,watch_port:2,actions=output:2';
    const whole = parseGroups(group);
    for (let at = 30; at < group.length; at += 1) {
      const { groups, errors } = parseGroups(`${group.slice(0, at)}\n${group.slice(at)}`);
      expect({ groups, errors }, group.slice(at)).toEqual({ groups: whole.groups, errors: [] });
    }
  });
});

describe('a record of a session', () => {
  test('gives its flows; what is none is skipped', () => {
    const text = [
      '3.2 vm1 到 vm2 的完整流表记录',
      '[root@node-16 ~]# ovs-ofctl dump-flows br-int -O openflow13',
      'OFPST_FLOW reply (OF1.3) (xid=0x2):',
      first.slice(0, 100),
      first.slice(100),
      '',
      'INPUT(table=0)   goto_table:65  // # ovs-ofctl dump-flows br-int table=65,reg12=xx',
      'reg1',
      'group_id=5,type=all,bucket=bucket_id:1,actions=output:1',
      'VPC_ROUTE (table=110) : ',
      `   ${second}`,
      '根据 src 和 dst 匹配, 再 actions=goto_table:60',
      'Then the packet goes on.',
    ].join('\n');
    expect(read(text)).toEqual({ flows: [firstPrinted, secondPrinted], errors: [], skipped: 8 });
  });

  test('has errors where a line is meant as a flow', () => {
    const text = [
      '入流表:',
      second.replace('set_field:0x170b->reg14', '0x170b->reg14'),
      'dl_src=02:00:00:00:00:01 actions=goto_table:130 DIRECT',
      'tabel=1,actions=drop',
      'table=1,priority=5,ip',
    ].join('\n');
    expect(read(text)).toEqual({
      flows: [],
      errors: [`2:${second.indexOf('set_field') + 1}`, '3:49', '4:1', '5:22'],
      skipped: 1,
    });
  });

  test('has notes on flows, which are none', () => {
    const note = 'dl_src=02:00:00:00:00:01 actions=goto_table:130  DIRECT  自定义路由';
    expect(read(`入流表:\n${note}\n${second}  DIRECT`)).toEqual({
      flows: [],
      errors: [`3:${second.length + 3}`],
      skipped: 2,
    });
    expect(read(`${note}\n${second}`).errors).toEqual(['1:50']);
  });

  test('may be what ovn-detrace makes of a dump', () => {
    const text = [
      first,
      '  * Logical datapath: "sw0" (8ac954a9-753e-481e-8b01-5a1f0d8d6f8e) [ingress]',
      '  * Logical flow: table=0 (ls_in_acl), priority=50, match=(ip4 && inport == @web), actions=(next;)',
      second,
    ].join('\n');
    expect(read(text)).toEqual({ flows: [firstPrinted, secondPrinted], errors: [], skipped: 2 });
  });

  test.each([
    '[root@node-16 ~]# ovs-ofctl dump-flows br-int',
    'root@node1:~# ovs-vsctl show',
    'user@node1:/tmp$ ls',
    '$ ovs-ofctl dump-flows br-int',
    'ovs-ofctl dump-flows br-int -O OpenFlow13',
    'INPUT(table=0)',
    'Table 10:',
    '------',
    '```',
    '查看流表',
    'First come the flows of table 0:',
  ])('is told by a line such as %s', (line) => {
    expect(read(`${line}\nbogus\n${second}`)).toMatchObject({ flows: [secondPrinted], errors: [] });
  });
});

describe('a file for ovs-ofctl', () => {
  test('has an error for every line that is no flow', () => {
    expect(read(`bogus\n${second}\nthis is not a flow\n\n# 注释\ntcp`)).toEqual({
      flows: [secondPrinted],
      errors: ['1:6', '3:19', '6:4'],
      skipped: 0,
    });
  });

  test('may come from a word processor, a terminal in colour, or Windows', () => {
    const escape = String.fromCharCode(27);
    const coloured = `${escape}[33mtable=${escape}[0m1,${escape}[31mactions=${escape}[0mdrop`;
    const text = `\uFEFF${coloured}\r\nin_port=\u201Ceth0\u201D,\u00A0actions=output:\u201Ceth0\u201D\r\n`;
    expect(read(text)).toEqual({
      flows: ['table=1, actions=drop', 'in_port="eth0" actions=output:"eth0"'],
      errors: [],
      skipped: 0,
    });
  });

  test('has every bad line reported, however many follow each other', () => {
    const { errors, flows } = parseFlows('table=1,actions=ct(commit\n'.repeat(300));
    expect([errors.length, flows.length]).toEqual([300, 0]);
  });
});

describe('names of ports', () => {
  test('stay in quotes, with their escapes, and need none where only a port can stand', () => {
    expect(read('in_port=eth0,actions=output:vm-1.2,output:"a\\"b"').flows).toEqual([
      'in_port="eth0" actions=output:"vm-1.2",output:"a\\"b"',
    ]);
    expect(read('actions=eth0').errors).toEqual(['1:9']);
  });
});
