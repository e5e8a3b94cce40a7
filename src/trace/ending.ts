/** Where and why a run ends that delivers nothing to where it should. */
import { formatFlow } from '../openflow/text/index.ts';
import { dropCode } from '../pipeline/drops.ts';
import { tableName } from '../pipeline/tables.ts';
import type { Fabric, FabricNode, FabricRun, LossCode, Visit } from '../sim/fabric.ts';
import type { Step } from '../sim/types.ts';
import { pipelineOf } from './names.ts';
import type { ReasonCode } from './reasons.ts';

export interface Ending {
  readonly code: ReasonCode;
  readonly node: string;
  /** null: outside the flow tables. */
  readonly table: number | null;
  /** `table 72 RULES_EGRESS of br-int` */
  readonly place: string;
  readonly detail: string;
}

const SUPPRESSED: Readonly<
  Record<Extract<Step, { kind: 'suppressed' }>['why'], ReasonCode | null>
> = {
  in_port: 'output_to_in_port',
  no_such_port: 'no_such_interface',
  down: 'link_down',
  // The error itself follows.
  error: null,
  tunnel: 'lost_in_underlay',
};

/** null: the steps of the last visit say more. */
const LOST: Readonly<Record<LossCode, ReasonCode | null>> = {
  no_destination: 'lost_in_underlay',
  own_address: 'lost_in_underlay',
  cold_neighbour: 'cold_neighbour',
  no_source: 'not_followed',
  no_vtep: 'lost_in_underlay',
  no_uplink: 'uplinks_down',
  no_tunnel_port: 'lost_in_underlay',
  no_patch_peer: 'not_followed',
  not_mine: 'lost_in_underlay',
  underlay_drop: null,
  beyond: 'not_followed',
  loop: 'switch_error',
};

function placeOf(node: FabricNode | undefined, { bridge }: Visit, table: number): string {
  const ours = pipelineOf(node, bridge);
  return `table ${table}${ours === null ? '' : ` ${tableName(table, ours)}`} of ${bridge}`;
}

/** What ends the packet in one step, null for a step that does not. */
function endOfStep(step: Step, visit: Visit, at: number, fabric: Fabric): Ending | null {
  const { node, bridge } = visit;
  const member = fabric.nodes.get(node);
  const end = (code: ReasonCode, detail = ''): Ending => ({
    code,
    node,
    table: at,
    place: placeOf(member, visit, at),
    detail,
  });
  switch (step.kind) {
    case 'table': {
      if (step.flow === null) {
        const empty = member?.bridges[bridge]?.flows().length === 0;
        return empty ? { ...end('no_flows'), table: null, place: bridge } : end('no_matching_flow');
      }
      if (step.flow.actions.length > 0) return null;
      const ours = pipelineOf(member, bridge);
      return ours === null
        ? end('dropped_by_flow', formatFlow(step.flow))
        : end(dropCode(step.flow, ours) ?? 'foreign_drop');
    }
    case 'group': {
      const id = typeof step.group === 'number' ? step.group : step.group.id;
      return step.buckets.length === 0 ? end('no_live_bucket', `group ${id}`) : null;
    }
    case 'suppressed': {
      const code = SUPPRESSED[step.why];
      if (code === null) return null;
      const back = `the tunnel port ${step.port} sends nothing to where it came from, nor to nowhere`;
      return end(code, step.why === 'tunnel' ? back : `port ${step.port}`);
    }
    case 'controller':
      return end('sent_to_agent');
    case 'error':
      return end('switch_error', step.message);
    default:
      return null;
  }
}

/**
 * The last thing that ended the packet; undefined when every copy of it was delivered.
 * @param partial Nodes may be missing: one that nobody answers for may be alive.
 */
export function endingOf(run: FabricRun, fabric: Fabric, partial = false): Ending | undefined {
  return unknownIn(run, fabric) ?? lastOf(run, fabric, partial);
}

/**
 * Where the way could not be told: what follows is one way of several. In a pipeline of ours the
 * only such choice is that of the uplink, and every uplink leads to the same place.
 */
function unknownIn({ visits }: FabricRun, fabric: Fabric): Ending | undefined {
  for (const { node, bridge, execution } of visits) {
    if (fabric.nodes.get(node)?.foreign !== true) continue;
    for (const step of execution.steps) {
      if (step.kind !== 'note' || step.code !== 'unknown') continue;
      return { code: 'not_followed', node, table: null, place: bridge, detail: step.message };
    }
  }
  return undefined;
}

function lastOf(run: FabricRun, fabric: Fabric, partial: boolean): Ending | undefined {
  let last: Ending | undefined;
  for (const [index, visit] of run.visits.entries()) {
    let table = 0;
    for (const step of visit.execution.steps) {
      if (step.kind === 'table') table = step.table;
      last = endOfStep(step, visit, table, fabric) ?? last;
    }
    for (const loss of run.losses) {
      const unknown = partial && loss.code === 'no_vtep';
      const code = loss.visit !== index ? null : unknown ? 'not_followed' : LOST[loss.code];
      if (code !== null) {
        last = { code, node: loss.node, table: null, place: visit.bridge, detail: loss.why };
      }
    }
  }
  return last;
}
