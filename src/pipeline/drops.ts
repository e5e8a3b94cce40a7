/**
 * Every reason for which a flow of ours drops, and the priority its rows have. No other flow of a
 * table that drops has that priority, so table and priority tell the reason of any drop row.
 */
import type { Flow } from '../openflow/flow.ts';

export type DropCode =
  | 'reserved_source_mac'
  | 'own_address_probe'
  | 'not_flooded'
  | 'neighbour_message'
  | 'unknown_vni'
  | 'source_not_allowed'
  | 'arp_not_answered'
  | 'connection_revoked'
  | 'invalid_connection'
  | 'unknown_connection_state'
  | 'no_egress_rule'
  | 'dhcp_server'
  | 'router_advertisement'
  | 'gateway_only_answers_ping'
  | 'no_route'
  | 'port_unbound'
  | 'port_down'
  | 'port_not_plugged'
  | 'no_tunnel_to_node'
  | 'no_gateway'
  | 'not_on_this_node'
  | 'no_such_address'
  | 'no_next_hop'
  | 'returns_to_sender'
  | 'no_ingress_rule'
  | 'no_output_port'
  | 'not_underlay';

export interface Drop {
  readonly code: DropCode;
  readonly bridge: 'br-int' | 'br-phy';
  readonly table: number;
  readonly priority: number;
  /** Why, as a clause that stands alone. */
  readonly reason: string;
}

const drop = (
  table: number,
  priority: number,
  code: DropCode,
  reason: string,
  bridge: Drop['bridge'] = 'br-int',
): Drop => Object.freeze({ code, bridge, table, priority, reason });

const OWN_ADDRESS = 'nobody answers for an address that the asker itself has';
const REVOKED = 'the rule that allowed this connection was removed';
const INVALID = 'conntrack finds the packet in no valid connection';
const NO_STATE = 'conntrack gave the packet no state that the table knows';
const GATEWAY = 'this is the gateway: it answers ping and nothing else';
const NO_OUTPUT = 'the receiving port is no longer on this node';

export const DROPS: readonly Drop[] = [
  drop(0, 60, 'reserved_source_mac', 'the source MAC is reserved for the network itself'),
  drop(0, 36, 'neighbour_message', 'only the network speaks for neighbours and routers'),
  drop(0, 35, 'not_flooded', 'the VPC is routed, nothing is flooded'),
  drop(0, 10, 'unknown_vni', 'no VPC of this node has the VNI that the tunnel packet bears'),
  drop(0, 0, 'source_not_allowed', 'the port may not send from this address and MAC'),
  drop(10, 20, 'own_address_probe', OWN_ADDRESS),
  drop(
    10,
    0,
    'arp_not_answered',
    'only requests for an address of the sender’s subnet are answered',
  ),
  // 81: the connection as it began, 80: begun again from its other end.
  drop(71, 81, 'connection_revoked', REVOKED),
  drop(71, 80, 'connection_revoked', REVOKED),
  drop(71, 70, 'invalid_connection', INVALID),
  drop(71, 0, 'unknown_connection_state', NO_STATE),
  drop(72, 0, 'no_egress_rule', 'no security group rule lets this out'),
  drop(74, 11, 'router_advertisement', 'a VM may not advertise itself as a router'),
  drop(74, 12, 'dhcp_server', 'a VM may not act as a DHCP server'),
  drop(75, 10, 'dhcp_server', 'a VM may not act as a DHCP server'),
  drop(110, 9603, 'gateway_only_answers_ping', GATEWAY),
  drop(110, 38403, 'gateway_only_answers_ping', GATEWAY),
  drop(110, 0, 'no_route', 'the VPC has no route to this address'),
  drop(120, 40, 'no_gateway', 'no gateway serves this network'),
  drop(
    120,
    24,
    'no_tunnel_to_node',
    'the port’s node has no tunnel address that this node can reach',
  ),
  drop(120, 23, 'port_not_plugged', 'the port is bound to this node and not yet plugged'),
  drop(120, 22, 'port_down', 'the port that has this address, or its network, is down by intent'),
  drop(120, 21, 'port_unbound', 'the port that has this address is bound to no node'),
  drop(120, 1, 'not_on_this_node', 'it came by tunnel for an address that is not on this node'),
  drop(120, 0, 'no_such_address', 'nobody in the VPC has this address'),
  drop(130, 0, 'no_next_hop', 'no port that lives has the next hop of the custom route'),
  drop(133, 10, 'returns_to_sender', 'nothing returns to the port that sent it'),
  drop(151, 81, 'connection_revoked', REVOKED),
  drop(151, 80, 'connection_revoked', REVOKED),
  drop(151, 70, 'invalid_connection', INVALID),
  drop(151, 0, 'unknown_connection_state', NO_STATE),
  drop(152, 0, 'no_ingress_rule', 'no security group rule lets this in'),
  drop(160, 0, 'no_output_port', NO_OUTPUT),
  drop(165, 0, 'no_output_port', NO_OUTPUT),
  drop(180, 0, 'no_output_port', NO_OUTPUT),
  drop(0, 0, 'not_underlay', 'only the node’s own tunnels use the uplinks', 'br-phy'),
];

const place = (bridge: string, table: number, priority: number) => `${bridge} ${table} ${priority}`;
const byPlace = new Map(DROPS.map((d) => [place(d.bridge, d.table, d.priority), d]));
const byCode = new Map<string, Drop>();
for (const d of DROPS) byCode.set(`${d.code} ${d.table}`, byCode.get(`${d.code} ${d.table}`) ?? d);

type Placed = Pick<Flow, 'table' | 'priority' | 'actions'>;

/** The declaration behind a drop row; null for a flow that does not drop, or is not ours. */
export function dropOf(flow: Placed, bridge: Drop['bridge'] = 'br-int'): Drop | null {
  if (flow.actions.length > 0) return null;
  return byPlace.get(place(bridge, flow.table, flow.priority)) ?? null;
}

/** Why a flow drops; null for a flow that does not drop, or is not ours. */
export function dropCode(flow: Placed, bridge: Drop['bridge'] = 'br-int'): DropCode | null {
  return dropOf(flow, bridge)?.code ?? null;
}

/**
 * Where rows of `code` go in `table`.
 * @throws {RangeError} when the code is not declared for the table: a mistake in a feature.
 */
export function dropIn(table: number, code: DropCode): Drop {
  const found = byCode.get(`${code} ${table}`);
  if (found === undefined) throw new RangeError(`table ${table} does not drop for ${code}`);
  return found;
}
