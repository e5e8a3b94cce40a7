/** A whole trace: the request, its answer, and the request of the connection that stands. */
import { formatIp, tryParseIp, type Ip } from '../address/index.ts';
import { field, type FlowKey } from '../openflow/fields.ts';
import { readField } from '../openflow/key.ts';
import type { Port } from '../model/objects.ts';
import type { Delivery, FabricRun } from '../sim/fabric.ts';
import type { Tracker } from '../sim/conntrack.ts';
import { endingOf, type Ending } from './ending.ts';
import { endpoint, excess, macFor, senderFault, translated } from './ends.ts';
import { hopsOf } from './hops.ts';
import { ownersOf, pipelineOf, portName, vpcName, vpcOfPort, type NodeNumbers } from './names.ts';
import { networkName, networksApart, routerDown, routerName } from './joins.ts';
import { destinationOf, isAnswer, isEcho, replyKey, requestKey } from './probe.ts';
import { reasonFor, type Blamed } from './reason.ts';
import type { ReasonCode } from './reasons.ts';
import { answerStopsOf, stopsOf, type Arrival } from './stops.ts';
import type { Subject } from './subject.ts';
import type { Leg, Reason, Stop, Trace } from './types.ts';

const ETHERNET = { source: field('eth_src'), destination: field('eth_dst') } as const;

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
  /** How the packet is too long for a port's network; null: it is not. */
  excess(port: Port): string | null;
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

/** A leg whose packet never got to a switch. */
function unsent(direction: Leg['direction'], connection: Leg['connection'], reason: Reason): Leg {
  return { direction, connection, verdict: 'dropped', reason, hops: [], stops: [] };
}

