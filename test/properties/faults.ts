/**
 * Faults to plant in the compiler: each is a wrapper around one feature, which then compiles
 * something that is wrong, or forgets to say what it read.
 */
import type { Objects } from '../../src/model/objects.ts';
import type { Topology } from '../../src/model/topology.ts';
import type { Action, Flow } from '../../src/openflow/flow.ts';
import type { Fact, Feature, View } from '../../src/pipeline/feature.ts';
import type { LocalReader } from '../../src/pipeline/local.ts';
import { arpResponder } from '../../src/pipeline/features/arp.ts';
import { base } from '../../src/pipeline/features/base.ts';
import { customRoutes } from '../../src/pipeline/features/custom-routes.ts';
import {
  floatingIpArrivals,
  floatingIpDepartures,
} from '../../src/pipeline/features/floating-ips.ts';
import { addresses, localPorts } from '../../src/pipeline/features/forwarding.ts';
import { input } from '../../src/pipeline/features/input.ts';
import {
  addressGroupMatches,
  addressGroupPrefixes,
  remoteGroupAddresses,
  remoteGroupMatches,
} from '../../src/pipeline/features/remote-groups.ts';
import {
  externalRoutes,
  routerAddresses,
  subnetRoutes,
} from '../../src/pipeline/features/routing.ts';
import { securityGroups } from '../../src/pipeline/features/security-groups.ts';
import { tunnelEntry } from '../../src/pipeline/features/tunnel.ts';
import { uplink } from '../../src/pipeline/features/uplink.ts';

/** A fault in the making: the feature as it ought to be, and the topology that it is to compile. */
type Planting = (feature: Feature, topology: Topology) => Feature;

/** Changes each flow, or leaves it out. */
const flows =
  (change: (flow: Flow) => Flow | null): Planting =>
  (feature) => ({
    ...feature,
    compile: (key, view, local, emit) =>
      feature.compile(key, view, local, {
        flow: (flow) => {
          const changed = change(flow);
          if (changed !== null) emit.flow(changed);
        },
        group: (group) => emit.group(group),
        meter: (meter) => emit.meter(meter),
      }),
  });

const tables =
  (...numbers: readonly number[]) =>
  (change: (flow: Flow) => Flow | null): Planting =>
    flows((flow) => (numbers.includes(flow.table) ? change(flow) : flow));

/** Shows the feature other objects than there are. */
const seeing =
  <K extends 'port' | 'security_group_rule' | 'subnet'>(
    kind: K,
    distort: (object: Objects[K]) => Objects[K],
  ): Planting =>
  (feature) => ({
    ...feature,
    compile: (key, view, local, emit) => {
      const distorted: View = {
        get: (asked, id) => {
          const object = view.get(asked, id);
          if (asked !== (kind as string) || object === undefined) return object;
          return distort(object as Objects[K]) as Objects[typeof asked];
        },
        find: (index, found) => view.find(index, found),
        fact: (fact, of) => view.fact(fact, of),
      };
      feature.compile(key, distorted, local, emit);
    },
  });

/** Hides from the compiler that the feature asks for objects, indexes or facts of these names. */
const hiding =
  (...names: readonly string[]): Planting =>
  (feature, topology) => ({
    ...feature,
    compile: (key, view, local, emit) =>
      feature.compile(key, halfHidden(view, topology, local, names), local, emit),
  });

function halfHidden(
  view: View,
  topology: Topology,
  local: LocalReader,
  names: readonly string[],
): View {
  const hidden: View = {
    get: (kind, id) => topology.get(kind, id),
    find: (index, key) => topology.find(index, key),
    fact: <T extends string | number | boolean | undefined>(fact: Fact<T>, key: string) =>
      fact.derive(key, hidden, local),
  };
  const by = (name: string) => (names.includes(name) ? hidden : view);
  return {
    get: (kind, id) => by(kind).get(kind, id),
    find: (index, key) => by(index).find(index, key),
    fact: (fact, key) => by(fact.name).fact(fact, key),
  };
}

const without = (flow: Flow, ...fields: readonly string[]): Flow => ({
  ...flow,
  match: flow.match.filter(({ field }) => !fields.includes(field.name)),
});

