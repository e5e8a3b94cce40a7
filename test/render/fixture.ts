/**
 * Traces made by hand, so that the printers are tested apart from what makes traces: the record's
 * packets and the drops that a picture must show.
 */
import { tableName } from '../../src/pipeline/tables.ts';
import type { Endpoint, Hop, Leg, Reason, Stop, Trace } from '../../src/trace/types.ts';

type Port = NonNullable<Endpoint['port']>;

const SUBNET = '56a84738-7ef6-49d5-a68b-bb745d482d50';
const GROUP = { id: 'f16f84a8-4250-4913-9d7d-08a584b630aa', name: 'default' };
const VTEPS: Readonly<Record<string, string>> = {
  node1: '10.163.133.43',
  node2: '10.163.133.42',
  'P6F2-edge-smart-16.compute.c3.example.com': '10.163.133.43',
  'P6F2-edge-smart-15.compute.c3.example.com': '10.163.133.42',
};

export function endpoint(name: string, address: string, port: Partial<Port> = {}): Endpoint {
  const { id = '458ec446-9e78-40ab-a386-f2c29ee0a53b', node = 'node1' } = port;
  return {
    asked: name,
    address,
    port: {
      id,
      name,
      device_id: '6c8d619f-7131-460f-8756-1d20fd7b746f',
      mac: 'fa:16:3e:98:90:e7',
      interface: `vhu${id.slice(0, 11)}`,
      node,
      vtep: VTEPS[node] ?? '',
      vid: 0x27,
      subnet: SUBNET,
      security_groups: [GROUP],
      ...port,
    },
  };
}

const VM1 = endpoint('ipv4_yanxia_test1', '178.1.3.2');
const VM2 = endpoint('ipv4_yanxia_test2', '178.1.3.3', {
  id: 'ff4028a6-4f26-471b-9d6c-346e23e7515e',
  mac: 'fa:16:3e:68:a5:98',
  vid: 0x2d,
});
const VM3 = endpoint('ipv4_yanxia_test5', '178.1.3.6', {
  id: '6c0a14df-895b-4e38-9a0a-be99c923505e',
  mac: 'fa:16:3e:73:5d:00',
  node: 'node2',
  vid: 0x26,
});

const EGRESS = [0, 60, 65, 66, 67, 68, 70, 71, 72, 74, 80];
const ROUTING = [104, 105, 110, 115, 120];
const INGRESS = [133, 135, 140, 148, 150, 151, 152, 154, 155, 159, 160, 165, 180];
const upTo = (tables: readonly number[], last: number): number[] =>
  tables.slice(0, tables.indexOf(last) + 1);
const past = (tables: readonly number[], ...skipped: number[]): number[] =>
  tables.filter((table) => !skipped.includes(table));

const XXREG0 = 'reg0=0xfa177aca,reg1=0xf9094a77,reg2=0x9d7b1055,reg3=0x1d105cb3';