/** How the interface that a packet comes out of refuses it. */
function tooLong(shot: Shot, { node }: Delivery, receiver: Port): Ending | undefined {
  const detail = shot.excess(receiver);
  return detail === null
    ? undefined
    : { code: 'longer_than_mtu', node, table: null, place: 'br-int', detail };
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

  portAt(node: string, ofport: number, bridge: string): Port | undefined {
    const id = this.#numbers(node).portAt(ofport, bridge);
    return id === undefined ? undefined : this.#subject.topology.get('port', id);
  }

  /** Sends one packet and tells its way. */
  leg(shot: Shot): Shown {
    const { fabric, topology } = this.#subject;
    const { direction, connection, sender } = shot;
    const excess = shot.excess(sender);
    const fault =
      senderFault(this.#subject, sender) ?? (excess === null ? null : 'longer_than_mtu');
    const node = sender['binding:host_id'];
    const attachment = this.#numbers(node).attachment(sender.id);
    const bridge = attachment?.bridge ?? 'br-int';
    const member = fabric.nodes.get(node);
    const held = member?.bridges[bridge] !== undefined && member.blank?.has(bridge) !== true;
    if (this.#subject.partial === true && node !== '' && !held) {
      const detail = `the flows of its ${bridge} are not captured`;
      const ending = { code: 'not_followed', node, table: null, place: bridge, detail } as const;
      const leg = unsent(direction, connection, this.#reason(shot, ending, 'sender'));
      return { leg, delivery: undefined, receiver: undefined, answer: undefined };
    }
    const unable = fault === 'link_down' || fault === 'longer_than_mtu';
    if (attachment === undefined || !held || unable) {
      const place = node === '' ? '' : 'br-int';
      const ending = { code: fault ?? 'no_flows', node, table: null, place, detail: excess ?? '' };
      const reason = this.#reason(shot, ending, 'sender');
      const leg = unsent(direction, connection, reason);
      return { leg, delivery: undefined, receiver: undefined, answer: undefined };
    }
    const run = fabric.send(node, attachment.ofport, shot.key, {
      conntrack: this.#conntrack,
      bridge,
    });
    const hops = hopsOf(run, {
      topology,
      numbers: (name) => this.#numbers(name),
      pipeline: (name, bridge) => pipelineOf(fabric.nodes.get(name), bridge),
    });
    const found = (right: (delivery: Delivery, port: Port) => boolean): Delivery | undefined =>
      run.deliveries.find((candidate) => {
        const port = this.portAt(candidate.node, candidate.ofport, candidate.bridge);
        return port !== undefined && right(candidate, port);
      });
    const delivery = found((it, port) => shot.arrives(it, port));
    const answer =
      delivery === undefined ? found((it, port) => shot.answered(it, port)) : undefined;
    const receiver = delivery && this.portAt(delivery.node, delivery.ofport, delivery.bridge);
    const refused = delivery && receiver && tooLong(shot, delivery, receiver);
    const arrival: Arrival | undefined =
      refused !== undefined
        ? undefined
        : ((delivery && { kind: 'received', delivery }) ??
          (answer && { kind: 'answered', delivery: answer }));
    const ends = {
      sender: portName(sender),
      interface: attachment.interface,
      destination: formatIp(shot.destination),
      portAt: (name: string, ofport: number, bridge: string) => {
        const port = this.portAt(name, ofport, bridge);
        return port === undefined ? `ofport ${ofport}` : portName(port);
      },
    };
    const ending = arrival === undefined ? (refused ?? this.#ending(run, shot)) : null;
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
      delivery: refused === undefined ? delivery : undefined,
      receiver,
      answer: answer && answerStopsOf(fabric, hops, ends, answer),
    };
  }

  #ending(run: FabricRun, shot: Shot): Ending {
    const [stray] = run.deliveries;
    if (stray !== undefined) {
      const port = this.portAt(stray.node, stray.ofport, stray.bridge);
      const table = run.visits.at(-1)?.execution.steps.findLast((step) => step.kind === 'table');
      const back = port?.id === shot.sender.id;
      return {
        code: back ? 'came_back' : 'delivered_elsewhere',
        node: stray.node,
        table: table?.kind === 'table' ? table.table : null,
        place: stray.bridge,
        detail: port === undefined ? `ofport ${stray.ofport}` : portName(port),
      };
    }
    return (
      endingOf(run, this.#subject.fabric, this.#subject.partial) ?? {
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
    if (stranger === undefined) {
      const down = ending.code === 'no_route' && receiver && routerDown(topology, receiver);
      if (!down) return reasonFor(topology, probe, ends, ending, blamed);
      const detail = routerName(down);
      return reasonFor(topology, probe, ends, { ...ending, code: 'router_down', detail });
    }
    const apart = networksApart(topology, sender, stranger);
    if (apart !== null) {
      const detail = apart.map(networkName).join(' and ');
      return reasonFor(topology, probe, ends, { ...ending, code: 'not_joined', detail });
    }
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
  const { topology, from, to, probe, foreign } = subject;
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
    key: requestKey(
      probe,
      macFor(from.port, source),
      source,
      destination,
      connection === 'new',
      foreign?.nextHop,
    ),
    excess: (port) => excess(topology, probe, port),
    arrives(delivery, port) {
      if (to.exact ? port.id !== to.ports[0]?.id : port.id === from.port.id) return false;
      // Somebody else's cloud translates in its own ways.
      if (to.exact && foreign !== undefined) return true;
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
    key: replyKey(
      probe,
      foreign ? readField(delivery.key, ETHERNET.destination) : macFor(receiver, back),
      delivery.key,
      foreign && readField(delivery.key, ETHERNET.source),
    ),
    // An echo comes back as long as it went.
    excess: (port) => (isEcho(probe) ? excess(topology, probe, port) : null),
    arrives: (candidate, port) =>
      port.id === from.port.id && destinationOf(candidate.key, probe.family) === source.value,
    answered: () => false,
  });
  const again = tracer.leg(request('established'));
  return wrap(subject, [first.leg, reply.leg, again.leg], receiver);
}
