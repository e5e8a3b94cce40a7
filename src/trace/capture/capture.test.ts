import { describe, expect, it } from 'vitest';
import type { Asked } from '../question.ts';
import { Capture } from './capture.ts';
import { BRIDGE_FILES, NODE_FILES } from './layout.ts';

/** What a node has, as far as a case is about it. */
interface NodeTexts {
  readonly dpif: string;
  readonly routes?: string;
  readonly neighbours?: string;
  readonly conntrack?: string;
  readonly type?: string;
  readonly ids?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly flows: Readonly<Record<string, readonly string[]>>;
  readonly down?: readonly string[];
  /** name, tag, trunks and vlan_mode of ports that have any. */
  readonly vlans?: readonly (readonly unknown[])[];
}

const MAC = { a: 'fa:16:3e:00:00:0a', b: 'fa:16:3e:00:00:0b' } as const;
const ENDS = {
  a: { 'attached-mac': MAC.a, 'ip-address': '10.0.0.10' },
  b: { 'attached-mac': MAC.b, 'ip-address': '10.0.0.11' },
} as const;

const TLV_MAP = `NXT_TLV_TABLE_REPLY (xid=0x2):
 max option space=256 max fields=64

 mapping table:
  class  type  length  match field
 ------  ----  ------  --------------
  0x102  0x80       4  tun_metadata0
`;

/** `name ofport (type: options)` for each port, of each bridge. */
function textsOf(name: string, node: NodeTexts): [string, string][] {
  const { dpif, routes, neighbours, conntrack, flows, ids = {}, down = [], vlans = [] } = node;
  const pairs = (map: Readonly<Record<string, string>>) => ['map', Object.entries(map)];
  const headings = [
    'name',
    'type',
    'ofport',
    'mac_in_use',
    'link_state',
    'options',
    'external_ids',
  ];
  const data = [...dpif.matchAll(/^ {4}(\S+) (\d+)\/\S+: \(([^:)]*)(?:: (.*))?\)$/gm)].map(
    ([, port = '', ofport, type = '', options = '']) => [
      port,
      type === 'system' ? '' : type,
      Number(ofport),
      `aa:00:00:00:0${name.slice(-1)}:${String(Number(ofport) % 90).padStart(2, '0')}`,
      down.includes(port) ? 'down' : 'up',
      pairs(
        Object.fromEntries(
          options
            .split(', ')
            .map((pair) => pair.split('='))
            .filter(([key]) => key),
        ),
      ),
      pairs(ids[port] ?? {}),
    ],
  );
  const bridges = {
    headings: ['name', 'datapath_type', 'external_ids'],
    data: [['br-int', node.type ?? '', pairs({})]],
  };
  const texts: [string, string | undefined][] = [
    [`${name}/${NODE_FILES.interfaces.name}`, JSON.stringify({ headings, data })],
    [`${name}/${NODE_FILES.bridges.name}`, JSON.stringify(bridges)],
    [
      `${name}/${NODE_FILES.ports.name}`,
      JSON.stringify({ headings: ['name', 'tag', 'trunks', 'vlan_mode'], data: vlans }),
    ],
    [`${name}/${NODE_FILES.dpif.name}`, dpif],
    [`${name}/${NODE_FILES.routes.name}`, routes],
    [`${name}/${NODE_FILES.neighbours.name}`, neighbours],
    [`${name}/${NODE_FILES.conntrack.name}`, conntrack ?? ''],
    ...Object.entries(flows).flatMap(([bridge, lines]): [string, string][] => [
      [`${name}/bridges/${bridge}/${BRIDGE_FILES.flows.name}`, lines.join('\n')],
      [`${name}/bridges/${bridge}/${BRIDGE_FILES.groups.name}`, ''],
      [`${name}/bridges/${bridge}/${BRIDGE_FILES.tlvMap.name}`, TLV_MAP],
    ]),
  ];
  return texts.flatMap(([path, text]) => (text === undefined ? [] : [[path, text]]));
}

const captureOf = (nodes: Readonly<Record<string, NodeTexts>>): Capture =>
  new Capture(new Map(Object.entries(nodes).flatMap(([name, node]) => textsOf(name, node))));

