/**
 * Bridges as other clouds program them, in the shape of their tables and not in their words: the
 * conntrack firewall and the tunnel bridge of Neutron's Open vSwitch agent, and the pipeline of a
 * Kubernetes network with policies and services. Rules are drawn by chance.
 */
import type { Random } from '../differential/sim-random.ts';

export interface CloudGuest {
  readonly port: number;
  readonly mac: string;
  readonly v4: string;
  readonly v6: string;
  /** The node's own VLAN of its network. */
  readonly vlan: number;
}

export interface CloudBridge {
  readonly flows: readonly string[];
  readonly groups: readonly string[];
}

const guest = (index: number, vlan: number): CloudGuest => ({
  port: 10 + index,
  mac: `fa:16:3e:00:00:0${index}`,
  v4: `10.${vlan}.0.${index}`,
  v6: `fd00:${vlan}::${index}`,
  vlan,
});

/** Guests on the node. */
export const GUESTS = [guest(1, 1), guest(2, 1), guest(3, 1), guest(4, 2)] as const;
/** Guests on others. */
export const REMOTES = [guest(5, 1), guest(6, 2)] as const;
/** Ofports of the bridge with the firewall. */
export const INTEGRATION = { physical: 1, tunnels: 2 } as const;
/** Ofports of the bridge with the tunnels; a tunnel to each of two nodes. */
export const TUNNELS = { integration: 1, first: 2, second: 3 } as const;
export const VNI = (vlan: number): number => 0x500 + vlan;

const hex = (value: number): string => `0x${value.toString(16)}`;
const ZONE = 'zone=NXM_NX_REG6[0..15]';
const NEIGHBOURS = [130, 131, 132, 135, 136] as const;

interface Rule {
  readonly ingress: boolean;
  readonly match: string;
  readonly remoteGroup: boolean;
}

const SERVICES = [
  'tcp,tp_dst=22',
  'tcp,tp_dst=0x1f90/0xfff0',
  'tcp6,tp_dst=443',
  'udp,tp_dst=53',
  'udp6,tp_dst=53',
  'icmp',
  'icmp,icmp_type=8,icmp_code=0',
  'icmp6,icmp_type=128',
  'ip',
  'ipv6',
] as const;

const drawRules = (random: Random): Rule[] =>
  Array.from({ length: 2 + random.below(3) }, () => ({
    ingress: random.chance(60),
    match: random.pick(SERVICES),
    remoteGroup: random.chance(50),
  }));

const STATES = ['+est-rel-rpl', '+new-est'] as const;

/** A rule that names addresses or none: accepted as what belongs to a connection, and as its first. */
function plainRule(own: CloudGuest, { ingress, match }: Rule, cidr: string): string[] {
  const table = ingress ? 82 : 72;
  return STATES.map((state) => {
    const accept = accepted(own, ingress, state);
    return `table=${table},priority=77,ct_state=${state},${match},reg5=${hex(own.port)}${cidr} actions=${accept}`;
  });
}

function accepted(own: CloudGuest, ingress: boolean, state: string): string {
  if (!ingress) return 'resubmit(,73)';
  return state.includes('+new')
    ? `ct(commit,${ZONE}),output:${own.port},resubmit(,92)`
    : `output:${own.port}`;
}

/** A rule that names a group of guests: their addresses are one clause, what the rule allows the other. */
function groupRule(own: CloudGuest, { ingress, match }: Rule, id: number): string[] {
  const table = ingress ? 82 : 72;
  const six = match.startsWith('tcp6') || match.includes('6,') || match === 'ipv6';
  const family = six ? 'ipv6' : 'ip';
  const side = `${six ? 'ipv6' : 'nw'}_${ingress ? 'src' : 'dst'}`;
  const members = [...GUESTS, ...REMOTES].filter(({ vlan }) => vlan === own.vlan);
  return STATES.flatMap((state, index) => {
    const place = `table=${table},priority=70,ct_state=${state}`;
    const conj = id + index;
    return [
      ...members.map(
        (member) =>
          `${place},${family},reg6=${hex(own.vlan)},${side}=${six ? member.v6 : member.v4} actions=conjunction(${conj},1/2)`,
      ),
      `${place},${match},reg5=${hex(own.port)} actions=conjunction(${conj},2/2)`,
      `table=${table},priority=70,conj_id=${conj},ct_state=${state},${family},reg5=${hex(own.port)} actions=load:${hex(conj)}->NXM_NX_REG7[],${accepted(own, ingress, state)}`,
    ];
  });
}

