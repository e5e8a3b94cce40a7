/** The rows that every node has whatever its topology: passes, misses, connection tracking. */
import {
  ct,
  ctState,
  gotoTable,
  IP_PROTO,
  load,
  match,
  type MatchValue,
  type Protocol,
} from '../../openflow/build.ts';
import type { Action, Match } from '../../openflow/flow.ts';
import { CONTROLLER_METER } from '../cookies.ts';
import { DROPS } from '../drops.ts';
import type { Emit, Feature } from '../feature.ts';
import type { LocalReader } from '../local.ts';
import { PRIORITY } from '../priorities.ts';
import {
  MARKED_SOURCE,
  METADATA,
  metadataClear,
  metadataSet,
  RECEIVER_ZONE,
  SENDER_ZONE,
} from '../registers.ts';
import { cookie, dropFlow, FAMILIES, TRACKED } from './shared.ts';

interface Row {
  readonly table: number;
  readonly priority: number;
  readonly module: 'base' | 'security' | 'vip';
  readonly match: Match;
  readonly actions: readonly Action[];
}

const pass = (
  table: number,
  next: number,
  module: Row['module'] = 'base',
  before: Action[] = [],
): Row => ({
  table,
  priority: PRIORITY.miss,
  module,
  match: match(null),
  actions: [...before, gotoTable(next)],
});

/** A pass for IP only, in both families. */
const passIp = (table: number, next: number, module: Row['module']): Row[] =>
  FAMILIES.map((family) => ({ ...pass(table, next, module), match: match(family.ip) }));

const PASSES: readonly Row[] = [
  pass(60, 65),
  pass(65, 66),
  pass(66, 67),
  pass(67, 68),
  pass(68, 70, 'security'),
  pass(70, 72, 'security'),
  ...passIp(74, 80, 'security'),
  pass(75, 80, 'security'),
  pass(80, 104, 'vip'),
  pass(100, 101),
  pass(101, 120),
  pass(104, 105),
  pass(105, 110),
  pass(115, 120),
  pass(133, 135, 'base', [load(0, 'in_port')]),
  pass(135, 140),
  pass(140, 148),
  ...passIp(148, 150, 'security'),
  pass(150, 152, 'security'),
  ...passIp(154, 155, 'security'),
  pass(155, 159),
  ...passIp(159, 160, 'base'),
];

/**
 * Packets a second whose hop limit ran out that the switch sends to the agent. The rows of 110 are
 * many ports' and cannot meter each apart; all else that goes to the agent has its port's meter.
 */
const EXPIRED_PPS = 1000;

/** What a tunnel packet's source MAC asks for; the plain ones pass. */
const MARKED: readonly Row[] = (
  [
    [MARKED_SOURCE.direct, 130],
    [MARKED_SOURCE.externalGateway, 101],
    [MARKED_SOURCE.networkLoadBalancer, 120],
  ] as const
).map(([source, next]) => ({
  table: 100,
  priority: PRIORITY.markedSource,
  module: 'base',
  match: match(null, { eth_src: source }),
  actions: [gotoTable(next)],
}));

const each = (
  protocols: readonly Protocol[],
  table: number,
  priority: number,
  module: Row['module'],
  actions: readonly Action[],
  values: Readonly<Record<string, MatchValue>> = {},
): Row[] =>
  protocols.map((protocol) => ({
    table,
    priority,
    module,
    match: match(protocol, values),
    actions,
  }));

/** The two sides of connection tracking: in the sender's zone, in the receiver's. */
const SIDES = [
  {
    zone: SENDER_ZONE,
    dispatch: { table: 70, priority: PRIORITY.dispatchEgress, module: 'security' as const },
    base: 71,
    rules: 72,
    commit: { table: 80, priority: PRIORITY.commitEgress, module: 'vip' as const },
    past: 104,
    newOnly: { metadata: metadataSet(METADATA.secured) },
  },
  {
    zone: RECEIVER_ZONE,
    dispatch: { table: 150, priority: PRIORITY.dispatchIngress, module: 'security' as const },
    base: 151,
    rules: 152,
    commit: { table: 155, priority: PRIORITY.commitIngress, module: 'base' as const },
    past: 159,
    newOnly: {},
  },
] as const;

const IP = FAMILIES.map((family) => family.ip);

/**
 * The first part of a fragmented datagram, and the others (ovs-fields(7)). Not both in one row by
 * `nw_frag=yes`: what Open vSwitch 3.1 then holds differs, to its own `ovs-ofctl diff-flows`, from what
 * it was given.
 */
const FRAGMENTS = [{ ip_frag: 1 }, { ip_frag: 3 }] as const;

