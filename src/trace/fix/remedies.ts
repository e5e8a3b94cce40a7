/** Remedies for what security groups refuse: changes to the intent, with the commands that make them. */
import { formatIp, type Ip } from '../../address/index.ts';
import type { SecurityGroupRuleInput } from '../../model/inputs.ts';
import { PLANNERS, type Plan, type PlanContext } from '../../model/plan.ts';
import type { Port, SecurityGroup } from '../../model/objects.ts';
import type { Topology } from '../../model/topology.ts';
import { decodeEntry } from '../../model/tree.ts';
import { protocolNumber } from '../probe.ts';
import type { Probe } from '../types.ts';
import {
  bindGroups,
  createGroup,
  createRule,
  groupReference,
  groupsCalled,
  portReference,
} from './command.ts';

/** One way past an obstacle. */
export interface Remedy {
  readonly commands: readonly string[];
  /** Makes the commands' change. @throws {Failure} where the API would refuse it. */
  apply(topology: Topology, context: PlanContext): void;
}

/** The end of the path whose security groups refuse the packet. */
export interface Refusal {
  readonly direction: 'egress' | 'ingress';
  readonly portId: string;
  /** The port at the other end, null for an address without one. */
  readonly peerId: string | null;
  readonly peerAddress: Ip;
  readonly probe: Probe;
  /** Groups made by earlier remedies of the same chain, by uuid. */
  readonly made: readonly string[];
}

/** Existing groups that are tried on a port without any. */
const TRIED = 8;

/** Does to a topology what the API's write would do to it. */
export function perform(topology: Topology, plan: Plan<unknown>): void {
  for (const op of plan.ops) {
    if (op.op === 'check') continue;
    const change = decodeEntry(op.path, op.op === 'delete' ? null : op.value);
    if (change !== null) topology.apply(change);
  }
}

const membersOf = (topology: Topology, group: string): number =>
  topology.find('port.by_group', group).size;

/** The rule that lets this probe's requests through and nothing else. */
export function narrowestRule(
  direction: 'egress' | 'ingress',
  probe: Probe,
  peer: Ip,
): Omit<SecurityGroupRuleInput, 'security_group_id'> {
  const port = probe.destination_port;
  const ranges: Readonly<Record<string, readonly [number, number]>> = {
    icmp: [8, 0],
    icmp6: [128, 0],
  };
  const range = ranges[probe.protocol] ?? (port === null ? null : [port, port]);
  const names: Readonly<Record<string, string>> = { icmp6: 'ipv6-icmp' };
  const name = probe.protocol.startsWith('ip/')
    ? String(protocolNumber(probe))
    : (names[probe.protocol] ?? probe.protocol);
  return {
    direction,
    ethertype: probe.family === 4 ? 'IPv4' : 'IPv6',
    protocol: name,
    ...(range === null ? {} : { port_range_min: range[0], port_range_max: range[1] }),
    remote_ip_prefix: `${formatIp(peer)}/${peer.version === 4 ? 32 : 128}`,
  };
}

/** A name that no group has yet: `allow-tcp-22`, `allow-tcp-22-2` … */
function freshName(topology: Topology, probe: Probe): string {
  const port = probe.destination_port === null ? '' : `-${probe.destination_port}`;
  const stem = `allow-${probe.protocol.replace('/', '-')}${port}`;
  let name = stem;
  for (let next = 2; groupsCalled(topology, name) > 0; next += 1) name = `${stem}-${next}`;
  return name;
}

/**
 * Groups of the port's project that are meant for it, `default` first and then the peer's. Others
 * may let anything in: a new group that lets this probe pass opens less.
 */
function candidates(topology: Topology, port: Port, refusal: Refusal): SecurityGroup[] {
  const peer = refusal.peerId === null ? undefined : topology.get('port', refusal.peerId);
  const isDefault = ({ name }: SecurityGroup): boolean => name === 'default';
  return [...topology.all('security_group')]
    .filter((group) => group.project_id === port.project_id && !refusal.made.includes(group.id))
    .filter((group) => isDefault(group) || peer?.security_groups.includes(group.id) === true)
    .sort(
      (a, b) =>
        Number(isDefault(b)) - Number(isDefault(a)) ||
        Number(a.name > b.name) - Number(a.name < b.name),
    )
    .slice(0, TRIED);
}

/**
 * What might help, the best first: an existing group for a port that has none, one more rule in
 * the least shared group of a port that has some, a narrow group made before or now.
 * @param names Where uniqueness of names is judged: the whole topology.
 */
export function remediesFor(topology: Topology, names: Topology, refusal: Refusal): Remedy[] {
  const port = topology.get('port', refusal.portId);
  if (port === undefined) return [];
  const reference = portReference(names, port);
  const rule = narrowestRule(refusal.direction, refusal.probe, refusal.peerAddress);
  const refer = (id: string): string => {
    const group = topology.get('security_group', id);
    if (group === undefined) return id;
    return refusal.made.includes(id) ? group.name : groupReference(names, group);
  };
  const addRule = (target: Topology, group: string, context: PlanContext): void =>
    perform(
      target,
      PLANNERS.security_group_rule.create(target, { security_group_id: group, ...rule }, context),
    );
  const bind = (target: Topology, groups: readonly string[], context: PlanContext): void =>
    perform(target, PLANNERS.port.update(target, port.id, { security_groups: groups }, context));
  const bound = port.security_groups;

  const bindExisting = (group: string): Remedy => ({
    commands: [bindGroups(reference, [group].map(refer))],
    apply: (target, context) => bind(target, [group], context),
  });
  const extend = (group: string): Remedy => ({
    commands: [createRule(refer(group), rule)],
    apply: (target, context) => addRule(target, group, context),
  });
  const reuse = (group: string): Remedy => ({
    commands: [createRule(refer(group), rule), bindGroups(reference, [...bound, group].map(refer))],
    apply(target, context) {
      addRule(target, group, context);
      bind(target, [...bound, group], context);
    },
  });
  const name = freshName(names, refusal.probe);
  const create: Remedy = {
    commands: [
      createGroup(name),
      createRule(name, rule),
      bindGroups(reference, [...bound.map(refer), name]),
    ],
    apply(target, context) {
      const plan = PLANNERS.security_group.create(
        target,
        { name, project_id: port.project_id },
        context,
      );
      perform(target, plan);
      addRule(target, plan.object.id, context);
      bind(target, [...bound, plan.object.id], context);
    },
  };
  const leastShared = [...bound].sort((a, b) => membersOf(names, a) - membersOf(names, b))[0];
  return [
    ...(leastShared === undefined
      ? candidates(topology, port, refusal).map((group) => bindExisting(group.id))
      : [extend(leastShared)]),
    ...refusal.made.filter((id) => !bound.includes(id)).map(reuse),
    create,
  ];
}