/** Flows with one match and priority hold all the clauses of it. */
function merged(flows: readonly string[]): string[] {
  const byMatch = new Map<string, Set<string>>();
  for (const flow of flows) {
    const [match = '', actions = ''] = flow.split(' actions=');
    byMatch.set(match, (byMatch.get(match) ?? new Set()).add(actions));
  }
  return [...byMatch].map(([match, actions]) => {
    const list = [...actions];
    const clauses = list.filter((action) => action.startsWith('conjunction('));
    return `${match} actions=${(clauses.length > 0 ? clauses : list.slice(0, 1)).join(',')}`;
  });
}

function guestEgress(own: CloudGuest): string[] {
  const from = `reg5=${hex(own.port)},in_port=${own.port}`;
  const itself = `${from},dl_src=${own.mac}`;
  return [
    ...NEIGHBOURS.map((type) => {
      const target = type === 136 ? `,nd_target=${own.v6}` : '';
      return `table=71,priority=95,icmp6,${itself},ipv6_src=${own.v6},icmp_type=${type}${target} actions=resubmit(,94)`;
    }),
    `table=71,priority=95,arp,${itself},arp_spa=${own.v4} actions=resubmit(,94)`,
    `table=71,priority=80,udp,${from},tp_src=68,tp_dst=67 actions=resubmit(,73)`,
    `table=71,priority=80,udp6,${from},tp_src=546,tp_dst=547 actions=resubmit(,73)`,
    `table=71,priority=70,udp,${from},tp_src=67,tp_dst=68 actions=resubmit(,93)`,
    `table=71,priority=70,icmp6,${from},icmp_type=134 actions=resubmit(,93)`,
    `table=71,priority=65,ip,${itself},nw_src=${own.v4} actions=ct(table=72,${ZONE})`,
    `table=71,priority=65,ipv6,${itself},ipv6_src=${own.v6} actions=ct(table=72,${ZONE})`,
    `table=71,priority=10,${from} actions=ct_clear,resubmit(,93)`,
    `table=73,priority=100,reg6=${hex(own.vlan)},dl_dst=${own.mac} actions=load:${hex(own.port)}->NXM_NX_REG5[],resubmit(,81)`,
    `table=73,priority=90,ct_state=+new-est,ip,reg5=${hex(own.port)} actions=ct(commit,${ZONE}),resubmit(,91)`,
    `table=73,priority=90,ct_state=+new-est,ipv6,reg5=${hex(own.port)} actions=ct(commit,${ZONE}),resubmit(,91)`,
    `table=73,priority=80,reg5=${hex(own.port)} actions=resubmit(,94)`,
  ];
}

function guestIngress(own: CloudGuest): string[] {
  const to = `reg5=${hex(own.port)}`;
  const out = `actions=output:${own.port}`;
  return [
    `table=81,priority=100,arp,${to} ${out}`,
    ...NEIGHBOURS.map((type) => `table=81,priority=100,icmp6,${to},icmp_type=${type} ${out}`),
    `table=81,priority=95,udp,${to},tp_src=67,tp_dst=68 ${out}`,
    `table=81,priority=95,udp6,${to},tp_src=547,tp_dst=546 ${out}`,
    `table=81,priority=90,ct_state=-trk,ip,${to} actions=ct(table=82,${ZONE})`,
    `table=81,priority=90,ct_state=-trk,ipv6,${to} actions=ct(table=82,${ZONE})`,
    `table=81,priority=80,ct_state=+trk,${to} actions=resubmit(,82)`,
  ];
}