const dpif = (bridges: Readonly<Record<string, readonly string[]>>): string =>
  [
    'system@ovs-system: hit:0 missed:0\n',
    ...Object.entries(bridges).map(([bridge, ports]) =>
      [`  ${bridge}:`, `    ${bridge} 65534/1: (internal)`]
        .concat(ports.map((port) => `    ${port}`))
        .map((line) => `${line}\n`)
        .join(''),
    ),
  ].join('');

const route = (address: string, device: string, more = '') =>
  `Route Table:\nCached: ${address}/32 dev ${device} SRC ${address} local\nCached: 192.0.2.0/24 dev ${device}${more} SRC ${address}\n`;

/** br-int alone: what is for the other goes into the tunnel port 1, what comes out of it to the guest. */
const overlay = (
  here: 'a' | 'b',
  there: 'a' | 'b',
  send: string,
  receive = '',
): readonly string[] => [
  `in_port=10,dl_src=${MAC[here]},dl_dst=${MAC[there]} actions=${send}output:1`,
  `in_port=1,dl_dst=${MAC[here]}${receive} actions=output:10`,
];

interface Pair {
  readonly tunnel: (peer: string) => string;
  readonly send?: string;
  readonly receive?: string;
  readonly gateway?: string;
}

/** Two nodes whose tunnels leave by an interface of no bridge. */
const pair = ({ tunnel, send = '', receive = '', gateway = '' }: Pair) =>
  captureOf({
    n1: {
      dpif: dpif({ 'br-int': [`t 1/2: (${tunnel('192.0.2.2')})`, 'tapa 10/3: (system)'] }),
      routes: route('192.0.2.1', 'eth9', gateway),
      ids: { tapa: ENDS.a },
      flows: { 'br-int': overlay('a', 'b', send, receive) },
    },
    n2: {
      dpif: dpif({ 'br-int': [`t 1/2: (${tunnel('192.0.2.1')})`, 'tapb 10/3: (system)'] }),
      routes: route('192.0.2.2', 'eth9', gateway),
      ids: { tapb: ENDS.b },
      flows: { 'br-int': overlay('b', 'a', send, receive) },
    },
  });

const ASKED: Asked = { from: 'n1:tapa', to: 'n2:tapb' };
const traced = (capture: Capture, asked: Partial<Asked> = {}) =>
  capture.trace({ ...ASKED, ...asked }, 'folder');

describe('tunnels of other clouds', () => {
  it.each([
    ['Geneve, ends and VNI set by flows', { tunnel: () => 'geneve: key=flow, remote_ip=flow' }],
    ['GRE of one key', { tunnel: (peer: string) => `gre: key=7, remote_ip=${peer}` }],
    ['VXLAN of one key', { tunnel: (peer: string) => `vxlan: key=7, remote_ip=${peer}` }],
    [
      'over a router',
      { tunnel: (peer: string) => `vxlan: remote_ip=${peer}`, gateway: ' GW 192.0.2.254' },
    ],
  ])('%s', (_what, of) => {
    const flow = of.tunnel('').includes('remote_ip=flow');
    const capture = pair(of);
    if (!flow) expect(traced(capture).verdict).toBe('delivered');
    else expect(traced(capture).reason).toMatchObject({ code: 'lost_in_underlay' });
    const set = pair({ ...of, send: 'set_field:192.0.2.2->tun_dst,set_field:0x7->tun_id,' });
    expect(traced(set).legs[0]?.verdict).toBe('delivered');
  });

  it('carries the options of Geneve, and those of no other', () => {
    const send = 'set_field:192.0.2.2->tun_dst,set_field:0x5->tun_metadata0,';
    const receive = ',tun_metadata0=0x5';
    const geneve = pair({ tunnel: () => 'geneve: key=flow, remote_ip=flow', send, receive });
    expect(traced(geneve).legs[0]?.verdict).toBe('delivered');
    const vxlan = pair({ tunnel: () => 'vxlan: key=flow, remote_ip=flow', send, receive });
    expect(traced(vxlan).legs[0]?.verdict).toBe('dropped');
  });

  it('takes a packet in by the port that is for its sender and its VNI alone', () => {
    const foreign = pair({ tunnel: () => 'vxlan: key=9, remote_ip=192.0.2.77' });
    expect(traced(foreign).reason).toMatchObject({ code: 'not_followed', node: 'n1' });
    const keys = pair({ tunnel: (peer) => `vxlan: out_key=7, in_key=8, remote_ip=${peer}` });
    expect(traced(keys).reason).toMatchObject({ code: 'lost_in_underlay', node: 'n2' });
  });

  it('says what it does not follow', () => {
    for (const [tunnel, words] of [
      ['lisp: remote_ip=192.0.2.2', 'a lisp tunnel'],
      ['vxlan: remote_ip=2001:db8::2', 'over IPv6'],
    ] as const) {
      const { reason } = traced(pair({ tunnel: () => tunnel }));
      expect(reason).toMatchObject({ code: 'not_followed', node: 'n1' });
      expect(reason?.message).toContain(words);
    }
  });
});

