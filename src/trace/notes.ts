/**
 * What each row of the pipeline is for, one sentence for somebody who learns it. The first entry
 * of the hop's table that fits is taken; an entry without patterns fits every row of its table.
 */
import type { Hop } from './types.ts';

interface NoteSpec {
  readonly bridge?: string;
  readonly match?: RegExp;
  readonly actions?: RegExp;
  readonly text: string;
}

const DROP = /^drop$/;
const QOS = 'Polices what the port may send; a port without a QoS policy passes.';
const INGRESS_QOS = 'Polices what the port may receive; a port without a QoS policy passes.';
const UNTRACKED =
  'No connection tracking for this protocol: straight to the rules, in both directions.';

const NOTES: Readonly<Record<number, readonly NoteSpec[]>> = {
  0: [
    {
      bridge: 'br-phy',
      match: /in_port=(LOCAL|65534|4294967294)/,
      text: 'What the node itself sends (its tunnels too) leaves by one of the uplinks: group 0 picks by the hash of the packet among those whose link is up, and adds the VLAN of the underlay.',
    },
    {
      bridge: 'br-phy',
      text: 'What arrives on an uplink in the VLAN of the underlay loses the tag and goes to the node itself, which owns the VTEP address.',
    },
    {
      match: /tun_id=/,
      text: 'The VNI of the tunnel names the VPC (xxreg0, reg14); metadata bit 62 FROM_REMOTE remembers that it came out of a tunnel, so that table 120 never sends it into one again; reg12 stays 0, as no port of this node sent it.',
    },
    {
      match: /arp/,
      text: 'ARP of the port itself, with its own addresses inside: answered by the switch, never flooded.',
    },
    {
      match: /(dl_src|eth_src)=.*(nw_src|ipv6_src)=/,
      text: 'Who sends: only the MAC and address of this port pass here, so a VM cannot speak as someone else. VPC, subnet and port go into xxreg0 to xxreg2, the vid into reg12, the VNI into reg14; metadata bit 63 FROM_LOCAL says that a VM of this node sent it, bit 60 SECURED that the security groups of its port apply.',
    },
    {
      match: /in_port=/,
      actions: /goto_table:60/,
      text: 'Port security is off for this port: any address passes, and metadata bit 60 SECURED stays 0, so its security groups are not asked.',
    },
    { actions: DROP, text: 'Nothing else may enter from this port.' },
  ],
  10: [
    {
      text: 'The switch answers ARP itself, with fe:ff:ff:ff:ff:ff for every address of the subnet: the VPC is one router.',
    },
  ],
  60: [{ text: QOS }],
  65: [{ text: QOS }],
  66: [{ text: QOS }],
  67: [
    { text: "The stateless access list of the sender's subnet; without one everything passes." },
  ],
  68: [
    {
      match: /metadata=/,
      text: "SECURED is not set (port security is off): past connection tracking and rules to the VPC's routing.",
    },
    { text: "Does the security of the sender's port apply? Here it does." },
  ],
  70: [
    {
      actions: /ct\(/,
      text: 'Asks connection tracking, in the zone of the sending port (its vid, reg12): is this a new connection or part of one that was allowed?',
    },
    { text: UNTRACKED },
  ],
  71: [
    {
      match: /\+new/,
      text: 'A connection that nobody has answered yet: the security group rules decide.',
    },
    {
      match: /\+est/,
      text: 'Part of a connection that was allowed when it began: past the rules, whatever they say by now.',
    },
    { match: /\+rel/, text: 'Belongs to an allowed connection (an ICMP error about it, say).' },
    { actions: DROP, text: 'Connection tracking can make nothing of this packet.' },
    { text: 'What connection tracking said decides where the packet goes.' },
  ],
  72: [
    {
      actions: DROP,
      text: "No rule of the sender's security groups lets this packet out; a port without a group has no rules at all.",
    },
    {
      match: /conj_id=/,
      text: 'A rule with a remote group or an address group: the conjunction of "from this port" and "to an address of the group".',
    },
    {
      text: 'A rule of a security group of the sending port lets this out; only new connections come here.',
    },
  ],
  74: [
    { actions: DROP, text: 'A VM is no DHCP server and no router: it may not answer as one.' },
    {
      match: /nw_frag=/,
      text: 'A fragment shows no ports: the next table looks at those that connection tracking found.',
    },
    { text: 'Nothing that a VM must never send (DHCP answers, router advertisements).' },
  ],
  75: [
    { actions: DROP, text: 'A VM is no DHCP server, in fragments neither.' },
    { text: 'A fragment of nothing that a VM must never send.' },
  ],
  80: [
    {
      actions: /commit/,
      text: "Remembers the connection in the sender's zone, so that its packets and its replies pass without asking the rules again.",
    },
    { text: 'No virtual address is meant.' },
  ],
  100: [
    {
      match: /02:00:00:00:00:01/,
      text: 'Source MAC 02:00:00:00:00:01: a custom route sent this to a port that does not own the address; it is delivered directly.',
    },
    {
      match: /05:00:00:00:00:00/,
      text: 'Source MAC 05:…: from the external gateway, so a floating ip may be its destination.',
    },
    {
      match: /04:00:00:00:00:00/,
      text: 'Source MAC 04:…: from a network load balancer; no address is translated any more.',
    },
    {
      text: "An ordinary packet of the VPC (destination MAC 02:00:00:00:00:00). The source MAC tells: 02:…:01 is a custom route's (to 130), 05:… the external gateway's (to 101), 04:… a load balancer's (to 120).",
    },
  ],
  101: [
    {
      actions: /ip_dst/,
      text: 'From outside to a floating ip: met only by what comes out of a tunnel from the gateway, with the floating ip still its destination. From here on the packet is for the fixed address.',
    },
    {
      match: /nw_dst=/,
      text: 'The destination lies in a subnet of the VPC itself, so it is no floating ip even where an external network has the same address. Rows for floating ips are met only by what the external gateway sends through the tunnel.',
    },
    {
      text: 'No floating ip is meant. The rows above this one translate a floating ip to its fixed address; only what the external gateway sends through the tunnel meets them.',
    },
  ],
  104: [{ text: 'Reserved for group interfaces; everything passes.' }],
  105: [
    {
      match: /(nw_dst|ipv6_dst)=/,
      text: 'Policy routes look at source and destination, before 110 looks at the destination alone. This row exempts traffic inside one subnet from every policy route.',
    },
    {
      text: 'No policy route: 105 may choose by the source too, 110 goes by the destination alone.',
    },
  ],
  110: [
    {
      actions: /IN_PORT$/,
      text: 'A gateway is pinged: this row turns the request into its answer and sends it back to the port. Connection tracking sees no answer, so each ping is a new connection.',
    },
    {
      match: /(nw_dst|ipv6_dst)=/,
      actions: DROP,
      text: 'A gateway answers ping and takes nothing else.',
    },
    { actions: DROP, text: 'No route of the VPC leads there.' },
    {
      actions: /dec_ttl/,
      text: 'To another subnet of the VPC: the VPC is the router between them, so the TTL goes down by one.',
    },
    {
      match: /reg7=/,
      text: "To the sender's own subnet. The longest prefix wins: the priority is prefix length × 300 + kind.",
    },
    { text: 'The longest prefix wins: the priority is prefix length × 300 + kind.' },
  ],
  115: [
    {
      actions: /ip_src/,
      text: "Leaves the VPC (metadata bit 59 EXTERNAL): the fixed address becomes the floating ip. This is the reverse of table 101, outside the port's conntrack zone.",
    },
    { text: 'Stays inside the VPC: the source address is not translated.' },
  ],
  120: [
    { actions: DROP, text: 'No port to send it to.' },
    {
      actions: /tun_dst/,
      text: 'The address is on another node: tunnel destination (its VTEP), VNI, and destination MAC 02:00:00:00:00:00, the mark of an ordinary packet; out by the tunnel port. metadata bit 62 must be 0: what came from a tunnel never goes back into one.',
    },
    {
      actions: /group:/,
      text: "The address is on this node: xxreg1 becomes the receiver's subnet, and the group loads the receiver's vid into reg13 and goes on at 133, where the ingress half begins.",
    },
    { text: 'Who has the address, and where: one row for every address of the VPC.' },
  ],
  130: [
    {
      text: "A custom route's next hop on this node takes the packet, although it does not own the address.",
    },
  ],
  133: [
    {
      actions: DROP,
      text: 'reg12 = reg13: the packet would return to the port that sent it, and nothing does.',
    },
    {
      text: 'A switch never sends a packet out of the port it came in by; with in_port 0 it may. The rows above drop reg12 = reg13 (sender and receiver are one port), so nothing returns to its sender.',
    },
  ],
  135: [
    { text: "The stateless access list of the receiver's subnet; without one everything passes." },
  ],
  140: [
    {
      match: /(nw_src|ipv6_src)=/,
      text: 'Source and destination are in one subnet: no policy between subnets applies.',
    },
    { text: 'No policy stands between these subnets.' },
  ],
  148: [
    {
      match: /reg13=/,
      text: 'Port security is off for the receiver: past connection tracking and rules.',
    },
    { text: "Does the security of the receiver's port apply? Here it does." },
  ],
  150: [
    {
      actions: /ct\(/,
      text: 'Asks connection tracking again, now in the zone of the receiving port (reg13): each end decides for itself.',
    },
    { text: UNTRACKED },
  ],
  151: [
    { match: /\+new/, text: 'New for the receiver: its security group rules decide.' },
    {
      match: /\+est/,
      text: "Part of a connection that the receiver's rules allowed when it began: past the rules.",
    },
    { match: /\+rel/, text: 'Belongs to an allowed connection (an ICMP error about it, say).' },
    { actions: DROP, text: 'Connection tracking can make nothing of this packet.' },
    { text: 'What connection tracking said decides where the packet goes.' },
  ],
  152: [
    {
      actions: DROP,
      text: "No rule of the receiver's security groups lets this packet in. The sender's zone keeps the connection it committed at 80 until that times out.",
    },
    {
      match: /conj_id=/,
      text: 'A rule with a remote group or an address group: the conjunction of "to this port" and "from an address of the group".',
    },
    {
      text: 'A rule of a security group of the receiving port lets this in; only new connections come here.',
    },
  ],
  154: [{ text: 'Nothing that a VM must never receive.' }],
  155: [
    {
      actions: /commit/,
      text: "Remembers the connection in the receiver's zone: its replies pass without asking the rules.",
    },
    { text: 'Not tracked: nothing to remember.' },
  ],
  159: [
    {
      text: 'Both ways come together again: new connections through the rules, established ones past them.',
    },
  ],
  160: [{ text: INGRESS_QOS }],
  165: [{ text: INGRESS_QOS }],
  180: [
    {
      text: 'Out to the VM: the source MAC is always fe:ff:ff:ff:ff:ff (the VPC is one router), the destination MAC that of the receiving port.',
    },
  ],
};

/** The sentence for a hop, undefined where the pipeline has no such table. */
export function noteOf(
  hop: Pick<Hop, 'bridge' | 'table' | 'match' | 'actions'>,
): string | undefined {
  return NOTES[hop.table]?.find(
    (spec) =>
      (spec.bridge === undefined || spec.bridge === hop.bridge) &&
      (spec.match === undefined || spec.match.test(hop.match)) &&
      (spec.actions === undefined || spec.actions.test(hop.actions)),
  )?.text;
}