/** What becomes of connections that no rule names, or none any more. */
function connections(table: number, own: CloudGuest): string[] {
  const done = table === 72 ? 'resubmit(,94)' : `output:${own.port}`;
  const of = `table=${table},priority=50`;
  const reg5 = `reg5=${hex(own.port)}`;
  return [
    `${of},ct_state=+inv+trk actions=resubmit(,93)`,
    `${of},ct_mark=0x1,${reg5} actions=resubmit(,93)`,
    `${of},ct_state=+est-rel+rpl,ct_zone=${own.vlan},ct_mark=0,${reg5} actions=${done}`,
    `${of},ct_state=-new-est+rel-inv,ct_zone=${own.vlan},ct_mark=0,${reg5} actions=${done}`,
    `table=${table},priority=40,ct_state=-est,${reg5} actions=resubmit(,93)`,
    ...['ip', 'ipv6'].map(
      (family) =>
        `table=${table},priority=40,ct_state=+est,${family},${reg5} actions=ct(commit,${ZONE},exec(load:0x1->NXM_NX_CT_MARK[]))`,
    ),
  ];
}

/** A guest's way into the tables of the firewall, and what it may say that it is. */
function admission(own: CloudGuest): string[] {
  const loads = `load:${hex(own.port)}->NXM_NX_REG5[],load:${hex(own.vlan)}->NXM_NX_REG6[]`;
  const from = `in_port=${own.port}`;
  return [
    `table=0,priority=10,icmp6,${from},icmp_type=136 actions=resubmit(,24)`,
    `table=0,priority=10,arp,${from} actions=resubmit(,24)`,
    `table=0,priority=9,${from} actions=resubmit(,25)`,
    `table=24,priority=2,icmp6,${from},icmp_type=136,nd_target=${own.v6} actions=resubmit(,60)`,
    `table=24,priority=2,arp,${from},arp_spa=${own.v4} actions=resubmit(,25)`,
    `table=25,priority=2,${from},dl_src=${own.mac} actions=resubmit(,60)`,
    `table=60,priority=100,${from} actions=${loads},resubmit(,71)`,
    `table=60,priority=90,dl_vlan=${own.vlan},dl_dst=${own.mac} actions=${loads},strip_vlan,resubmit(,81)`,
    `table=94,priority=12,reg6=${hex(own.vlan)},dl_dst=${own.mac} actions=output:${own.port}`,
    `table=94,priority=10,reg6=${hex(own.vlan)},dl_src=${own.mac},dl_dst=00:00:00:00:00:00/01:00:00:00:00:00 actions=mod_vlan_vid:${own.vlan},output:${INTEGRATION.tunnels}`,
  ];
}

const guestFlows = (own: CloudGuest): string[] => [
  ...admission(own),
  ...guestEgress(own),
  ...guestIngress(own),
  ...connections(72, own),
  ...connections(82, own),
];

const cookied = (flows: readonly string[]): string[] =>
  flows.map((flow, index) => `cookie=${hex(0x1000 + index)},${flow}`);

/** The bridge that guests are plugged into, with rules drawn for each. */
export function integrationBridge(random: Random): CloudBridge {
  let conj = 10;
  const rules = GUESTS.flatMap((own) =>
    drawRules(random).flatMap((rule) => {
      if (rule.remoteGroup) return groupRule(own, rule, (conj += 8));
      const v4 = /^(?:tcp|udp|icmp|ip)(?:,|$)/.test(rule.match);
      const cidr = v4 && random.chance(50) ? `,nw_${rule.ingress ? 'src' : 'dst'}=10.1.0.0/16` : '';
      return plainRule(own, rule, cidr);
    }),
  );
  const flows = [
    'table=0,priority=65535,dl_vlan=4095 actions=drop',
    `table=0,priority=3,in_port=${INTEGRATION.physical},dl_vlan=100 actions=mod_vlan_vid:1,resubmit(,60)`,
    `table=0,priority=3,in_port=${INTEGRATION.physical},vlan_tci=0x0000/0x1fff actions=mod_vlan_vid:2,resubmit(,60)`,
    `table=0,priority=2,in_port=${INTEGRATION.physical} actions=drop`,
    'table=0,priority=0 actions=resubmit(,60)',
    ...[23, 24, 71, 72, 73, 81, 82, 92, 93].map(
      (table) => `table=${table},priority=0 actions=drop`,
    ),
    'table=60,priority=3 actions=NORMAL',
    'table=91,priority=1 actions=resubmit(,94)',
    'table=94,priority=1 actions=NORMAL',
    ...GUESTS.flatMap(guestFlows),
    ...rules,
  ];
  return { flows: cookied(merged(flows)), groups: [] };
}