describe('the bridge under the tunnels', () => {
  const underlay = (flows: readonly string[], more: Partial<NodeTexts> = {}) => {
    const node = (here: 'a' | 'b', there: 'a' | 'b', number: 1 | 2): NodeTexts => ({
      dpif: dpif({
        'br-int': [
          `t 1/2: (vxlan: key=3, remote_ip=192.0.2.${3 - number})`,
          `tap${here} 10/3: (system)`,
        ],
        'br-ex': ['eth0 1/4: (system)', 'eth1 2/5: (system)'],
      }),
      routes: route(`192.0.2.${number}`, 'br-ex'),
      ids: { [`tap${here}`]: ENDS[here] },
      flows: { 'br-int': overlay(here, there, ''), 'br-ex': flows },
      ...more,
    });
    return captureOf({ n1: node('a', 'b', 1), n2: node('b', 'a', 2) });
  };
  const PLAIN = ['in_port=LOCAL actions=output:2', 'in_port=2 actions=LOCAL'];

  it('is passed on both nodes', () => {
    const { legs } = traced(underlay(PLAIN));
    expect(legs.map(({ verdict }) => verdict)).toEqual(['delivered', 'delivered', 'delivered']);
    const bridges = legs[0]?.hops.map(({ node, bridge }) => `${node} ${bridge}`);
    expect(bridges).toEqual(['n1 br-int', 'n1 br-ex', 'n2 br-ex', 'n2 br-int']);
  });

  it('may flood by NORMAL, which says so where the packet does not arrive', () => {
    expect(traced(underlay(['actions=NORMAL'])).verdict).toBe('delivered');
    const { reason } = traced(underlay(['actions=NORMAL'], { down: ['eth0', 'eth1'] }));
    expect(reason?.code).toBe('not_followed');
    expect(reason?.message).toContain('NORMAL');
  });

  it('drops in the open, and is the end of what is in no tunnel', () => {
    expect(traced(underlay(['in_port=2 actions=LOCAL'])).reason).toMatchObject({ node: 'n1' });
    const direct = captureOf({
      n1: {
        dpif: dpif({ 'br-ex': ['eth0 1/4: (system)', 'tapa 10/3: (system)'] }),
        routes: route('192.0.2.1', 'br-ex'),
        ids: { tapa: { ...ENDS.a, 'iface-id': 'one' } },
        flows: { 'br-ex': ['in_port=10 actions=output:1'] },
      },
    });
    const { reason } = traced(direct, { from: 'one', to: `10.0.0.11,mac=${MAC.b}` });
    expect(reason).toMatchObject({ code: 'not_followed', node: 'n1' });
    expect(reason?.message).toContain('uplink eth0');
  });

  it('wants a neighbour where the datapath resolves them itself', () => {
    const head = 'IP   MAC   Bridge\n=====\n';
    const cold = underlay(PLAIN, { type: 'netdev', neighbours: head });
    expect(traced(cold).reason).toMatchObject({ code: 'cold_neighbour', node: 'n1' });
    const both = ['1', '2'].map((n) => `192.0.2.${n}  aa:00:00:00:00:0${n}   br-ex\n`).join('');
    expect(traced(underlay(PLAIN, { type: 'netdev', neighbours: head + both })).verdict).toBe(
      'delivered',
    );
    const stale = both.replaceAll('br-ex', 'br-ex   STALE');
    expect(traced(underlay(PLAIN, { type: 'netdev', neighbours: head + stale })).reason?.code).toBe(
      'cold_neighbour',
    );
    expect(traced(underlay(PLAIN, { type: 'system', neighbours: head })).verdict).toBe('delivered');
  });
});