/** The flows of the record that say something; all other tables just go on. */
const FLOWS: Readonly<Record<number, Partial<Hop>>> = {
  0: {
    priority: 30,
    cookie: '0x63bfd88400160c27',
    match: 'ip,in_port=136,vlan_tci=0x0000/0x1fff,dl_src=fa:16:3e:98:90:e7,nw_src=178.1.3.2',
    actions:
      'set_field:0xfa177acaf9094a779d7b10551d105cb3->xxreg0,set_field:0x56a847387ef649d5a68bbb745d482d50->xxreg1,set_field:0x458ec4469e7840aba386f2c29ee0a53b->xxreg2,load:0x27->NXM_NX_REG12[0..15],set_field:0x170b->reg14,write_metadata:0x9000000000000000/0x9000000000000000,goto_table:60',
    object: 'port ipv4_yanxia_test1',
    changes: ['xxreg0=0xfa177acaf9094a779d7b10551d105cb3', 'reg12=0x27', 'reg14=0x170b'],
    note: 'The packet bears the address and MAC of its port, so registers may name the sender.',
  },
  70: {
    priority: 50,
    match: 'icmp',
    actions: 'ct(table=71,zone=NXM_NX_REG12[0..15],nat)',
    note: 'The sender’s vid is its conntrack zone.',
  },
  71: { priority: 50, match: 'ct_state=+new,ip', actions: 'goto_table:72', ct_state: '+new+trk' },
  72: {
    priority: 2010,
    cookie: '0x63bfd88400f60c27',
    match: 'ip,reg12=0x27',
    actions: 'goto_table:74',
    object: 'security groups of port ipv4_yanxia_test1',
  },
  120: {
    priority: 30,
    cookie: '0x63bfd88400160c2d',
    match: `ip,${XXREG0},nw_dst=178.1.3.3`,
    actions: 'set_field:0x56a847387ef649d5a68bbb745d482d50->xxreg1,group:638320642',
    object: 'port ipv4_yanxia_test2',
    group: {
      id: 638320642,
      bucket: 1,
      text: 'group_id=638320642,type=all,bucket=bucket_id:1,actions=load:0x2d->NXM_NX_REG13[],resubmit(0,133)',
    },
    changes: ['reg13=0x2d'],
  },
  180: {
    priority: 20,
    match: 'reg13=0x2d',
    actions: 'set_field:fe:ff:ff:ff:ff:ff->eth_src,set_field:fa:16:3e:68:a5:98->eth_dst,output:137',
    changes: ['eth_src=fe:ff:ff:ff:ff:ff', 'eth_dst=fa:16:3e:68:a5:98'],
  },
};
const DROP: Partial<Hop> = { priority: 0, match: '', actions: 'drop' };
const UPLINK: Partial<Hop> = { priority: 20, match: 'in_port=LOCAL', actions: 'group:0' };

function hops(
  node: string,
  tables: readonly number[],
  { bridge = 'br-int', dropped = false } = {},
): Hop[] {
  return tables.map((table, index) => ({
    node,
    bridge,
    table,
    name: tableName(table, bridge === 'br-phy' ? 'br-phy' : 'br-int'),
    priority: 0,
    cookie: '0x63bfd88400000000',
    match: '',
    actions: `goto_table:${tables[index + 1] ?? 'none'}`,
    ...(bridge === 'br-phy' ? UPLINK : FLOWS[table]),
    ...(dropped && index === tables.length - 1 ? DROP : {}),
  }));
}

type Place = Omit<Stop, 'hops' | 'dropped'> & Partial<Pick<Stop, 'hops'>>;

const stops = (dropped: boolean, places: readonly Place[]): Stop[] =>
  places.map((place, index) => ({
    hops: [0, 0],
    ...place,
    dropped: dropped && index === places.length - 1,
  }));

function spanText(path: readonly Hop[]): string {
  const [first, last] = [path[0]?.table, path.at(-1)?.table];
  return first === undefined ? 'no table has a flow for it' : `tables ${first} to ${last}`;
}

function departing({ port, asked }: Endpoint, path: readonly Hop[]): Place[] {
  const node = port?.node ?? '';
  const name = port?.interface ?? '';
  return [
    { kind: 'vm', node, step: 1, name: 'eth0', text: `port ${asked} sends it from eth0` },
    {
      kind: 'vm_port',
      node,
      step: 1,
      name,
      text: 'the other end of eth0, a port of br-int',
    },
    {
      kind: 'br-int',
      node,
      step: 2,
      name: 'br-int',
      text: `br-int of ${node}: ${spanText(path)}`,
      hops: [0, path.length],
    },
  ];
}

function arriving({ port, asked }: Endpoint, steps: readonly [number, number]): Place[] {
  const node = port?.node ?? '';
  return [
    {
      kind: 'vm_port',
      node,
      step: steps[0],
      name: port?.interface ?? '',
      text: 'a port of br-int, out to the other end of eth0',
    },
    { kind: 'vm', node, step: steps[1], name: 'eth0', text: `port ${asked} receives it on eth0` },
  ];
}

