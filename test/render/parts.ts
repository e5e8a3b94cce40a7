/** What traces made by hand are put together from: ends, flows, and the places of the traffic model. */
import { tableName } from '../../src/pipeline/tables.ts';
import type { Endpoint, Hop, Leg, Reason, Stop } from '../../src/trace/types.ts';

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

export const EGRESS = [0, 60, 65, 66, 67, 68, 70, 71, 72, 74, 80];
export const ROUTING = [104, 105, 110, 115, 120];
export const INGRESS = [133, 135, 140, 148, 150, 151, 152, 154, 155, 159, 160, 165, 180];
export const upTo = (tables: readonly number[], last: number): number[] =>
  tables.slice(0, tables.indexOf(last) + 1);
export const past = (tables: readonly number[], ...skipped: number[]): number[] =>
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

export const stops = (dropped: boolean, places: readonly Place[]): Stop[] =>
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
    {
      kind: 'vm',
      node,
      step: steps[1],
      name: 'eth0',
      text: `port ${asked} receives it on eth0, with source MAC fe:ff:ff:ff:ff:ff and destination MAC ${port?.mac ?? ''}`,
    },
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
      text: 'group 0 picks dpdk_phy0 of 2 uplinks and adds VLAN 101',
      others: ['dpdk_phy1'],
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
      others: ['dpdk_phy1'],
    },
    {
      kind: 'br-phy',
      node: there,
      step: 6,
      name: 'br-phy',
      text: `br-phy of ${there}: table 0; it strips the VLAN and hands the packet to LOCAL`,
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

export type Ends = readonly [from: Endpoint, to: Endpoint];

export function nearLeg(
  [from, to]: Ends,
  tables: readonly number[],
  reason: Reason | null = null,
): Leg {
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

export function farLeg(
  [from, to]: Ends,
  tables: readonly number[],
  reason: Reason | null = null,
): Leg {
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
