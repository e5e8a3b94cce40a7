/**
 * Why a packet does not arrive: one entry for every reason that a trace can give. The drop rows of
 * the pipeline have their own codes (pipeline/drops.ts), the rest is what the tracer itself sees.
 */
import type { DropCode } from '../pipeline/drops.ts';

/** Reasons without a drop row. */
type TraceCode =
  | 'families_differ'
  | 'node_unknown'
  | 'no_flows'
  | 'no_matching_flow'
  | 'other_vpc'
  | 'not_joined'
  | 'router_down'
  | 'delivered_elsewhere'
  | 'came_back'
  | 'sent_to_agent'
  | 'link_down'
  | 'longer_than_mtu'
  | 'uplinks_down'
  | 'cold_neighbour'
  | 'no_live_bucket'
  | 'no_such_interface'
  | 'output_to_in_port'
  | 'lost_in_underlay'
  | 'switch_error'
  | 'foreign_drop'
  | 'dropped_by_flow'
  | 'not_followed';

export type ReasonCode = DropCode | TraceCode;

/** What the sentences are made of; objects in words, such as `port vm1`. */
export interface Facts {
  /** `icmp from 178.1.3.2 to 178.1.3.3` */
  readonly packet: string;
  readonly sender: string;
  /** The port at the destination, or `no port`. */
  readonly receiver: string;
  /** The end that is unbound, down or not plugged: a port, with its address. */
  readonly subject: string;
  readonly subjectAddress: string;
  /** `security groups default, web`, or `no security group`. */
  readonly senderGroups: string;
  readonly receiverGroups: string;
  readonly source: string;
  readonly destination: string;
  readonly vpc: string;
  readonly node: string;
  /** The node that the receiver is bound to, '' for none. */
  readonly receiverNode: string;
  /** `table 72 RULES_EGRESS of br-int` where it ended, `br-int` before any table. */
  readonly place: string;
  /** What a code adds: the other VPC, the port it went to, the switch's own words. */
  readonly detail: string;
}

export interface ReasonSpec {
  /** One sentence. */
  readonly message: (facts: Facts) => string;
  /** Half a sentence after "To cure it: ". */
  readonly cure: (facts: Facts) => string;
  /** The object to look at. */
  readonly object: (facts: Facts) => string | null;
}

const sender = (facts: Facts): string => facts.sender;
const receiver = (facts: Facts): string => facts.receiver;
const subject = (facts: Facts): string => facts.subject;
const destination = (facts: Facts): string => `address ${facts.destination}`;
const node = (facts: Facts): string => `node ${facts.node}`;
const nothing = (): null => null;

const AGENT_CURE = (facts: Facts): string =>
  `look whether the agent of ${facts.node} runs, and what it logs`;

const REPORT_CURE = (): string =>
  'restart the agent of the node; if it stays, the pipeline has a fault worth reporting';

const spec = (
  message: ReasonSpec['message'],
  cure: ReasonSpec['cure'],
  object: ReasonSpec['object'],
): ReasonSpec => ({ message, cure, object });