const having = (flow: Flow, ...fields: readonly string[]): boolean =>
  fields.every((name) => flow.match.some(({ field }) => field.name === name));

const acting = (flow: Flow, change: (action: Action) => Action | null): Flow => ({
  ...flow,
  actions: flow.actions.flatMap((action) => change(action) ?? []),
});

const leading = (flow: Flow, table: number): Flow =>
  acting(flow, (action) => (action.kind === 'goto_table' ? { ...action, table } : action));

const leadsTo = (flow: Flow, table: number): boolean =>
  flow.actions.some((action) => action.kind === 'goto_table' && action.table === table);

/** One bit less of a prefix. */
const wider = (flow: Flow, ...fields: readonly string[]): Flow => ({
  ...flow,
  match: flow.match.map((term) => {
    if (!fields.includes(term.field.name)) return term;
    const mask = term.mask & (term.mask << 1n);
    return { ...term, mask, value: term.value & mask };
  }),
});

const VPC = ['reg0', 'reg1', 'reg2', 'reg3'];
const REMOTE = { egress: 'ingress', ingress: 'egress' } as const;

export interface Fault {
  readonly what: string;
  readonly in: Feature;
  readonly plant: Planting;
}

/** What makes a switch wrong. */
export const WRONG: readonly (Fault & {
  /**
   * What shows it: the verdict on the first packet of a connection or on its answer, a line of the
   * record, or the compiler, which refuses two rows in one place.
   */
  readonly by: 'request' | 'reply' | 'record' | 'compiler';
})[] = [
  {
    what: 'established connections are held against the rules of the receiver again',
    in: base,
    plant: tables(151)((flow) =>
      having(flow, 'ct_state') && leadsTo(flow, 159) ? leading(flow, 152) : flow,
    ),
    by: 'reply',
  },
  {
    what: 'the sender’s connections are not committed',
    in: base,
    plant: tables(80)((flow) => acting(flow, (action) => (action.kind === 'ct' ? null : action))),
    by: 'reply',
  },
  {
    what: 'the receiver’s connections are looked up in the sender’s zone',
    in: base,
    plant: (feature, topology) => {
      let zone: Extract<Action, { kind: 'ct' }>['zone'] = 0;
      return flows((flow) =>
        acting(flow, (action) => {
          if (action.kind !== 'ct') return action;
          if (flow.table === 70) ({ zone } = action);
          return flow.table === 150 ? { ...action, zone } : action;
        }),
      )(feature, topology);
    },
    by: 'reply',
  },
  {
    what: 'the source MAC is not checked',
    in: input,
    plant: tables(0)((flow) => (leadsTo(flow, 60) ? without(flow, 'eth_src') : flow)),
    by: 'request',
  },
  {
    what: 'a port without port security counts as secured',
    in: input,
    plant: seeing('port', (port) => ({ ...port, port_security_enabled: true })),
    by: 'reply',
  },
  {
    what: 'a VNI is taken for its neighbour',
    in: tunnelEntry,
    plant: tables(0)((flow) => ({
      ...flow,
      match: flow.match.map((term) =>
        term.field.name === 'tun_id' ? { ...term, value: term.value ^ 1n } : term,
      ),
    })),
    by: 'request',
  },
  {
    what: 'a port’s first group alone counts',
    in: securityGroups,
    plant: seeing('port', (port) => ({
      ...port,
      security_groups: port.security_groups.slice(0, 1),
    })),
    by: 'request',
  },
  {
    what: 'rules apply in the other direction',
    in: securityGroups,
    plant: seeing('security_group_rule', (rule) => ({
      ...rule,
      direction: REMOTE[rule.direction],
    })),
    by: 'request',
  },
  {
    what: 'the prefix of a rule is a bit too short',
    in: securityGroups,
    plant: flows((flow) => wider(flow, 'ip_src', 'ip_dst', 'ipv6_src', 'ipv6_dst')),
    by: 'request',
  },
  {
    what: 'the last port of a range is left out',
    in: securityGroups,
    plant: seeing('security_group_rule', (rule) => {
      const { protocol, port_range_min: low, port_range_max: high } = rule;
      const ported = protocol === 'tcp' || protocol === 'udp';
      if (!ported || low === null || high === null || low === high) return rule;
      return { ...rule, port_range_max: high - 1 };
    }),
    by: 'request',
  },
  {
    what: 'the members of a remote group count in every VPC',
    in: remoteGroupAddresses,
    plant: flows((flow) => without(flow, ...VPC)),
    by: 'compiler',
  },
  {
    what: 'an address group lets nobody in by its IPv4 prefixes',
    in: addressGroupPrefixes,
    plant: tables(152)((flow) => (having(flow, 'ip_src') ? null : flow)),
    by: 'request',
  },
  {
    what: 'an address group lets nothing in',
    in: addressGroupMatches,
    plant: tables(152)(() => null),
    by: 'request',
  },
  {
    what: 'a remote group lets nothing in',
    in: remoteGroupMatches,
    plant: tables(152)(() => null),
    by: 'request',
  },
  {
    what: 'no route leads to the VPC’s other subnets',
    in: subnetRoutes,
    plant: tables(110)((flow) => (having(flow, ...VPC) && leadsTo(flow, 115) ? null : flow)),
    by: 'request',
  },
  {
    what: 'a floating ip’s packets keep its address',
    in: floatingIpArrivals,
    plant: flows((flow) => acting(flow, (action) => (action.kind === 'set_field' ? null : action))),
    by: 'record',
  },
  {
    what: 'what leaves from a fixed ip is translated whether it leaves the VPC or not',
    in: floatingIpDepartures,
    plant: flows((flow) => without(flow, 'metadata')),
    by: 'request',
  },
  {
    what: 'a port elsewhere is passed over',
    in: addresses,
    plant: tables(120)((flow) => (having(flow, 'metadata') ? null : flow)),
    by: 'request',
  },
  {
    what: 'an address pair goes before the fixed address',
    in: addresses,
    plant: seeing('port', (port) => ({ ...port, fixed_ips: [] })),
    by: 'request',
  },
  {
    what: 'packets return to their sender',
    in: localPorts,
    plant: tables(133)(() => null),
    by: 'request',
  },
  {
    what: 'the second uplink is not listened to',
    in: uplink,
    plant: flows((flow) =>
      flow.match.some(({ field, value }) => field.name === 'in_port' && value === 2n) ? null : flow,
    ),
    by: 'reply',
  },
];