/** A guest's address is answered for instead of asked over the tunnels. */
function responder({ vlan, v4, mac }: CloudGuest): string {
  const bytes = `0x${mac.replaceAll(':', '')}`;
  const address = hex(v4.split('.').reduce((all, byte) => all * 256 + Number(byte), 0));
  return `table=21,priority=1,arp,dl_vlan=${vlan},arp_tpa=${v4} actions=load:0x2->NXM_OF_ARP_OP[],move:NXM_NX_ARP_SHA[]->NXM_NX_ARP_THA[],move:NXM_OF_ARP_SPA[]->NXM_OF_ARP_TPA[],load:${bytes}->NXM_NX_ARP_SHA[],load:${address}->NXM_OF_ARP_SPA[],move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],mod_dl_src:${mac},IN_PORT`;
}

/** The bridge that leads to other nodes, and learns where guests are. */
export function tunnelBridge(): CloudBridge {
  const { integration, first, second } = TUNNELS;
  const wrap = (vlan: number) => `strip_vlan,load:${hex(VNI(vlan))}->NXM_NX_TUN_ID[]`;
  const learn =
    'learn(table=20,hard_timeout=300,priority=1,cookie=0x77,NXM_OF_VLAN_TCI[0..11],NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],load:0->NXM_OF_VLAN_TCI[],load:NXM_NX_TUN_ID[]->NXM_NX_TUN_ID[],output:OXM_OF_IN_PORT[])';
  const distributed = 'fa:16:3f:00:00:01';
  const flows = [
    `table=0,priority=1,in_port=${integration} actions=resubmit(,1)`,
    ...[first, second].map((port) => `table=0,priority=1,in_port=${port} actions=resubmit(,4)`),
    ...[0, 3, 4, 6, 22].map((table) => `table=${table},priority=0 actions=drop`),
    'table=1,priority=3,arp,dl_vlan=1,arp_tpa=10.1.0.254 actions=drop',
    `table=1,priority=1,dl_vlan=1,dl_src=fa:16:3e:00:00:fe actions=mod_dl_src:${distributed},resubmit(,2)`,
    'table=1,priority=0 actions=resubmit(,2)',
    'table=2,priority=1,arp,dl_dst=ff:ff:ff:ff:ff:ff actions=resubmit(,21)',
    'table=2,priority=0,dl_dst=00:00:00:00:00:00/01:00:00:00:00:00 actions=resubmit(,20)',
    'table=2,priority=0,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00 actions=resubmit(,22)',
    ...[1, 2].map(
      (vlan) =>
        `table=4,priority=1,tun_id=${hex(VNI(vlan))} actions=mod_vlan_vid:${vlan},resubmit(,9)`,
    ),
    `table=9,priority=1,dl_src=${distributed} actions=output:${integration}`,
    'table=9,priority=0 actions=resubmit(,10)',
    `table=10,priority=1 actions=${learn},output:${integration}`,
    ...REMOTES.map(
      ({ vlan, mac }) =>
        `table=20,priority=2,dl_vlan=${vlan},dl_dst=${mac} actions=${wrap(vlan)},output:${first}`,
    ),
    'table=20,priority=0 actions=resubmit(,22)',
    ...REMOTES.map(responder),
    'table=21,priority=0 actions=resubmit(,22)',
    `table=22,priority=1,dl_vlan=1 actions=${wrap(1)},output:${first},output:${second}`,
    `table=22,priority=1,dl_vlan=2 actions=${wrap(2)},output:${first}`,
  ];
  return { flows: cookied(flows), groups: [] };
}