export const REASONS: Readonly<Record<ReasonCode, ReasonSpec>> = {
  // Sender's input.
  reserved_source_mac: spec(
    (f) => `${f.sender} sends from a MAC that is reserved for the network itself`,
    (f) => `give ${f.sender} a MAC outside 02:, 04:, 05: and fe:ff:ff:ff:ff:ff`,
    sender,
  ),
  own_address_probe: spec(
    (f) => `${f.sender} asks for an address of its own, which nobody answers`,
    () => 'nothing is wrong: silence tells the VM that the address is free for it',
    sender,
  ),
  not_flooded: spec(
    (f) =>
      `${f.destination} is a broadcast or multicast address: the VPC is routed, nothing is flooded`,
    () => 'send to the address of a port',
    destination,
  ),
  neighbour_message: spec(
    (f) => `${f.sender} speaks as a neighbour or router, which only the network does`,
    () => 'let the VM send its own traffic only',
    sender,
  ),
  unknown_vni: spec(
    (f) => `no VPC with a port on ${f.node} has the VNI that the packet bears`,
    () => 'look whether the receiver is bound to that node, and whether its agent is connected',
    node,
  ),
  source_not_allowed: spec(
    (f) => `${f.sender} may not send from ${f.source} and that MAC: neither is its own`,
    (f) => `add ${f.source} to the fixed ips or allowed address pairs of ${f.sender}`,
    sender,
  ),
  arp_not_answered: spec(
    (f) =>
      `${f.destination} is not in the subnet of ${f.sender}, and only its addresses are answered for`,
    () => 'let the VM send to its gateway what is for other subnets',
    sender,
  ),
  // Sender's security.
  connection_revoked: spec(
    (f) =>
      `the security group rule that allowed ${f.packet} was removed, and with it the connection`,
    () => 'give the rule back, or let both sides begin a connection that a rule allows',
    nothing,
  ),
  invalid_connection: spec(
    (f) => `connection tracking finds ${f.packet} in no valid connection`,
    () => 'begin the connection anew',
    nothing,
  ),
  unknown_connection_state: spec(
    (f) => `connection tracking gave ${f.packet} no state that ${f.place} knows`,
    () => 'begin the connection anew',
    nothing,
  ),
  no_egress_rule: spec(
    (f) =>
      `no security group rule lets ${f.packet} out of ${f.sender}, which has ${f.senderGroups}`,
    (f) => `bind a security group to ${f.sender} that has an egress rule for it`,
    sender,
  ),
  dhcp_server: spec(
    (f) => `${f.sender} answers as a DHCP server, which no VM may`,
    () => 'leave DHCP to the network',
    sender,
  ),
  router_advertisement: spec(
    (f) => `${f.sender} advertises itself as a router, which no VM may`,
    () => 'leave router advertisements to the network',
    sender,
  ),
  // Routing.
  gateway_only_answers_ping: spec(
    (f) => `${f.destination} is the gateway of a subnet: it answers ping and takes nothing else`,
    () => 'send to the address of a port, or ping the gateway',
    destination,
  ),
  no_route: spec(
    (f) => `VPC ${f.vpc} has no route to ${f.destination}`,
    () => 'create a subnet for the address in the VPC, or give its router an external gateway',
    destination,
  ),
  // Forwarding.
  port_unbound: spec(
    (f) => `${f.subject}, which has ${f.subjectAddress}, is bound to no node`,
    (f) => `boot a VM with ${f.subject}, which binds it (binding:host_id)`,
    subject,
  ),
  port_down: spec(
    (f) => `${f.subject}, or its network, is administratively down`,
    (f) => `set admin_state_up of ${f.subject} and of its network to true`,
    subject,
  ),
  port_not_plugged: spec(
    (f) => `${f.subject} is bound to ${f.node}, but no interface there carries it`,
    (f) => `start its VM on ${f.node}, or plug an interface with its iface-id into br-int`,
    subject,
  ),
  no_tunnel_to_node: spec(
    (f) =>
      `${f.receiver} is bound to ${f.receiverNode}, which has no tunnel address that ${f.node} can reach`,
    (f) =>
      `start the agent of ${f.receiverNode} with --vtep, or bind the port to a node that has one`,
    (f) => `node ${f.receiverNode}`,
  ),
  no_gateway: spec(
    (f) => `${f.destination} lies outside VPC ${f.vpc}, and no gateway serves its external network`,
    () => 'set a gateway up for the external network',
    destination,
  ),
  not_on_this_node: spec(
    (f) =>
      `the packet came through the tunnel to ${f.node} for ${f.destination}, which is not there`,
    () => "wait until the sender's agent has learnt where the port is",
    receiver,
  ),
  no_such_address: spec(
    (f) => `nobody in VPC ${f.vpc} has the address ${f.destination}`,
    (f) => `create a port with the fixed ip ${f.destination}, or ask for another address`,
    destination,
  ),
  no_next_hop: spec(
    (f) =>
      `${f.destination} is routed to a next hop that no port has which is up and plugged, as far as ${f.node} knows`,
    () => 'give the next hop to a port that is up, or change the route',
    nothing,
  ),
  returns_to_sender: spec(
    (f) => `${f.destination} belongs to ${f.sender} itself, and nothing returns to its sender`,
    () => 'send to another port: a VM reaches its own address without the network',
    sender,
  ),
  // Receiver's security and output.
  no_ingress_rule: spec(
    (f) =>
      `no security group rule lets ${f.packet} into ${f.receiver}, which has ${f.receiverGroups}`,
    (f) => `bind a security group to ${f.receiver} that has an ingress rule for it`,
    receiver,
  ),
  no_output_port: spec(
    (f) => `${f.receiver} has left ${f.node} while the packet was on its way`,
    () => 'try again: its flows are being replaced',
    receiver,
  ),
  not_underlay: spec(
    (f) => `br-phy of ${f.node} takes from its uplinks only the VLAN of the underlay`,
    () => 'give all agents and the fabric the same --vlan',
    node,
  ),
  // What no drop row tells.
  families_differ: spec(
    (f) => `${f.sender} and ${f.receiver} share no address family${f.detail}`,
    () => 'give both ports an address of the same family',
    sender,
  ),
  node_unknown: spec(
    (f) => `${f.sender} is bound to ${f.node}, where no agent has ever been`,
    (f) => `start an agent with --node ${f.node}, or bind the port to another node`,
    node,
  ),
  no_flows: spec((f) => `${f.place} of ${f.node} holds no flows at all`, AGENT_CURE, node),
  no_matching_flow: spec(
    (f) => `${f.place} on ${f.node} has no flow for the packet, not even one that drops it`,
    AGENT_CURE,
    node,
  ),
  other_vpc: spec(
    (f) =>
      `${f.destination} belongs to ${f.detail}; ${f.sender} is in VPC ${f.vpc}, and VPCs are isolated`,
    () => 'create both ports in one VPC',
    destination,
  ),
  not_joined: spec(
    (f) => `no router joins ${f.detail}, so they are VPCs of their own`,
    () => 'give one router an interface in both networks (add_router_interface)',
    destination,
  ),
  router_down: spec(
    (f) =>
      `${f.detail} is administratively down, and no other joins ${f.receiver} to other subnets`,
    (f) => `set admin_state_up of ${f.detail} to true`,
    (f) => f.detail,
  ),
  delivered_elsewhere: spec(
    (f) => `the packet was delivered to ${f.detail}, not to ${f.receiver}`,
    () => 'look at who claims the address: fixed ips and allowed address pairs of the VPC',
    receiver,
  ),
  came_back: spec(
    (f) => `the packet came back to ${f.sender}, which had sent it`,
    REPORT_CURE,
    sender,
  ),
  sent_to_agent: spec(
    (f) => `${f.place} hands the packet to the agent of ${f.node}; no port receives it`,
    () => 'send to the address of a port',
    node,
  ),
  link_down: spec(
    (f) => `the interface of ${f.subject} on ${f.node} has no link`,
    () => 'start the VM, or look at its interface on the node',
    subject,
  ),
  longer_than_mtu: spec(
    (f) => `the interface of ${f.subject} does not carry the packet: ${f.detail}`,
    () => 'send shorter packets: DHCP and router advertisements tell VMs the MTU of their network',
    subject,
  ),
  uplinks_down: spec(
    (f) => `all uplinks of ${f.node} are down, so nothing leaves the node`,
    (f) => `look at the cabling of ${f.node} and its switch ports`,
    node,
  ),
  cold_neighbour: spec(
    (f) => `the tunnel of ${f.node} drops the packet: ${f.detail}`,
    () =>
      'see whether the node with that VTEP is up, and whether the VLAN of the underlay reaches it',
    node,
  ),
  no_live_bucket: spec(
    (f) => `${f.detail} of ${f.place} on ${f.node} is missing or has no live bucket`,
    AGENT_CURE,
    node,
  ),
  no_such_interface: spec(
    (f) => `${f.place} on ${f.node} sends to ${f.detail}, which the bridge does not have`,
    AGENT_CURE,
    node,
  ),
  output_to_in_port: spec(
    (f) =>
      `${f.place} on ${f.node} would send the packet out of the port it came in by, which a switch never does`,
    REPORT_CURE,
    node,
  ),
  lost_in_underlay: spec(
    (f) => `the packet left ${f.node} and reached no node: ${f.detail}`,
    () => 'look whether the other node is up and its VTEP address is right',
    node,
  ),
  switch_error: spec(
    (f) => `the switch of ${f.node} gives up in ${f.place}: ${f.detail}`,
    REPORT_CURE,
    node,
  ),
  foreign_drop: spec(
    (f) => `${f.place} on ${f.node} drops the packet by a flow that is not one of ours`,
    AGENT_CURE,
    node,
  ),
  dropped_by_flow: spec(
    (f) => `${f.place} on ${f.node} drops the packet by the flow "${f.detail}"`,
    () => 'ask whoever programs this switch what the flow is for',
    node,
  ),
  not_followed: spec(
    (f) => `from ${f.node} on the packet is not followed: ${f.detail}`,
    (f) => `capture what is missing, or look at the packet on ${f.node} itself`,
    node,
  ),
};
