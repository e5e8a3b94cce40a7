import { describe, expect, test } from 'vitest';
import { pairs, refused } from '../../../test/golden/openflow/flows.ts';
import { Failure } from '../../base/failure.ts';
import { ctState, match, setField } from '../build.ts';
import { field } from '../fields.ts';
import { flowKey, matchKey, sameFlow } from '../identity.ts';
import { readField } from '../key.ts';
import {
  formatActions,
  formatFlow,
  formatMatch,
  parseActions,
  parseFlow,
  parseFlows,
  parseMatch,
  parsePacket,
} from './index.ts';

describe('a flow', () => {
  test.each(pairs)('%s', (given, printed) => {
    const flow = parseFlow(given);
    expect(formatFlow(flow)).toBe(printed);
    expect(sameFlow(parseFlow(printed), flow)).toBe(true);
  });

  test('prints its counters as dump-flows does', () => {
    const flow = parseFlow(
      'table=72,cookie=0x63bfd88400f60c27,priority=2010,ip,reg12=0x27,actions=goto_table:74',
    );
    const counters = { packets: 3, bytes: 294n, duration: 17157.881 };
    expect(formatFlow(flow, { counters })).toBe(
      'cookie=0x63bfd88400f60c27, duration=17157.881s, table=72, n_packets=3, n_bytes=294, priority=2010,ip,reg12=0x27 actions=goto_table:74',
    );
    expect(
      formatFlow(parseFlow('actions=drop'), { counters: { packets: 0, bytes: 0, duration: 5 } }),
    ).toBe('cookie=0x0, duration=5s, table=0, n_packets=0, n_bytes=0, actions=drop');
  });
});

describe('a bad line', () => {
  test.each(refused)('%s', (given, column) => {
    const { flows, errors } = parseFlows(`actions=drop\n  ${given}\npriority=1,actions=drop`);
    expect(flows.map(({ priority }) => priority)).toEqual([32768, 1]);
    expect(errors).toMatchObject([{ line: 2, column: column + 2 }]);
    expect(() => parseFlow(given)).toThrow(Failure);
  });
});

describe('a dump', () => {
  test('is read past headers, comments and blank lines', () => {
    const { flows, errors } = parseFlows(
      [
        'OFPST_FLOW reply (OF1.3) (xid=0x2):',
        ' cookie=0x0, duration=3.2s, table=0, n_packets=0, n_bytes=0, priority=1 actions=drop',
        '',
        '# a comment',
        'OFPST_FLOW reply (OF1.3) (xid=0x2): flags=[more]',
        'NXST_FLOW reply (xid=0x4):',
        ' cookie=0x1, duration=3s, table=3, n_packets=0, n_bytes=0, idle_age=3, hard_age=9, actions=NORMAL # note',
      ].join('\n'),
    );
    expect(errors).toEqual([]);
    expect(flows.map((flow) => formatFlow(flow))).toEqual([
      'priority=1 actions=drop',
      'cookie=0x1, table=3, actions=NORMAL',
    ]);
  });

  test('names of ports are looked up, and kept in quotes when unknown', () => {
    const text = 'in_port="dpdk_phy0",dl_vlan=101 actions=output:"vhu 1",output:"br0",p1';
    const { flows, unresolved, errors } = parseFlows(text, {
      ports: new Map([
        ['br0', 7],
        ['p1', 1],
      ]),
    });
    expect(errors).toEqual([]);
    expect(formatFlow(flows[0]!, { unresolved })).toBe(
      'in_port="dpdk_phy0",dl_vlan=101 actions=output:"vhu 1",output:7,output:1',
    );
  });
});