/** Services of the Kubernetes network: address, port, endpoints. */
export const CLUSTER_SERVICES = [
  { id: 1, v4: '10.96.0.1', port: 443, endpoints: ['10.1.0.1', '10.1.0.2', '10.1.0.5'] },
  { id: 2, v4: '10.96.0.10', port: 80, endpoints: ['10.1.0.3'], sticky: true },
] as const;

type Service = (typeof CLUSTER_SERVICES)[number];

const number32 = (v4: string): number =>
  v4.split('.').reduce((all, byte) => all * 256 + Number(byte), 0);

/** Endpoint and port go by registers from the choice to the translation. */
function serviceFlows(service: Service): string[] {
  const { id, v4, port, endpoints } = service;
  const sticky = 'sticky' in service;
  const learn =
    'learn(table=40,hard_timeout=300,priority=200,delete_learned,cookie=0x99,eth_type=0x800,nw_proto=6,NXM_OF_TCP_DST[],NXM_OF_IP_DST[],NXM_OF_IP_SRC[],load:NXM_NX_REG3[]->NXM_NX_REG3[],load:NXM_NX_REG4[0..15]->NXM_NX_REG4[0..15],load:0x2->NXM_NX_REG4[16..18],load:0x1->NXM_NX_REG0[9])';
  const chosen = sticky ? '0x3' : '0x2';
  return [
    `table=41,priority=200,tcp,reg4=0x10000/0x70000,nw_dst=${v4},tp_dst=${port} actions=load:${chosen}->NXM_NX_REG4[16..18],load:0x1->NXM_NX_REG0[9],group:${id}`,
    ...(sticky
      ? [
          `table=41,priority=190,tcp,reg4=0x30000/0x70000,nw_dst=${v4},tp_dst=${port} actions=${learn},load:0x2->NXM_NX_REG4[16..18],resubmit(,42)`,
        ]
      : []),
    ...endpoints.map(
      (endpoint) =>
        `table=42,priority=200,tcp,reg3=${hex(number32(endpoint))},reg4=0x20050/0x7ffff actions=ct(commit,table=50,zone=65520,nat(dst=${endpoint}:8080),exec(load:0x1->NXM_NX_CT_MARK[4],move:NXM_NX_REG0[0..3]->NXM_NX_CT_MARK[0..3]))`,
    ),
  ];
}

function serviceGroup(service: Service): string {
  const next = 'sticky' in service ? 41 : 42;
  const buckets = service.endpoints.map(
    (endpoint, index) =>
      `bucket=bucket_id:${index},weight:100,actions=load:${hex(number32(endpoint))}->NXM_NX_REG3[],load:0x50->NXM_NX_REG4[0..15],resubmit(,${next})`,
  );
  return `group_id=${service.id},type=select,${buckets.join(',')}`;
}

interface Policy {
  /** Of its conjunction, by which what it did is told apart. */
  readonly id: number;
  readonly priority: number;
  readonly allow: boolean;
}

const POLICIES: readonly Policy[] = [
  { id: 100, priority: 14000, allow: false },
  { id: 101, priority: 13999, allow: true },
  { id: 102, priority: 200, allow: true },
];

