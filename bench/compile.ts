/**
 * One VPC over ten nodes: everything compiled at 1,000 and at 10,000 ports, and single changes at
 * both sizes, whose time must not grow with the VPC. All ports are in one security group that
 * trusts itself, so that every address counts on every node, in both directions.
 */
import { Topology } from '../src/model/topology.ts';
import type { Change, Port } from '../src/model/objects.ts';
import { compileAll, Compiler } from '../src/pipeline/compiler.ts';
import { attachmentKey } from '../src/pipeline/local.ts';
import type { LocalState } from '../src/pipeline/local-state.ts';
import {
  network,
  node,
  port,
  put,
  remove,
  securityGroup,
  securityGroupRule,
  subnet,
} from '../test/support/objects.ts';
import { freshNode } from '../test/support/programs.ts';
import { median, round, timed } from './measure.ts';

const NODES = 10;
const SIZES = [1_000, 10_000] as const;
const FULL_REPETITIONS = 7;
const CHANGES = 1_000;
const WARM_UP = 300;
const FIRST_OFPORT = 10;

interface FullFigures {
  readonly ports: number;
  /** For one node: milliseconds, median, and what its switch is told. */
  readonly oneNodeMs: number;
  readonly flowsOfOneNode: number;
  /** Every node once, one after another. */
  readonly allNodesMs: number;
  /** Of one node's program and of the record of who read what. */
  readonly compilerHeapMiB: number;
}

/** Microseconds from the change to the delta, median. */
interface ChangeFigures {
  readonly change: string;
  readonly at1000Us: number;
  readonly at10000Us: number;
  readonly ratio: number;
}

export interface CompileFigures {
  readonly full: readonly FullFigures[];
  readonly changes: readonly ChangeFigures[];
}

const id = (kind: number, serial: number): string =>
  `${kind}0000000-0000-4000-8000-${String(serial).padStart(12, '0')}`;
const VPC = id(1, 0);
const NETWORK = id(1, 1);
const SUBNET = id(2, 0);
const [GROUP, OTHER_GROUP] = [id(3, 0), id(3, 1)];
const nodeName = (serial: number): string => `node${(serial % NODES) + 1}`;
const HERE = nodeName(0);

const byte = (value: number): string => (value & 0xff).toString(16).padStart(2, '0');

function portOf(serial: number, host: string, group = GROUP): Port {
  const address = serial + 2;
  return port({
    id: id(4, serial),
    network_id: NETWORK,
    mac_address: `fa:16:3e:${byte(serial >> 16)}:${byte(serial >> 8)}:${byte(serial)}`,
    fixed_ips: [{ subnet_id: SUBNET, ip_address: `10.0.${address >> 8}.${address & 0xff}` }],
    security_groups: [group],
    device_owner: 'compute:nova',
    'binding:host_id': host,
  });
}

function vpcOf(ports: number): Change[] {
  const vpc = { id: VPC, vni: 0x170b };
  const rule = (serial: number, given: Omit<Parameters<typeof securityGroupRule>[0], 'id'>) =>
    put('security_group_rule', securityGroupRule({ ...given, id: id(5, serial) }));
  return [
    ...Array.from({ length: NODES }, (_, n) => put('node', node(nodeName(n), `10.1.0.${n + 1}`))),
    put('network', network({ id: VPC, vpc, cidr: '10.0.0.0/16' })),
    put('network', network({ id: NETWORK, vpc })),
    put(
      'subnet',
      subnet({ id: SUBNET, network_id: NETWORK, cidr: '10.0.0.0/16', gateway_ip: '10.0.0.1' }),
    ),
    put('security_group', securityGroup({ id: GROUP })),
    put('security_group', securityGroup({ id: OTHER_GROUP })),
    rule(0, { security_group_id: GROUP, direction: 'ingress', remote_group_id: GROUP }),
    rule(1, { security_group_id: GROUP, direction: 'egress', remote_group_id: GROUP }),
    rule(2, { security_group_id: OTHER_GROUP, direction: 'ingress', remote_group_id: GROUP }),
    rule(3, {
      security_group_id: GROUP,
      direction: 'ingress',
      protocol: 'tcp',
      port_range_min: 22,
      port_range_max: 22,
      remote_ip_prefix: '0.0.0.0/0',
    }),
    ...Array.from({ length: ports }, (_, n) => put('port', portOf(n, nodeName(n)))),
  ];
}

function topologyOf(ports: number): Topology {
  const topology = new Topology();
  for (const change of vpcOf(ports)) topology.apply(change);
  return topology;
}

/** A node with all ports bound to it plugged. */
function plugged(topology: Topology, name: string): LocalState {
  const local = freshNode(name, topology.get('node', name)?.vtep);
  let ofport = FIRST_OFPORT;
  for (const portId of topology.find('port.by_host', name)) {
    local.attach(portId, { ofport, interface: `vhu${portId.slice(0, 11)}` });
    ofport += 1;
  }
  return local;
}