/** Of an IPv6 fragment but the first a switch sees no protocol beyond the fragment header itself. */
const LATER_FRAGMENT = { ip_proto: 44 } as const;

const state = (text: string) => ({ ct_state: ctState(text) });

/**
 * Rows for what is tracked, apart by protocol. The known are so too, and stand above the new, for
 * the sake of the datapath: it then looks at the same fields of packets of both, keeps them in one
 * table and finds either at once. Userspace datapaths ask each table, and only those with threads of
 * their own ask the busiest first.
 */
function tracking(side: (typeof SIDES)[number]): Row[] {
  const { zone, dispatch, base, rules, commit, past, newOnly } = side;
  const { begun, known, related } = PRIORITY.connection;
  const tracked = (
    { table, priority, module }: Pick<Row, 'table' | 'priority' | 'module'>,
    actions: readonly Action[],
    values = {},
  ) => [
    ...each(TRACKED, table, priority, module, actions, values),
    ...each(['ipv6'], table, priority, module, actions, { ...values, ...LATER_FRAGMENT }),
  ];
  const lookUp = [ct({ zone, table: base, nat: {} })];
  const commitThenPast = [ct({ zone, commit: true }), gotoTable(past)];
  return [
    ...tracked(dispatch, lookUp),
    ...each(IP, base, begun, 'security', [gotoTable(rules)], { ...state('+new'), ...newOnly }),
    ...tracked(
      { table: base, priority: known, module: 'security' },
      [gotoTable(past)],
      state('-new+est'),
    ),
    ...each(IP, base, related, 'security', [gotoTable(past)], state('-new+rel')),
    ...each(IP, base, related, 'security', commitThenPast, state('+new+rel')),
    ...tracked(commit, commitThenPast),
  ];
}

/** A port without port security is not tracked at all. */
const UNSECURED: Row = {
  table: 68,
  priority: PRIORITY.unsecured,
  module: 'security',
  match: match(null, { metadata: metadataClear(METADATA.secured) }),
  actions: [gotoTable(104)],
};

const ROWS: readonly Row[] = [...PASSES, ...MARKED, ...SIDES.flatMap(tracking), UNSECURED];

function emitDrops(local: LocalReader, emit: Emit): void {
  for (const { bridge, table, priority, code } of DROPS) {
    if (bridge === 'br-int' && priority === PRIORITY.miss) {
      emit.flow(dropFlow(table, code, cookie(local, 'base'), match(null)));
    }
  }
  const security = cookie(local, 'security');
  for (const table of [71, 151]) {
    for (const ip of IP) {
      emit.flow(dropFlow(table, 'invalid_connection', security, match(ip, state('+inv'))));
    }
  }
  emit.flow(dropFlow(74, 'dhcp_server', security, match('udp', { udp_src: 67, udp_dst: 68 })));
  emit.flow(dropFlow(74, 'dhcp_server', security, match('udp6', { udp_src: 547, udp_dst: 546 })));
  // What shows no ports is seen by the tuple that conntrack put together. Nothing else meets these
  // rows: the datapath would look at the tuple of every new connection, and at that of no other.
  for (const [ip, ct_tp_src, ct_tp_dst] of [
    ['ip', 67, 68],
    ['ipv6', 547, 546],
  ] as const) {
    const tuple = { ...state('+new'), ct_nw_proto: IP_PROTO.udp, ct_tp_src, ct_tp_dst };
    emit.flow(dropFlow(75, 'dhcp_server', security, match(ip, tuple)));
    for (const part of FRAGMENTS) {
      emit.flow({
        table: 74,
        priority: PRIORITY.inFragments,
        cookie: security,
        match: match(ip, part),
        actions: [gotoTable(75)],
      });
    }
  }
  emit.flow(dropFlow(74, 'router_advertisement', security, match('icmp6', { icmpv6_type: 134 })));
  emit.flow(
    dropFlow(
      120,
      'not_on_this_node',
      cookie(local, 'base'),
      match(null, { metadata: metadataSet(METADATA.fromRemote) }),
    ),
  );
}

export const base: Feature = {
  name: 'base',
  bridge: 'br-int',
  over: { node: true },
  compile(_key, _topology, local, emit) {
    const cookies = {
      base: cookie(local, 'base'),
      security: cookie(local, 'security'),
      vip: cookie(local, 'vip'),
    };
    for (const { table, priority, module, match, actions } of ROWS) {
      emit.flow({ table, priority, cookie: cookies[module], match, actions });
    }
    emitDrops(local, emit);
    const rate = EXPIRED_PPS;
    emit.meter({ id: CONTROLLER_METER, unit: 'pktps', rate, burst: rate });
  },
};