/** From br-int of one node to br-int of the other, whose hops begin at `count`. */
function crossing(from: Endpoint, to: Endpoint, count: number, path: readonly Hop[]): Place[] {
  const [here, there] = [from.port?.node ?? '', to.port?.node ?? ''];
  const [vtep, peer] = [from.port?.vtep ?? '', to.port?.vtep ?? ''];
  const tunnel = `vf-${vtep}`.slice(0, 15);
  const route = { kind: 'kernel_route', name: 'route' } as const;
  return [
    {
      kind: 'tunnel_port',
      node: here,
      step: 3,
      name: tunnel,
      text: `wraps it in VXLAN to ${peer}, VNI 0x170b`,
    },
    {
      ...route,
      node: here,
      step: 4,
      text: `the kernel's route to ${peer} leads to br-phy, which has ${vtep}`,
    },
    {
      kind: 'br-phy',
      node: here,
      step: 5,
      name: 'br-phy',
      text: `br-phy of ${here}: table 0`,
      hops: [count, count + 1],
    },
    {
      kind: 'uplink',
      node: here,
      step: 5,
      name: 'dpdk_phy0',
      text: 'leaves the node by dpdk_phy0',
    },
    {
      kind: 'wire',
      node: here,
      step: 6,
      name: 'underlay',
      text: 'crosses the underlay in VLAN 101',
    },
    {
      kind: 'uplink',
      node: there,
      step: 6,
      name: 'dpdk_phy0',
      text: `arrives by dpdk_phy0 of ${there}`,
    },
    {
      kind: 'br-phy',
      node: there,
      step: 6,
      name: 'br-phy',
      text: `br-phy of ${there}: table 0`,
      hops: [count + 1, count + 2],
    },
    {
      ...route,
      node: there,
      step: 7,
      text: 'the outer destination is the node itself: its VTEP takes the packet',
    },
    {
      kind: 'tunnel_port',
      node: there,
      step: 8,
      name: `vf-${peer}`.slice(0, 15),
      text: 'takes the VXLAN header off, VNI 0x170b',
    },
    {
      kind: 'br-int',
      node: there,
      step: 9,
      name: 'br-int',
      text: `br-int of ${there}: ${spanText(path.slice(count + 2))}`,
      hops: [count + 2, path.length],
    },
  ];
}

type Ends = readonly [from: Endpoint, to: Endpoint];

function nearLeg([from, to]: Ends, tables: readonly number[], reason: Reason | null = null): Leg {
  const dropped = reason !== null;
  const path = hops(from.port?.node ?? '', tables, { dropped });
  const out = departing(from, path);
  return {
    direction: 'request',
    connection: 'new',
    verdict: dropped ? 'dropped' : 'delivered',
    reason,
    hops: path,
    stops: stops(dropped, dropped ? out : [...out, ...arriving(to, [3, 4])]),
  };
}

function farLeg([from, to]: Ends, tables: readonly number[], reason: Reason | null = null): Leg {
  const dropped = reason !== null;
  const [here, there] = [from.port?.node ?? '', to.port?.node ?? ''];
  const sent = hops(here, [...EGRESS, ...ROUTING]);
  const path = [
    ...sent,
    ...hops(here, [0], { bridge: 'br-phy' }),
    ...hops(there, [0], { bridge: 'br-phy' }),
    ...hops(there, tables, { dropped }),
  ];
  const out = [...departing(from, sent), ...crossing(from, to, sent.length, path)];
  return {
    direction: 'request',
    connection: 'new',
    verdict: dropped ? 'dropped' : 'delivered',
    reason,
    hops: path,
    stops: stops(dropped, dropped ? out : [...out, ...arriving(to, [10, 10])]),
  };
}

function trace([from, to]: Ends, legs: readonly Leg[], more: Partial<Trace> = {}): Trace {
  const [first] = legs;
  return {
    from,
    to,
    probe: { protocol: 'icmp', family: 4, source_port: null, destination_port: null },
    source: 'live',
    verdict: first?.verdict ?? 'dropped',
    reason: first?.reason ?? null,
    fix: [],
    legs,
    ...more,
  };
}

const FAR = [0, 100, 101, 120, ...INGRESS];
const answered = (ends: Ends, leg: Leg, tables: readonly number[]): Leg[] => {
  const again = nearLeg(ends, tables);
  const [from, to] = ends;
  return [
    leg,
    { ...nearLeg([to, from], tables), direction: 'reply', connection: 'established' },
    { ...again, connection: 'established' },
  ];
};

