/** A whole trace: the request, its answer, and the request of the connection that stands. */
import { formatIp, parseMac, prefixContains, tryParseIp, type Ip } from '../address/index.ts';
import type { FlowKey } from '../openflow/fields.ts';
import type { Port } from '../model/objects.ts';
import type { Topology } from '../model/topology.ts';
import { parseAddressOrPrefix } from '../pipeline/features/shared.ts';
import type { Delivery, Fabric, FabricRun } from '../sim/fabric.ts';
import type { Tracker } from '../sim/conntrack.ts';
import { endingOf, type Ending } from './ending.ts';
import { hopsOf } from './hops.ts';
import { ownersOf, portName, vpcName, vpcOfPort, type NodeNumbers } from './names.ts';
import { destinationOf, isAnswer, replyKey, requestKey } from './probe.ts';
import { reasonFor, type Blamed } from './reason.ts';
import type { ReasonCode } from './reasons.ts';
import { answerStopsOf, stopsOf, type Arrival } from './stops.ts';
import type { Endpoint, Leg, Probe, Reason, Stop, Trace } from './types.ts';

export interface Subject {
  readonly topology: Topology;
  readonly fabric: Fabric;
  /** undefined: nothing is known of the node. */
  numbers(node: string): NodeNumbers | undefined;
  readonly from: { readonly asked: string; readonly port: Port; readonly address: Ip | null };
  readonly to: {
    readonly asked: string;
    /** Named as a port: only there the packet is delivered. Else whoever claims the address. */
    readonly exact: boolean;
    readonly ports: readonly Port[];
    readonly address: Ip | null;
  };
  readonly probe: Probe;
  readonly source: string;
}

const UNKNOWN: NodeNumbers = {
  attachment: () => undefined,
  portOf: () => undefined,
  portAt: () => undefined,
  vpcOf: () => undefined,
};

/** A port that sends, and what it sends to whom. */
interface Shot {
  readonly direction: Leg['direction'];
  readonly connection: Leg['connection'];
  readonly sender: Port;
  readonly source: Ip;
  readonly receiver: Port | null;
  readonly destination: Ip;
  readonly key: FlowKey;
  /** Whether this delivery is the right one. */
  arrives(delivery: Delivery, port: Port): boolean;
  /** Whether it is the network's own answer, back at the sender. */
  answered(delivery: Delivery, port: Port): boolean;
}

interface Shown {
  readonly leg: Leg;
  readonly delivery: Delivery | undefined;
  readonly receiver: Port | undefined;
  /** The way back of the network's own answer, where it has given one. */
  readonly answer: readonly Stop[] | undefined;
}

/** What is wrong with the sender before any table sees the packet. */
function senderFault(subject: Subject, port: Port): ReasonCode | null {
  const node = port['binding:host_id'];
  if (node === '') return 'port_unbound';
  if (subject.topology.get('node', node) === undefined) return 'node_unknown';
  if (!port.admin_state_up) return 'port_down';
  const attachment = subject.numbers(node)?.attachment(port.id);
  if (attachment === undefined) return 'port_not_plugged';
  const bridge = subject.fabric.nodes.get(node)?.bridges['br-int'];
  return bridge?.port(attachment.ofport)?.up === false ? 'link_down' : null;
}

/** The MAC that a port uses with an address that is not its own: an address pair may bring one. */
function macFor(port: Port, address: Ip): bigint {
  const text = formatIp(address);
  const own = port.fixed_ips.some((fixed) => fixed.ip_address === text);
  const [pair] = own
    ? []
    : port.allowed_address_pairs
        .map(({ ip_address, mac_address }) => ({
          around: parseAddressOrPrefix(ip_address),
          mac_address,
        }))
        .filter(({ around }) => prefixContains(around, address))
        .sort((a, b) => b.around.length - a.around.length);
  return parseMac(pair?.mac_address ?? port.mac_address);
}

/** A leg whose packet never got to a switch. */
function unsent(direction: Leg['direction'], connection: Leg['connection'], reason: Reason): Leg {
  return { direction, connection, verdict: 'dropped', reason, hops: [], stops: [] };
}

class Tracer {
  readonly #subject: Subject;
  readonly #conntrack: (node: string) => Tracker;

  constructor(subject: Subject) {
    this.#subject = subject;
    this.#conntrack = subject.fabric.scratch();
  }