describe('matches', () => {
  test('are one however they are written', () => {
    const key = (text: string) => matchKey(parseMatch(text));
    expect(key('xxreg0=0x1,ip')).toBe(key('ip,reg3=1,reg2=0,reg1=0,reg0=0'));
    expect(key('dl_vlan=5')).toBe(key('vlan_tci=0x1005/0x1fff'));
    expect(key('tcp,tcp_dst=5')).toBe(key('tp_dst=5,nw_proto=6,dl_type=0x800'));
    expect(key('tcp,tcp_dst=5')).not.toBe(key('udp,udp_dst=5'));
    expect(key('reg0=0/0xff')).not.toBe(key(''));
    expect(matchKey(match('ip', { ct_state: ctState('+new+trk'), reg12: 39 }))).toBe(
      key('ct_state=+new+trk,ip,reg12=39'),
    );
    expect(matchKey(match('ip', { nw_tos: 16 }))).toBe(key('ip,nw_tos=16'));
  });

  test('built and read ones print alike', () => {
    const built = match('ip', {
      xxreg0: 0xfa177acaf9094a779d7b10551d105cb3n,
      metadata: { value: 0, mask: 1n << 62n },
      ip_dst: 0xb2010306,
    });
    expect(formatMatch(built)).toBe(
      'ip,reg0=0xfa177aca,reg1=0xf9094a77,reg2=0x9d7b1055,reg3=0x1d105cb3,metadata=0/0x4000000000000000,nw_dst=178.1.3.6',
    );
    expect(matchKey(parseMatch(formatMatch(built)))).toBe(matchKey(built));
  });

  test('a flow is known by table, priority and match', () => {
    const base = parseFlow('table=1,priority=5,ip,actions=drop');
    expect(flowKey(parseFlow('cookie=9,table=1,priority=5,ip,actions=output:1'))).toBe(
      flowKey(base),
    );
    expect(flowKey(parseFlow('table=2,priority=5,ip,actions=drop'))).not.toBe(flowKey(base));
    expect(flowKey(parseFlow('table=1,priority=6,ip,actions=drop'))).not.toBe(flowKey(base));
    expect(sameFlow(base, parseFlow('table=1,priority=5,ip,actions=output:1'))).toBe(false);
    expect(sameFlow(base, { ...base, cookie: 1n })).toBe(false);
    expect(sameFlow(base, { ...base, idleTimeout: 0 })).toBe(true);
  });
});

describe('actions', () => {
  test('that set part of a field print as the loads they travel as', () => {
    expect(formatActions([setField('reg0', 0xf0f, 0xf0f)])).toBe(
      'load:0xf->NXM_NX_REG0[0..3],load:0xf->NXM_NX_REG0[8..11]',
    );
  });

  test('none is drop', () => {
    expect(parseActions('drop')).toEqual([]);
    expect(formatActions([])).toBe('drop');
  });
});

describe('a packet', () => {
  test('has the fields that are named', () => {
    const key = parsePacket(
      'in_port=3,icmp,dl_src=fa:16:3e:98:90:e7,nw_src=178.1.3.2,nw_ttl=64,dl_vlan=5',
    );
    const value = (name: string) => readField(key, field(name));
    expect(value('in_port')).toBe(3n);
    expect(value('eth_src')).toBe(0xfa163e9890e7n);
    expect(value('eth_type')).toBe(0x800n);
    expect(value('ip_proto')).toBe(1n);
    expect(value('ip_src')).toBe(0xb2010302n);
    expect(value('nw_ttl')).toBe(64n);
    expect(value('vlan_vid')).toBe(0x1005n);
    expect(value('ip_dst')).toBe(0n);
  });

  test('has fields that no flow can match', () => {
    const key = parsePacket('tcp,skb_priority=0x5,tun_tos=3,tun_ttl=64');
    const value = (name: string) => readField(key, field(name));
    expect(['skb_priority', 'tun_tos', 'tun_ttl'].map(value)).toEqual([5n, 3n, 64n]);
    expect(() => parseMatch('skb_priority=0x5')).toThrow(/cannot match skb_priority/);
  });

  test('has no masks', () => {
    expect(() => parsePacket('ip,nw_src=1.0.0.0/8')).toThrow(/column 11/);
  });
});
