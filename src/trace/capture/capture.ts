/** A folder of dumps as a cloud that packets can be sent through. */
import { formatMac } from '../../address/index.ts';
import { Failure } from '../../base/failure.ts';
import type { Port } from '../../model/objects.ts';
import type { Topology } from '../../model/topology.ts';
import { Fabric, type FabricNode } from '../../sim/fabric.ts';
import { explain } from '../explain.ts';
import type { NodeNumbers, Plug } from '../names.ts';
import { familyOfProtocol, parseProbe } from '../probe.ts';
import { question, subjectOf, type Asked } from '../question.ts';
import { trace } from '../trace.ts';
import type { Sent, Subject } from '../subject.ts';
import type { Trace } from '../types.ts';
import { addressOf, macOf, readEnd, type End } from './ends.ts';
import { guestsOf, type Known } from './guests.ts';
import { TOPOLOGY, type Fault, type Gap, type Texts } from './layout.ts';
import { coldOf, readNode, type CapturedNode } from './node.ts';
import { impliedTopology, readTopology } from './topology.ts';

const VID = 'tianchi-vid';

/** The numbers of a captured node, by what its interfaces and bridges keep. */
function numbersOf(
  node: CapturedNode,
  guests: readonly Known[],
  bound: (portId: string) => boolean,
): NodeNumbers {
  const vids = new Map(
    node.ports.map(({ port }) => [port.ids.get('iface-id'), Number(port.ids.get(VID) ?? 0)]),
  );
  const own = guests.filter(({ id }) => bound(id));
  const plugs = new Map(
    own.map(({ id, ofport, bridge, interface: name }): [string, Plug] => [
      id,
      { vid: vids.get(id) ?? 0, ofport, interface: name, bridge },
    ]),
  );
  const vpcs = new Map([...node.networkIds].map(([vpc, id]) => [id, vpc]));
  return {
    attachment: (id) => plugs.get(id),
    portOf: (vid) => [...plugs].find(([, plug]) => plug.vid === vid)?.[0],
    portAt: (ofport, bridge) =>
      own.find((guest) => guest.ofport === ofport && guest.bridge === bridge)?.id,
    vpcOf: (id) => vpcs.get(id),
  };
}

/** A request over a capture, its ends as the server's objects or as the switches' ports. */
export class Capture {
  /** What is wrong in its files: while there is something no trace of it can be trusted. */
  readonly faults: readonly Fault[];
  readonly gaps: readonly Gap[];
  readonly #fabric: Fabric;
  /** null: nobody named the objects. */
  readonly #topology: Topology | null;
  readonly #implied: Topology;
  readonly #guests: readonly Known[];
  readonly #numbers: ReadonlyMap<string, NodeNumbers>;

  /** @param texts All files of the folder, by their path in it. */
  constructor(texts: Texts) {
    const names = [
      ...new Set([...texts.keys()].flatMap((path) => path.split('/').slice(0, -1)[0] ?? [])),
    ];
    const nodes = names.sort().map((name) => readNode(texts, name));
    const told = texts.get(TOPOLOGY);
    const { topology, faults } = readTopology(TOPOLOGY, told ?? '');
    this.#topology = told === undefined ? null : topology;
    this.faults = [...faults, ...nodes.flatMap((node) => node.faults)];
    this.gaps = nodes.flatMap(({ gaps }) => gaps);
    this.#guests = nodes.flatMap(guestsOf);
    const vteps = nodes.map(({ sim }): [string, string] => [sim.name, sim.vteps[0]?.address ?? '']);
    this.#implied = impliedTopology(new Map(vteps), this.#guests);
    this.#fabric = new Fabric(
      nodes.map((node): FabricNode => {
        const others = nodes.flatMap(({ sim }) => (sim === node.sim ? [] : sim.vteps));
        return { ...node.sim, cold: coldOf(node, others) };
      }),
    );
    this.#numbers = new Map(
      nodes.map((node): [string, NodeNumbers] => {
        const { name } = node.sim;
        const here = this.#topology?.find('port.by_host', name);
        const guests = this.#guests.filter((guest) => guest.node === name);
        return [name, numbersOf(node, guests, (id) => here?.has(id) ?? true)];
      }),
    );
  }

  /** Whether a port has this uuid. */
  knows(port: string): boolean {
    return (this.#topology ?? this.#implied).get('port', port) !== undefined;
  }

  /**
   * Follows one packet, and explains it where the objects are known.
   * @param source How the capture is called in the trace.
   * @throws {Failure} for ends that nobody or several are meant by, or of which too little is known.
   */
  trace(asked: Asked, source: string): Trace {
    const nodes = {
      fabric: this.#fabric,
      numbers: (node: string) => this.#numbers.get(node),
      source,
      partial: true,
    };
    if (this.#topology !== null) {
      const topology = this.#topology;
      return explain({ ...subjectOf(question(topology, asked)), ...nodes, topology });
    }
    return trace({ ...this.#ends(asked), ...nodes, topology: this.#implied });
  }

  #ends({
    protocol,
    source_port: sourcePort,
    size,
    ...asked
  }: Asked): Sent & Pick<Subject, 'foreign'> {
    const from = readEnd(this.#guests, 'from', asked.from);
    const to = readEnd(this.#guests, 'to', asked.to);
    const wanted = asked.family ?? familyOfProtocol(protocol) ?? shared(from, to);
    const [source, destination] = [addressOf('from', from, wanted), addressOf('to', to, wanted)];
    const probe = parseProbe({ protocol, sourcePort, size }, source.version);
    const port = this.#port(from);
    const ours = this.#fabric.nodes.get(port['binding:host_id'])?.foreign !== true;
    return {
      from: {
        asked: from.asked,
        port: { ...port, mac_address: formatMac(macOf('from', from)) },
        address: source,
      },
      to: {
        asked: to.asked,
        exact: to.guest !== undefined,
        ports: to.guest === undefined ? [] : [this.#port(to)],
        address: destination,
      },
      probe,
      ...(ours ? {} : { foreign: { nextHop: macOf('to', to) } }),
    };
  }

  #port({ asked, guest }: End): Port {
    const port = this.#implied.get('port', guest?.id ?? '');
    if (port !== undefined) return port;
    throw new Failure('not_found', 'NotFound', `"${asked}" is no captured port`);
  }
}

/** The family that both ends have an address of: IPv4 where both have both, undefined for none. */
function shared(from: End, to: End): 4 | 6 | undefined {
  const families = ({ guest, address }: End): readonly number[] =>
    address === null
      ? (guest?.addresses ?? []).map((text) => (text.includes(':') ? 6 : 4))
      : [address.version];
  const theirs = families(to);
  return ([4, 6] as const).find(
    (family) => families(from).includes(family) && theirs.includes(family),
  );
}