const noEgressRule = (from: Endpoint, to: Endpoint, protocol: string): Reason => ({
  code: 'no_egress_rule',
  message: `No security group rule lets ${protocol} from ${from.address} to ${to.address} out of port ${from.asked}, which has no security group.`,
  table: 72,
  node: from.port?.node ?? '',
  object: `port ${from.asked}`,
  cure: `bind a security group to port ${from.asked} that has an egress rule for it`,
});

const noIngressRule = (from: Endpoint, to: Endpoint): Reason => ({
  code: 'no_ingress_rule',
  message: `No security group rule lets icmp from ${from.address} to ${to.address} into port ${to.asked}, which has no security group.`,
  table: 152,
  node: to.port?.node ?? '',
  object: `port ${to.asked}`,
  cure: `bind a security group to port ${to.asked} that has an ingress rule for it`,
});

const bind = (name: string): string => `tianchi port-update ${name} --security-group default`;

const LONG_FROM = endpoint(
  'web-frontend-blue-deployment-of-the-customer-portal-in-zone-3-replica-17',
  '2001:db8:1234:5678:9abc:def0:1234:5678',
  { node: 'P6F2-edge-smart-16.compute.c3.example.com' },
);
const LONG_TO = endpoint(
  '数据库主节点-華北三区-WWWWWWWWWWWWWWWWWWWWWWWWWWWW',
  '2001:db8:1234:5678:ffff:ffff:ffff:fffe',
  {
    id: '6c0a14df-895b-4e38-9a0a-be99c923505e',
    node: 'P6F2-edge-smart-15.compute.c3.example.com',
  },
);
const UNBOUND = endpoint('vm4', '178.1.3.4', { node: '', vtep: '', interface: '', vid: 0 });
const NOBODY: Endpoint = { asked: '178.1.3.99', port: null, address: '178.1.3.99' };
const HOSTILE = endpoint('</text><script>alert("1")</script>\u001B[2J\u202E', '178.1.3.9');

const sameNode = (): Trace => {
  const ends = [VM1, VM2] as const;
  const tables = [...EGRESS, ...ROUTING, ...INGRESS];
  return trace(
    ends,
    answered(ends, nearLeg(ends, tables), past(tables, 72, 74, 80, 152, 154, 155)),
  );
};

const acrossNodes = (): Trace => {
  const ends = [VM1, VM3] as const;
  return trace(ends, [
    farLeg(ends, FAR),
    {
      ...farLeg([VM3, VM1], past(FAR, 152, 154, 155)),
      direction: 'reply',
      connection: 'established',
    },
    { ...farLeg(ends, past(FAR, 152, 154, 155)), connection: 'established' },
  ]);
};

const v6 = { protocol: 'tcp', family: 6, source_port: 40_000, destination_port: 443 } as const;

