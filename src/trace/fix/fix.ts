/**
 * From an obstacle to commands that remove it. Nothing is guessed: each remedy is made on a copy
 * of the intent, compiled and traced, and the next obstacle is taken up until the packet arrives.
 */
import { Failure } from '../../base/failure.ts';
import type { Ip } from '../../address/index.ts';
import type { PlanContext } from '../../model/plan.ts';
import type { Port } from '../../model/objects.ts';
import { Topology } from '../../model/topology.ts';
import type { Probe, Reason } from '../types.ts';
import { joiningRemedies } from './joins.ts';
import { remediesFor, type Refusal, type Remedy } from './remedies.ts';

/** Obstacles that are removed one after another before giving up. */
const ROUNDS = 6;

export interface FixInput {
  /** The whole topology: names are looked up in it, nothing is changed. */
  readonly names: Topology;
  /** The part of it that decides, as by `excerpt`. */
  readonly intent: Topology;
  readonly from: { readonly port: Port; readonly address: Ip };
  readonly to: { readonly port: Port | null; readonly address: Ip };
  readonly probe: Probe;
  /** Why the trace's packet is dropped. */
  readonly reason: Reason;
  /** Compiles a topology and follows the first packet through it; null: delivered. */
  obstacle(topology: Topology): Reason | null;
}

const END_OF: Readonly<Partial<Record<string, 'from' | 'to'>>> = {
  no_egress_rule: 'from',
  no_ingress_rule: 'to',
};

function copyOf(topology: Topology): Topology {
  const copy = new Topology();
  const kinds = [
    'node',
    'network',
    'router',
    'subnet',
    'address_group',
    'security_group',
    'security_group_rule',
    'port',
    'floatingip',
  ] as const;
  for (const kind of kinds) {
    for (const object of topology.all(kind)) {
      copy.apply({ kind, id: object.id, object } as Parameters<Topology['apply']>[0]);
    }
  }
  return copy;
}

/**
 * Ids that no stored object has. Default groups are off: with them a new group allows more, so
 * what gets through here gets through there.
 */
function planContext(projectId: string, serial: () => number): PlanContext {
  return {
    now: '1970-01-01T00:00:00Z',
    caller: { projectId, admin: true },
    newId: () => `ffffffff-ffff-4fff-bfff-${serial().toString(16).padStart(12, '0')}`,
    random: () => 0.5,
    isClaimed: () => false,
    version: () => 0,
    defaultSecurityGroup: false,
    underlayMtu: 1500,
  };
}

function refusalOf(input: FixInput, reason: Reason, made: readonly string[]): Refusal | null {
  const end = END_OF[reason.code];
  const [own, peer] = end === 'from' ? [input.from, input.to] : [input.to, input.from];
  if (end === undefined || own.port === null) return null;
  return {
    direction: end === 'from' ? 'egress' : 'ingress',
    portId: own.port.id,
    peerId: peer.port?.id ?? null,
    peerAddress: peer.address,
    probe: input.probe,
    made,
  };
}

const sameObstacle = (a: Reason, b: Reason): boolean =>
  a.code === b.code && a.table === b.table && a.node === b.node && a.object === b.object;

/**
 * Commands that make the trace say delivered, in the order to run them; none when no verified
 * chain is found, or when the intent does not have the obstacle that the switches have.
 */
export function findFix(input: FixInput): string[] {
  const commands: string[] = [];
  let topology = input.intent;
  let count = 0;
  const serial = (): number => (count += 1);
  const made: string[] = [];
  let obstacle = input.obstacle(topology);
  if (obstacle?.code !== input.reason.code) return [];
  for (let round = 0; round < ROUNDS; round += 1) {
    if (obstacle === null) return commands;
    const next = advance(input, topology, obstacle, made, serial);
    if (next === null) return [];
    commands.push(...next.commands);
    for (const group of next.topology.all('security_group')) {
      if (topology.get('security_group', group.id) === undefined) made.push(group.id);
    }
    topology = next.topology;
    obstacle = next.obstacle;
  }
  return obstacle === null ? commands : [];
}

interface Step {
  readonly commands: readonly string[];
  readonly topology: Topology;
  readonly obstacle: Reason | null;
}

function remediesOf(
  input: FixInput,
  topology: Topology,
  obstacle: Reason,
  made: readonly string[],
): Remedy[] {
  const { from, names } = input;
  const { port, address } = input.to;
  if (obstacle.code === 'not_joined' && port !== null) {
    return joiningRemedies(topology, names, [from, { port, address }]);
  }
  const refusal = refusalOf(input, obstacle, made);
  return refusal === null ? [] : remediesFor(topology, names, refusal);
}

/** The first remedy that gets the packet past the obstacle. */
function advance(
  input: FixInput,
  topology: Topology,
  obstacle: Reason,
  made: readonly string[],
  serial: () => number,
): Step | null {
  const owner = (END_OF[obstacle.code] === 'to' ? input.to.port : null) ?? input.from.port;
  const context = planContext(owner.project_id, serial);
  for (const remedy of remediesOf(input, topology, obstacle, made)) {
    const changed = copyOf(topology);
    if (!accepted(remedy, changed, context)) continue;
    const left = input.obstacle(changed);
    if (left === null || !sameObstacle(left, obstacle)) {
      return { commands: remedy.commands, topology: changed, obstacle: left };
    }
  }
  return null;
}

/** Whether the API would take the change. */
function accepted(remedy: Remedy, topology: Topology, context: PlanContext): boolean {
  try {
    remedy.apply(topology, context);
    return true;
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  }
}