/** What makes a change pass unnoticed. */
export const FORGETFUL: readonly Fault[] = [
  { what: 'the port', in: input, plant: hiding('port') },
  { what: 'whether the VPC is here', in: arpResponder, plant: hiding('vpcIsHere') },
  { what: 'whether the VPC is here', in: tunnelEntry, plant: hiding('vpcIsHere') },
  { what: 'which rules a group has', in: securityGroups, plant: hiding('rule.by_group') },
  { what: 'who names the group', in: remoteGroupAddresses, plant: hiding('remoteUses') },
  { what: 'who has the address', in: remoteGroupAddresses, plant: hiding('port') },
  { what: 'who names the group', in: remoteGroupMatches, plant: hiding('remoteUses') },
  { what: 'who names the addresses', in: addressGroupPrefixes, plant: hiding('addressGroupUses') },
  {
    what: 'who has the prefix',
    in: addressGroupPrefixes,
    plant: hiding('address_group.by_prefix'),
  },
  { what: 'who names the addresses', in: addressGroupMatches, plant: hiding('addressGroupUses') },
  { what: 'the subnet', in: subnetRoutes, plant: hiding('subnet') },
  { what: 'the router', in: externalRoutes, plant: hiding('router') },
  { what: 'which ports routers have', in: routerAddresses, plant: hiding('interface.by_vpc') },
  { what: 'who has the next hop', in: customRoutes, plant: hiding('port.by_address') },
  { what: 'the port', in: floatingIpArrivals, plant: hiding('port') },
  { what: 'the floating ip', in: floatingIpArrivals, plant: hiding('floatingip') },
  { what: 'the port', in: floatingIpDepartures, plant: hiding('port') },
  { what: 'the port', in: addresses, plant: hiding('port') },
  { what: 'the other node', in: addresses, plant: hiding('vtepOf') },
  { what: 'the prefixes around', in: addresses, plant: hiding('port.by_address') },
  { what: 'the port', in: localPorts, plant: hiding('port') },
];