  #numbers(node: string): NodeNumbers {
    return this.#subject.numbers(node) ?? UNKNOWN;
  }

  portAt(node: string, ofport: number): Port | undefined {
    const id = this.#numbers(node).portAt(ofport);
    return id === undefined ? undefined : this.#subject.topology.get('port', id);
  }

  /** Sends one packet and tells its way. */
  leg(shot: Shot): Shown {
    const { fabric, topology } = this.#subject;
    const { direction, connection, sender } = shot;
    const fault = senderFault(this.#subject, sender);
    const node = sender['binding:host_id'];
    const attachment = this.#numbers(node).attachment(sender.id);
    if (attachment === undefined || !fabric.nodes.has(node) || fault === 'link_down') {
      const place = node === '' ? '' : 'br-int';
      const ending = { code: fault ?? 'no_flows', node, table: null, place, detail: '' };
      const reason = this.#reason(shot, ending, 'sender');
      const leg = unsent(direction, connection, reason);
      return { leg, delivery: undefined, receiver: undefined, answer: undefined };
    }
    const run = fabric.send(node, attachment.ofport, shot.key, { conntrack: this.#conntrack });
    const hops = hopsOf(run, { topology, numbers: (name) => this.#numbers(name) });
    const found = (right: (delivery: Delivery, port: Port) => boolean): Delivery | undefined =>
      run.deliveries.find((candidate) => {
        const port = this.portAt(candidate.node, candidate.ofport);
        return port !== undefined && right(candidate, port);
      });
    const delivery = found((it, port) => shot.arrives(it, port));
    const answer =
      delivery === undefined ? found((it, port) => shot.answered(it, port)) : undefined;
    const arrival: Arrival | undefined =
      (delivery && { kind: 'received', delivery }) ??
      (answer && { kind: 'answered', delivery: answer });
    const ends = {
      sender: portName(sender),
      interface: attachment.interface,
      destination: formatIp(shot.destination),
      portAt: (name: string, ofport: number) => {
        const port = this.portAt(name, ofport);
        return port === undefined ? `ofport ${ofport}` : portName(port);
      },
    };
    const ending = arrival === undefined ? this.#ending(run, shot) : null;
    const blamed = fault === null ? 'receiver' : 'sender';
    const reason = ending && this.#reason(shot, { ...ending, code: fault ?? ending.code }, blamed);
    return {
      leg: {
        direction,
        connection,
        verdict: arrival === undefined ? 'dropped' : 'delivered',
        reason,
        hops: hops.hops,
        stops: stopsOf(run, fabric, hops, ends, arrival),
      },
      delivery,
      receiver: delivery && this.portAt(delivery.node, delivery.ofport),
      answer: answer && answerStopsOf(fabric, hops, ends, answer),
    };
  }

  #ending(run: FabricRun, shot: Shot): Ending {
    const [stray] = run.deliveries;
    if (stray !== undefined) {
      const port = this.portAt(stray.node, stray.ofport);
      const table = run.visits.at(-1)?.execution.steps.findLast((step) => step.kind === 'table');
      const back = port?.id === shot.sender.id;
      return {
        code: back ? 'came_back' : 'delivered_elsewhere',
        node: stray.node,
        table: table?.kind === 'table' ? table.table : null,
        place: 'br-int',
        detail: port === undefined ? `ofport ${stray.ofport}` : portName(port),
      };
    }
    return (
      endingOf(run, this.#subject.fabric) ?? {
        code: 'switch_error',
        node: shot.sender['binding:host_id'],
        table: null,
        place: 'br-int',
        detail: 'the packet ended without a trace',
      }
    );
  }

  /** Who is meant in another VPC, whoever in the sender's has the address. */
  #stranger(shot: Shot, code: ReasonCode): Port | undefined {
    const { topology } = this.#subject;
    if (!FOREIGN.has(code)) return undefined;
    const own = vpcOfPort(topology, shot.sender);
    const candidates = shot.receiver
      ? [shot.receiver]
      : ownersOf(topology, formatIp(shot.destination));
    return candidates.find((port) => vpcOfPort(topology, port) !== own);
  }

  #reason(shot: Shot, ending: Ending, blamed: Blamed): Reason {
    const { topology, probe } = this.#subject;
    const { sender, receiver } = shot;
    const stranger = blamed === 'sender' ? undefined : this.#stranger(shot, ending.code);
    const ends = {
      sender,
      receiver,
      source: formatIp(shot.source),
      destination: formatIp(shot.destination),
    };
    if (stranger === undefined) return reasonFor(topology, probe, ends, ending, blamed);
    const vpc = vpcName(topology, vpcOfPort(topology, stranger) ?? '');
    const detail = `${portName(stranger)} of VPC ${vpc}`;
    return reasonFor(topology, probe, ends, { ...ending, code: 'other_vpc', detail });
  }
}

/** The reply that a row of the request's own way has made: no table sees it again. */
const answerLeg = (stops: readonly Stop[]): Leg => ({
  direction: 'reply',
  connection: 'established',
  verdict: 'delivered',
  reason: null,
  hops: [],
  stops,
});

/** Codes about the destination: they mean something else when that is another VPC's. */
const FOREIGN: ReadonlySet<ReasonCode> = new Set([
  'no_route',
  'no_such_address',
  'delivered_elsewhere',
  'returns_to_sender',
  'no_ingress_rule',
  'port_unbound',
  'port_down',
  'port_not_plugged',
  'no_tunnel_to_node',
]);

const isGateway = (topology: Topology, vpc: string, address: string): boolean =>
  [...topology.find('subnet.by_vpc', vpc)].some(
    (id) => topology.get('subnet', id)?.gateway_ip === address,
  );

function endpoint(
  subject: Subject,
  asked: string,
  port: Port | undefined,
  address: Ip | null,
): Endpoint {
  const { topology } = subject;
  const shown = address === null ? '' : formatIp(address);
  if (port === undefined) {
    const gateway = isGateway(topology, vpcOfPort(topology, subject.from.port) ?? '', shown);
    return { asked, port: null, address: shown, ...(gateway ? { gateway } : {}) };
  }
  const node = port['binding:host_id'];
  const attachment = subject.numbers(node)?.attachment(port.id);
  const fixed =
    port.fixed_ips.find((candidate) => candidate.ip_address === shown) ?? port.fixed_ips[0];
  return {
    asked,
    address: shown,
    port: {
      id: port.id,
      name: port.name,
      device_id: port.device_id,
      mac: port.mac_address,
      interface: attachment?.interface ?? '',
      node,
      vtep: topology.get('node', node)?.vtep ?? '',
      vid: attachment?.vid ?? 0,
      subnet: fixed?.subnet_id ?? '',
      security_groups: port.security_groups.map((id) => ({
        id,
        name: topology.get('security_group', id)?.name ?? '',
      })),
    },
  };
}

/** A port that has a floating ip gets what is sent to it under the fixed address. */
function translated(topology: Topology, port: Port, outside: string): string | undefined {
  for (const id of topology.find('floatingip.by_port', port.id)) {
    const floating = topology.get('floatingip', id);
    if (floating?.floating_ip_address === outside) return floating.fixed_ip_address ?? undefined;
  }
  return undefined;
}

const wrap = (subject: Subject, legs: readonly Leg[], receiver: Port | undefined): Trace => {
  const { from, to, probe, source } = subject;
  const [first] = legs;
  return {
    from: endpoint(subject, from.asked, from.port, from.address),
    to: endpoint(subject, to.asked, receiver ?? to.ports[0], to.address),
    probe,
    source,
    verdict: first?.verdict ?? 'dropped',
    reason: first?.reason ?? null,
    fix: [],
    legs,
  };
};

/** No packet can be made where the ends share no family. */
function withoutPacket(subject: Subject): Trace {
  const { topology, from, to, probe } = subject;
  const [receiver = null] = to.ports;
  const lacking = from.address === null ? from.port : receiver;
  const ending: Ending = {
    code: 'families_differ',
    node: from.port['binding:host_id'],
    table: null,
    place: '',
    detail: lacking === null ? '' : `: ${portName(lacking)} has no IPv${probe.family} address`,
  };
  const ends = { sender: from.port, source: '', receiver, destination: to.asked };
  const reason = reasonFor(topology, probe, ends, ending);
  return wrap(subject, [unsent('request', 'new', reason)], undefined);
}

/**
 * Follows a probe and its answer through the fabric: request of a new connection, and once that is
 * delivered the reply and a request of the established connection. `fix` is left empty.
 */
export function trace(subject: Subject): Trace {
  const { topology, from, to, probe } = subject;
  if (from.address === null || to.address === null) return withoutPacket(subject);
  const source = from.address;
  const destination = to.address;
  const tracer = new Tracer(subject);
  const outside = formatIp(destination);
  const request = (connection: Leg['connection']): Shot => ({
    direction: 'request',
    connection,
    sender: from.port,
    source,
    receiver: to.ports[0] ?? null,
    destination,
    key: requestKey(probe, macFor(from.port, source), source, destination, connection === 'new'),
    arrives(delivery, port) {
      if (to.exact ? port.id !== to.ports[0]?.id : port.id === from.port.id) return false;
      const received = destinationOf(delivery.key, probe.family);
      const inside = to.exact ? undefined : translated(topology, port, outside);
      return (inside === undefined ? destination : tryParseIp(inside))?.value === received;
    },
    answered({ key }, port) {
      return !to.exact && port.id === from.port.id && isAnswer(probe, this.key, key);
    },
  });
  const first = tracer.leg(request('new'));
  const { delivery, receiver, answer } = first;
  if (answer !== undefined) {
    const again = tracer.leg(request('established'));
    return wrap(subject, [first.leg, answerLeg(answer), again.leg], receiver);
  }
  if (delivery === undefined || receiver === undefined) return wrap(subject, [first.leg], receiver);
  const answered = destinationOf(delivery.key, probe.family);
  const back: Ip = { version: probe.family, value: answered };
  const reply = tracer.leg({
    direction: 'reply',
    connection: 'established',
    sender: receiver,
    source: back,
    receiver: from.port,
    destination: source,
    key: replyKey(probe, macFor(receiver, back), delivery.key),
    arrives: (candidate, port) =>
      port.id === from.port.id && destinationOf(candidate.key, probe.family) === source.value,
    answered: () => false,
  });
  const again = tracer.leg(request('established'));
  return wrap(subject, [first.leg, reply.leg, again.leg], receiver);
}