/** By what they show. */
export const TRACES = {
  'same node': sameNode(),
  'across nodes': acrossNodes(),
  'dropped at 72': trace(
    [VM1, VM2],
    [nearLeg([VM1, VM2], upTo(EGRESS, 72), noEgressRule(VM1, VM2, 'icmp'))],
    { fix: [bind(VM1.asked), bind(VM2.asked)] },
  ),
  'dropped at 72, other node': trace(
    [VM1, VM3],
    [nearLeg([VM1, VM3], upTo(EGRESS, 72), noEgressRule(VM1, VM3, 'tcp/22'))],
    {
      probe: { protocol: 'tcp', family: 4, source_port: 40_000, destination_port: 22 },
      fix: [
        'tianchi security-group-create allow-tcp-22',
        'tianchi security-group-rule-create allow-tcp-22 --direction egress --ethertype IPv4 --protocol tcp --port-range 22:22 --remote-ip 178.1.3.6/32',
        `tianchi port-update ${VM1.asked} --security-group allow-tcp-22`,
      ],
    },
  ),
  'dropped at 152': trace(
    [VM1, VM2],
    [nearLeg([VM1, VM2], upTo([...EGRESS, ...ROUTING, ...INGRESS], 152), noIngressRule(VM1, VM2))],
    { fix: [bind(VM2.asked)] },
  ),
  'dropped at 152, other node': trace(
    [VM1, VM3],
    [farLeg([VM1, VM3], upTo(FAR, 152), noIngressRule(VM1, VM3))],
    { fix: [bind(VM3.asked)] },
  ),
  'nobody has the address': trace(
    [VM1, NOBODY],
    [
      nearLeg([VM1, NOBODY], [...EGRESS, ...ROUTING], {
        code: 'no_such_address',
        message: 'Nobody in VPC ipv4_yanxia_network1_1 has the address 178.1.3.99.',
        table: 120,
        node: 'node1',
        object: 'address 178.1.3.99',
        cure: 'create a port with the fixed ip 178.1.3.99, or ask for another address',
      }),
    ],
  ),
  'sender not bound': trace(
    [UNBOUND, VM2],
    [
      {
        direction: 'request',
        connection: 'new',
        verdict: 'dropped',
        reason: {
          code: 'port_unbound',
          message: 'Port vm4, which has 178.1.3.4, is bound to no node.',
          table: null,
          node: '',
          object: 'port vm4',
          cure: 'boot a VM with port vm4, which binds it (binding:host_id)',
        },
        hops: [],
        stops: [],
      },
    ],
  ),
  'receiver not bound': trace(
    [VM1, UNBOUND],
    [
      nearLeg([VM1, UNBOUND], [...EGRESS, ...ROUTING], {
        code: 'port_unbound',
        message: 'Port vm4, which has 178.1.3.4, is bound to no node.',
        table: 120,
        node: 'node1',
        object: 'port vm4',
        cure: 'boot a VM with port vm4, which binds it (binding:host_id)',
      }),
    ],
  ),
  'no uplink': noUplink(),
  'no VLAN': wrongVlan(),
  'no flows': trace(
    [VM1, VM2],
    [
      nearLeg([VM1, VM2], [], {
        code: 'no_flows',
        message: 'br-int of node1 holds no flows at all.',
        table: null,
        node: 'node1',
        object: 'node node1',
        cure: 'look whether the agent of node1 runs, and what it logs',
      }),
    ],
  ),
  'v6, long names': trace([LONG_FROM, LONG_TO], [farLeg([LONG_FROM, LONG_TO], FAR)], { probe: v6 }),
  'v6, long names, dropped': trace(
    [LONG_FROM, LONG_TO],
    [farLeg([LONG_FROM, LONG_TO], upTo(FAR, 152), noIngressRule(LONG_FROM, LONG_TO))],
    { probe: v6 },
  ),
  'hostile name': trace(
    [HOSTILE, VM2],
    [nearLeg([HOSTILE, VM2], upTo(EGRESS, 72), noEgressRule(HOSTILE, VM2, 'icmp'))],
  ),
} as const satisfies Readonly<Record<string, Trace>>;

/** Ends at the kernel's route: no uplink of the sender's node is up. */
function noUplink(): Trace {
  const full = farLeg([VM1, VM3], FAR);
  const reason: Reason = {
    code: 'uplinks_down',
    message: 'All uplinks of node1 are down, so nothing leaves the node.',
    table: null,
    node: 'node1',
    object: 'node node1',
    cure: 'look at the cabling of node1 and its switch ports',
  };
  const last = full.stops.findIndex(({ kind }) => kind === 'br-phy');
  return trace(
    [VM1, VM3],
    [
      {
        ...full,
        verdict: 'dropped',
        reason,
        hops: full.hops.slice(0, EGRESS.length + ROUTING.length + 1),
        stops: stops(true, full.stops.slice(0, last + 1)),
      },
    ],
  );
}

/** Ends in br-phy of the receiver's node. */
function wrongVlan(): Trace {
  const full = farLeg([VM1, VM3], FAR);
  const reason: Reason = {
    code: 'not_underlay',
    message: 'br-phy of node2 takes from its uplinks only the VLAN of the underlay.',
    table: 0,
    node: 'node2',
    object: 'node node2',
    cure: 'give all agents and the fabric the same --vlan',
  };
  const last = full.stops.findLastIndex(({ kind }) => kind === 'br-phy');
  return trace(
    [VM1, VM3],
    [
      {
        ...full,
        verdict: 'dropped',
        reason,
        hops: full.hops.slice(0, EGRESS.length + ROUTING.length + 2),
        stops: stops(true, full.stops.slice(0, last + 1)),
      },
    ],
  );
}