describe('patch ports', () => {
  const patched = (
    flows: Readonly<Record<string, readonly string[]>>,
    peer = 'from-the-bridge-br-a',
  ) =>
    captureOf({
      n1: {
        dpif: dpif({
          'br-a': [
            `to-the-bridge-that-is-called-br-b 1/none: (patch: peer=${peer})`,
            'tapa 10/3: (system)',
          ],
          'br-b': [
            'from-the-bridge-br-a 7/none: (patch: peer=to-the-bridge-that-is-called-br-b)',
            'tapb 10/4: (system)',
          ],
        }),
        ids: { tapa: ENDS.a, tapb: ENDS.b },
        flows,
      },
    });
  const ends = { from: `n1:br-a:10`, to: MAC.b };

  it('lead on, and leave registers and connection behind', () => {
    const send = 'in_port=10 actions=set_field:5->reg1,set_field:6->pkt_mark,output:1';
    const receive = (match: string) => [`priority=1,in_port=7${match} actions=output:10`];
    const ask = (match: string) =>
      traced(patched({ 'br-a': [send], 'br-b': receive(match) }), ends).legs[0]?.verdict;
    expect(ask('')).toBe('delivered');
    expect(ask(',reg1=5')).toBe('dropped');
    expect(ask(',pkt_mark=6')).toBe('delivered');
  });

  it('without another end say so', () => {
    const { reason } = traced(
      patched({ 'br-a': ['in_port=10 actions=output:1'], 'br-b': [] }, 'gone'),
      ends,
    );
    expect(reason).toMatchObject({ code: 'not_followed' });
    expect(reason?.message).toContain('gone');
  });
});

describe('NORMAL', () => {
  const none = ['set', []];
  const normal = (...vlans: readonly (readonly unknown[])[]) =>
    captureOf({
      n1: {
        dpif: dpif({
          'br-a': ['t 1/none: (patch: peer=u)', 'tapa 10/3: (system)'],
          'br-b': ['u 1/none: (patch: peer=t)', 'tapb 10/4: (system)'],
        }),
        ids: { tapa: ENDS.a, tapb: ENDS.b },
        vlans,
        flows: { 'br-a': ['actions=NORMAL'], 'br-b': ['actions=NORMAL'] },
      },
    });
  const ask = (...vlans: readonly (readonly unknown[])[]) =>
    traced(normal(...vlans), { from: MAC.a, to: MAC.b }).verdict;

  it.each([
    ['one VLAN', ['tapa', 5, none, none], ['tapb', 5, none, none], 'delivered'],
    ['two VLANs', ['tapa', 5, none, none], ['tapb', 6, none, none], 'dropped'],
    [
      'a VLAN and none',
      ['tapa', 5, none, none],
      ['tapb', none, ['set', [6, 7]], 'trunk'],
      'dropped',
    ],
    ['a native one', ['tapa', 5, none, 'native-untagged'], ['tapb', 5, none, none], 'delivered'],
  ] as const)('of %s', (_what, a, b, verdict) => {
    expect(ask(a, b)).toBe(verdict);
  });

  it('goes by the trunks between', () => {
    const guests = [
      ['tapa', 5, none, none],
      ['tapb', 5, none, none],
    ] as const;
    expect(ask(...guests, ['t', none, ['set', [5, 6]], none])).toBe('delivered');
    expect(ask(...guests, ['t', none, ['set', [6, 7]], none])).toBe('dropped');
    expect(ask(...guests, ['u', none, 6, none])).toBe('dropped');
  });
});

