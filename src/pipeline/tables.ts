/**
 * The tables of br-int as one ordered list of data. A flow may only lead where `next` says, by
 * goto_table, resubmit or conntrack recirculation: `checkFlow` refuses anything else, so this list
 * is the map of the pipeline and not a drawing of it.
 */
import type { Action } from '../openflow/flow.ts';

type Stage = 'input' | 'egress' | 'routing' | 'forwarding' | 'ingress' | 'output';

export interface Table {
  readonly number: number;
  readonly name: string;
  readonly stage: Stage;
  /** Tables that its flows may lead to. */
  readonly next: readonly number[];
  /** What it is for, in one sentence. */
  readonly purpose: string;
}

const row = (
  number: number,
  name: string,
  stage: Stage,
  next: readonly number[],
  purpose: string,
): Table => Object.freeze({ number, name, stage, next, purpose });

/** Sorted by number. Egress and ingress are named from the VM's side. */
export const TABLES: readonly Table[] = [
  row(
    0,
    'INPUT',
    'input',
    [10, 60, 100],
    'Names the sender in registers and drops who is not itself.',
  ),
  row(10, 'ARP_RESPONDER', 'input', [], 'Answers ARP for the whole subnet with the VPC’s one MAC.'),
  row(60, 'EGRESS_QOS_BAND', 'egress', [65], 'Limits the bandwidth a port sends.'),
  row(65, 'EGRESS_QOS_PPS', 'egress', [66], 'Limits the packets a port sends.'),
  row(66, 'EGRESS_QOS_SYN', 'egress', [67], 'Limits the TCP connections a port opens.'),
  row(
    67,
    'EGRESS_ACL_CLASSIFY',
    'egress',
    [68],
    'Applies the stateless ACL of the sender’s subnet.',
  ),
  row(
    68,
    'EGRESS_SEC_CLASSIFY',
    'egress',
    [70, 104],
    'Lets ports without port security past the rules.',
  ),
  row(
    70,
    'EGRESS_DISPATCH',
    'egress',
    [71, 72],
    'Looks the packet up in the sender’s conntrack zone.',
  ),
  row(
    71,
    'BASE_EGRESS',
    'egress',
    [72, 104],
    'Sends new connections to the rules, known ones past them.',
  ),
  row(72, 'RULES_EGRESS', 'egress', [74], 'Holds the egress rules of the port’s security groups.'),
  row(
    74,
    'EGRESS_PORT_SEC',
    'egress',
    [75, 80],
    'Keeps a VM from posing as DHCP server or router.',
  ),
  row(75, 'EGRESS_FRAGMENTS', 'egress', [80], 'Keeps it from that in fragments too.'),
  row(80, 'VIP_EGRESS', 'egress', [104], 'Commits the connection in the sender’s zone.'),
  row(
    100,
    'VPC_FROM_REMOTE',
    'routing',
    [101, 120, 130],
    'Sorts what comes out of a tunnel by its source MAC.',
  ),
  row(101, 'VPC_REV_FIP_DNAT', 'routing', [120], 'Turns a floating ip back into the fixed one.'),
  row(
    104,
    'VPC_GROUPENI_REV',
    'routing',
    [105],
    'Reverses address translation of group interfaces.',
  ),
  row(
    105,
    'VPC_POLICY_ROUTE',
    'routing',
    [110],
    'Holds policy routes; traffic inside a subnet passes them by.',
  ),
  row(110, 'VPC_ROUTE', 'routing', [115, 130], 'Routes by the longest prefix.'),
  row(115, 'VPC_TRANSLATE', 'routing', [120], 'Gives what leaves the VPC its floating ip.'),
  row(
    120,
    'VPC_FORWARD',
    'forwarding',
    [133],
    'Finds the port, here or behind which tunnel, that has the address.',
  ),
  row(130, 'VPC_DIRECT', 'forwarding', [133], 'Hands a custom route’s packet to its next hop.'),
  row(133, 'FORWARD_FILTER', 'forwarding', [135], 'Stops what would return to its sender.'),
  row(
    135,
    'INGRESS_ACL_CLASSIFY',
    'ingress',
    [140],
    'Applies the stateless ACL of the receiver’s subnet.',
  ),
  row(140, 'INGRESS_ROUTER_POLICY', 'ingress', [148], 'Holds policies between subnets.'),
  row(
    148,
    'INGRESS_SEC_CLASSIFY',
    'ingress',
    [150, 159],
    'Lets ports without port security past the rules.',
  ),
  row(
    150,
    'INGRESS_DISPATCH',
    'ingress',
    [151, 152],
    'Looks the packet up in the receiver’s conntrack zone.',
  ),
  row(
    151,
    'BASE_INGRESS',
    'ingress',
    [152, 159],
    'Sends new connections to the rules, known ones past them.',
  ),
  row(
    152,
    'RULES_INGRESS',
    'ingress',
    [154],
    'Holds the ingress rules of the port’s security groups.',
  ),
  row(154, 'INGRESS_PORT_SEC', 'ingress', [155], 'Stands before the commit for checks of its own.'),
  row(155, 'INGRESS_COMMIT', 'ingress', [159], 'Commits the connection in the receiver’s zone.'),
  row(159, 'INGRESS_CT_GROUP', 'ingress', [160], 'Joins tracked and untracked packets.'),
  row(160, 'INGRESS_QOS_BAND', 'output', [165], 'Limits the bandwidth a port receives.'),
  row(165, 'INGRESS_QOS_PPS', 'output', [180], 'Limits the packets a port receives.'),
  row(180, 'VPC_OUTPUT', 'output', [], 'Rewrites the MACs and hands the packet to the VM.'),
];

/** br-phy's only table; the record gives it no name. */
const UPLINK_TABLE = row(
  0,
  'UPLINK',
  'output',
  [],
  'Carries the tunnels’ packets over the uplinks.',
);

const byNumber = new Map(TABLES.map((table) => [table.number, table]));

/** A table of `bridge`, undefined when the pipeline has none of that number. */
export function tableOf(number: number, bridge: 'br-int' | 'br-phy' = 'br-int'): Table | undefined {
  if (bridge === 'br-int') return byNumber.get(number);
  return number === UPLINK_TABLE.number ? UPLINK_TABLE : undefined;
}

/** The record's name of a table, its number as text when the pipeline has no such table. */
export function tableName(number: number, bridge: 'br-int' | 'br-phy' = 'br-int'): string {
  return tableOf(number, bridge)?.name ?? String(number);
}

/** Looks at every table that actions lead to, nested ones included. */
function checkTargets(table: Table, actions: readonly Action[]): void {
  for (const action of actions) {
    let target: number | null = null;
    if (action.kind === 'goto_table' || action.kind === 'resubmit') target = action.table;
    else if (action.kind === 'clone' || action.kind === 'write_actions') {
      checkTargets(table, action.actions);
    } else if (action.kind === 'ct') {
      target = action.table;
      checkTargets(table, action.exec);
    }
    if (target !== null && !table.next.includes(target)) {
      throw new RangeError(`table ${table.number} ${table.name} may not lead to ${target}`);
    }
  }
}

/**
 * @throws {RangeError} when the flow is in no table, or leads to one that its table's `next` does
 *   not name: a mistake in a feature, never in the topology.
 */
export function checkFlow(
  flow: { readonly table: number; readonly actions: readonly Action[] },
  bridge: 'br-int' | 'br-phy',
): void {
  const table = tableOf(flow.table, bridge);
  if (table === undefined) throw new RangeError(`${bridge} has no table ${flow.table}`);
  checkTargets(table, flow.actions);
}