const heap = (): number => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 2 ** 20;
};

function full(ports: number): FullFigures {
  const topology = topologyOf(ports);
  const start = (name: string): Compiler => {
    const compiler = new Compiler(topology, plugged(topology, name));
    compiler.start();
    return compiler;
  };
  start(HERE);
  const empty = heap();
  const compiler = start(HERE);
  const compilerHeapMiB = heap() - empty;
  const flowsOfOneNode = compiler.program('br-int').flows.length;
  const oneNode = Array.from({ length: FULL_REPETITIONS }, () => timed(() => start(HERE)));
  const allNodesMs = timed(() => {
    for (let n = 0; n < NODES; n += 1) start(nodeName(n));
  });
  return {
    ports,
    oneNodeMs: round(median(oneNode)),
    flowsOfOneNode,
    allNodesMs: round(allNodesMs),
    compilerHeapMiB: round(compilerHeapMiB),
  };
}

/** A node's compiler that is told of one change after another. */
class Running {
  readonly #topology: Topology;
  readonly #local: LocalState;
  readonly #compiler: Compiler;
  readonly ports: number;
  #nextOfport: number;

  constructor(ports: number) {
    this.ports = ports;
    this.#topology = topologyOf(ports);
    this.#local = plugged(this.#topology, HERE);
    this.#nextOfport = FIRST_OFPORT + ports;
    this.#compiler = new Compiler(this.#topology, this.#local);
    this.#compiler.start();
  }

  /** Microseconds until the delta is known. */
  put(made: Port): number {
    return this.#change(put('port', made), made.id, made['binding:host_id'] === HERE);
  }

  remove(gone: Port): number {
    return this.#change(remove('port', gone.id), gone.id, false);
  }

  #change(change: Change, portId: string, here: boolean): number {
    const from = performance.now();
    const touched = this.#topology.apply(change);
    if (here !== (this.#local.attachment(portId) !== undefined)) {
      if (here) this.#plug(portId);
      else this.#local.detach(portId);
      touched.add(attachmentKey(portId));
    }
    const { add, remove: removed } = this.#compiler.refresh(touched)['br-int'];
    const took = (performance.now() - from) * 1000;
    if (add.length + removed.length === 0) throw new Error(`${portId} changed nothing`);
    return took;
  }

  #plug(portId: string): void {
    const ofport = this.#nextOfport;
    this.#nextOfport += 1;
    this.#local.attach(portId, { ofport, interface: `vhu${portId.slice(0, 11)}` });
  }

  /** Incremental and full agree, or the time would say nothing. */
  check(): void {
    const [held, wanted] = [
      this.#compiler.program('br-int').flows.length,
      compileAll(this.#topology, this.#local)['br-int'].flows.length,
    ];
    if (held !== wanted) throw new Error(`${held} flows instead of ${wanted}`);
  }
}

const KINDS = [
  'port added here',
  'port removed here',
  'port added elsewhere',
  'port removed elsewhere',
  'groups of a port here changed',
  'port bound elsewhere',
] as const;

/** One round of each change, leaving everything as it was. */
function changesOnce(running: Running, serial: number): Record<(typeof KINDS)[number], number> {
  const elsewhere = nodeName(1);
  const local = portOf(serial, HERE);
  const remote = portOf(serial + 1, elsewhere);
  const added = running.put(local);
  const regrouped = running.put(portOf(serial, HERE, OTHER_GROUP));
  running.put(local);
  const bound = running.put(portOf(serial, elsewhere));
  running.put(local);
  return {
    'port added here': added,
    'groups of a port here changed': regrouped,
    'port bound elsewhere': bound,
    'port removed here': running.remove(local),
    'port added elsewhere': running.put(remote),
    'port removed elsewhere': running.remove(remote),
  };
}

/** Both sizes in turn, so that what else the machine does falls on both. */
function changes(): ChangeFigures[] {
  const small = new Running(SIZES[0]);
  const large = new Running(SIZES[1]);
  const took = KINDS.map((kind) => ({ kind, small: [] as number[], large: [] as number[] }));
  for (let n = 0; n < WARM_UP + CHANGES; n += 1) {
    const [few, many] = [small, large].map((it) => changesOnce(it, it.ports + 2 * n));
    if (n < WARM_UP || few === undefined || many === undefined) continue;
    for (const each of took) {
      each.small.push(few[each.kind]);
      each.large.push(many[each.kind]);
    }
  }
  small.check();
  large.check();
  return took.map((each) => ({
    change: each.kind,
    at1000Us: round(median(each.small)),
    at10000Us: round(median(each.large)),
    ratio: round(median(each.large) / median(each.small)),
  }));
}

export function benchCompile(): CompileFigures {
  return { full: SIZES.map((ports) => full(ports)), changes: changes() };
}