describe('FROM and TO', () => {
  const flows = [
    `in_port=10,ip,dl_src=${MAC.a},nw_src=10.0.0.10 actions=output:11`,
    `in_port=10,arp,dl_src=${MAC.a},arp_spa=10.0.0.10 actions=output:11`,
    'in_port=11 actions=output:10',
  ];
  const capture = (ids: NonNullable<NodeTexts['ids']> = {}) =>
    captureOf({
      n1: {
        dpif: dpif({ 'br-int': ['tapa 10/3: (system)', 'tapb 11/4: (system)'] }),
        ids,
        flows: { 'br-int': flows },
      },
    });

  it('are known by the rows against spoofing, by external_ids, or as written', () => {
    for (const [from, to] of [
      ['n1:tapa', `n1:11,ip=10.0.0.11,mac=${MAC.b}`],
      ['10.0.0.10', `n1:br-int:11,ip=10.0.0.11,mac=${MAC.b}`],
      [MAC.a.toUpperCase(), `n1:tapb,mac=${MAC.b},ip=10.0.0.11`],
    ] as const) {
      const { verdict, from: sender } = traced(capture(), { from, to });
      expect(verdict).toBe('delivered');
      expect(sender).toMatchObject({ address: '10.0.0.10', port: { mac: MAC.a, node: 'n1' } });
    }
    expect(traced(capture({ tapb: { ...ENDS.b, 'iface-id': 'two' } }), { to: 'two' }).verdict).toBe(
      'delivered',
    );
  });

  it.each([
    ['n1:tapb', 'n1:tapa', /which address it has.*n1:tapb,ip=ADDRESS/],
    ['n1:tapb,ip=10.0.0.11', 'n1:tapa', /which MAC it has.*,mac=MAC/],
    ['n1:tapa', 'n1:tapb,ip=10.0.0.11', /which MAC a frame.*router's/],
    ['n1:tapa', 'n1:tapb,ip=10.0.0.300', /10\.0\.0\.300/],
    ['n2:tapa', MAC.b, /no captured port/],
    ['n1:tapa', 'nobody', /no captured port/],
  ])('%s to %s says what is missing', (from, to, words) => {
    expect(() => traced(capture(), { from, to })).toThrow(words);
  });

  it('that are several are listed', () => {
    const twins = capture({ tapa: ENDS.a, tapb: ENDS.a });
    expect(() => traced(twins, { from: '10.0.0.10' })).toThrow(
      /n1:tapa \(br-int 10\), n1:tapb \(br-int 11\)/,
    );
  });
});

describe('connections', () => {
  const nat = (conntrack: string) =>
    captureOf({
      n1: {
        dpif: dpif({ 'br-int': ['tapa 10/3: (system)', 'tapb 11/4: (system)'] }),
        ids: { tapa: ENDS.a, tapb: ENDS.b },
        conntrack,
        flows: {
          'br-int': [
            'table=0,in_port=10,ip actions=ct(table=1,zone=4,nat)',
            'table=1,ct_state=+est,ip,nw_dst=10.0.0.11,nw_src=192.0.2.9 actions=output:11',
          ],
        },
      },
    });
  const line = (state: string) =>
    `tcp,orig=(src=10.0.0.10,dst=10.0.0.11,sport=40000,dport=80),reply=(src=10.0.0.11,dst=192.0.2.9,sport=80,dport=5001),zone=4,protoinfo=(state=${state})\n`;
  const ask = (text: string) =>
    traced(nat(text), { to: MAC.b, protocol: 'tcp/80', from: MAC.a }).legs[0]?.verdict;

  it('stand with their translations', () => {
    expect(ask('')).toBe('dropped');
    expect(ask(line('ESTABLISHED'))).toBe('delivered');
    expect(
      ask(
        line('ESTABLISHED').replace(
          'state=ESTABLISHED',
          'state_orig=ESTABLISHED,state_reply=ESTABLISHED',
        ),
      ),
    ).toBe('delivered');
    expect(ask(line('ESTABLISHED').replace('zone=4', 'zone=5'))).toBe('dropped');
  });

  it('of echoes are none: another has another identifier', () => {
    const icmp =
      'icmp,orig=(src=10.0.0.10,dst=10.0.0.11,id=7,type=8,code=0),reply=(src=10.0.0.11,dst=10.0.0.10,id=7,type=0,code=0),zone=4\n';
    expect(nat(icmp).faults).toEqual([]);
  });

  it('that are none are faults with their line', () => {
    const { faults } = nat(`${line('ESTABLISHED')}odd\n`);
    expect(faults).toMatchObject([{ file: 'n1/conntrack.txt', line: 2, column: 1 }]);
  });
});