/** Who, to whom and what are the clauses of a policy. */
function policyFlows(random: Random, { id, priority, allow }: Policy): string[] {
  const place = `table=60,priority=${priority}`;
  const peers = random.some(GUESTS, 3);
  const targets = random.some(GUESTS, 2);
  const kinds = random.some(
    ['tcp,tp_dst=8080', 'tcp,tp_dst=443', 'udp,tp_dst=53', 'icmp', 'ip'],
    2,
  );
  const verdict = allow
    ? `load:${hex(id)}->NXM_NX_REG6[],ct(commit,table=70,zone=65520,exec(load:${hex(id)}->NXM_NX_CT_LABEL[32..63]))`
    : `load:${hex(id)}->NXM_NX_REG3[],load:0x1->NXM_NX_REG0[10],controller(userdata=01.01,meter_id=1),resubmit(,69)`;
  return [
    ...peers.map(({ v4 }) => `${place},ip,nw_src=${v4} actions=conjunction(${id},1/3)`),
    ...targets.map(({ port }) => `${place},ip,reg1=${hex(port)} actions=conjunction(${id},2/3)`),
    ...kinds.map((kind) => `${place},${kind} actions=conjunction(${id},3/3)`),
    `${place},conj_id=${id},ip actions=${verdict}`,
  ];
}

/** A Kubernetes network: services by group and learnt affinity, policies by conjunctions, output by a register. */
export function clusterBridge(random: Random): CloudBridge {
  const flows = [
    ...GUESTS.flatMap(({ port, mac, v4 }) => [
      `table=0,priority=190,in_port=${port} actions=load:0x3->NXM_NX_REG0[0..3],resubmit(,10)`,
      `table=10,priority=200,ip,in_port=${port},dl_src=${mac},nw_src=${v4} actions=resubmit(,30)`,
      `table=10,priority=200,arp,in_port=${port},arp_spa=${v4},arp_sha=${mac} actions=resubmit(,20)`,
      `table=55,priority=200,ip,reg0=0x200/0x200,nw_dst=${v4} actions=mod_dl_dst:${mac},dec_ttl,resubmit(,56)`,
      `table=56,priority=200,dl_dst=${mac} actions=load:${hex(port)}->NXM_NX_REG1[],load:0x1->NXM_NX_REG0[8],resubmit(,60)`,
    ]),
    'table=0,priority=0 actions=drop',
    'table=20,priority=190,arp actions=NORMAL',
    'table=30,priority=200,ip actions=ct(table=31,zone=65520,nat)',
    'table=31,priority=210,ct_state=-rpl+trk,ct_mark=0x10/0x10,ip actions=load:0x1->NXM_NX_REG0[9],resubmit(,50)',
    'table=31,priority=200,ct_state=+inv+trk,ip actions=drop',
    'table=31,priority=190,ct_state=-new+trk,ip actions=resubmit(,50)',
    'table=31,priority=0 actions=resubmit(,40),resubmit(,41)',
    'table=40,priority=0 actions=load:0x1->NXM_NX_REG4[16..18]',
    ...CLUSTER_SERVICES.flatMap(serviceFlows),
    'table=41,priority=0 actions=resubmit(,50)',
    'table=42,priority=190,reg4=0x20000/0x70000 actions=load:0x1->NXM_NX_REG4[16..18],resubmit(,41)',
    'table=42,priority=0 actions=resubmit(,50)',
    'table=50,priority=0 actions=resubmit(,55)',
    'table=55,priority=0 actions=resubmit(,56)',
    'table=56,priority=0 actions=drop',
    'table=60,priority=64990,ct_state=-new+est,ip actions=resubmit(,70)',
    'table=60,priority=0 actions=resubmit(,70)',
    ...POLICIES.flatMap((policy) => policyFlows(random, policy)),
    'table=69,priority=200,reg0=0x400/0x400 actions=drop',
    'table=70,priority=190,ct_state=+new+trk,ip actions=ct(commit,table=71,zone=65520,exec(move:NXM_NX_REG0[0..3]->NXM_NX_CT_MARK[0..3]))',
    'table=70,priority=0 actions=resubmit(,71)',
    'table=71,priority=200,reg0=0x100/0x100 actions=output:NXM_NX_REG1[]',
    'table=71,priority=0 actions=drop',
  ];
  return { flows: cookied(merged(flows)), groups: CLUSTER_SERVICES.map(serviceGroup) };
}
