/**
 * Which bits of its packet a translation has looked at or written up to a step. A field that is
 * written in part goes to the datapath under the mask of these bits; of one that is written as a
 * whole they are all of it, so most translations never ask.
 */
import { ETH_TYPE, IP_PROTO } from '../../openflow/build.ts';
import { field, type Field, type FlowKey } from '../../openflow/fields.ts';
import { PORT, type Action, type Flow, type Subfield, type Term } from '../../openflow/flow.ts';
import { fieldMask, newKey, readField, touches, writeField } from '../../openflow/key.ts';
import type { ExecuteOptions } from '../execute.ts';
import { hashesHeaders } from '../group.ts';
import type { Operation, OperationOf } from '../operations.ts';
import { ETH_TYPE_NSH, isMplsType, networkType, prerequisiteOf } from '../prerequisites.ts';
import type { Execution, Step } from '../types.ts';
import { AT, ethernetType, fragment, ipProtocol } from '../words.ts';
import type { Pass } from '../translate/pass.ts';
import { swapTuple } from '../translate/tuple.ts';
import { readSubfield, widePort } from '../subfield.ts';
import type { Masks } from './masks.ts';
import { TableShape } from './lookup.ts';
import type { TunnelPort } from './tunnel.ts';

const fields = {
  ethernetSource: field('eth_src'),
  ethernetDestination: field('eth_dst'),
  ipSource: field('ip_src'),
  ipDestination: field('ip_dst'),
  ipv6Source: field('ipv6_src'),
  ipv6Destination: field('ipv6_dst'),
  ttl: field('nw_ttl'),
  tos: field('nw_tos'),
  ecn: field('nw_ecn'),
  source: field('tcp_src'),
  destination: field('tcp_dst'),
  priority: field('skb_priority'),
  nshTtl: field('nsh_ttl'),
  dscp: field('ip_dscp'),
  protocol: field('ip_proto'),
  ndOption: field('nd_options_type'),
} as const;

function whole(mask: FlowKey, target: Field): void {
  const all = fieldMask(target);
  writeField(mask, target, all, all);
}

function bits(mask: FlowKey, { field: target, first, bits: width }: Subfield): void {
  const under = ((1n << BigInt(width)) - 1n) << BigInt(first);
  writeField(mask, target, under, under);
}

const isIpv4 = (key: FlowKey): boolean => ethernetType(key) === ETH_TYPE.ip;
const isIp = (key: FlowKey): boolean => isIpv4(key) || ethernetType(key) === ETH_TYPE.ipv6;

/** What a hash over addresses and ports looks at (flow_mask_hash_fields() in lib/flow.c). */
function hashed(mask: FlowKey, key: FlowKey, kind: string): void {
  const type = ethernetType(key);
  const addresses = (source: boolean, destination: boolean) => {
    if (type === ETH_TYPE.ip) {
      if (source) whole(mask, fields.ipSource);
      if (destination) whole(mask, fields.ipDestination);
    } else if (type === ETH_TYPE.ipv6) {
      if (source) whole(mask, fields.ipv6Source);
      if (destination) whole(mask, fields.ipv6Destination);
    }
  };
  const ports = () => {
    whole(mask, fields.source);
    whole(mask, fields.destination);
  };
  const portsOf = (protocols: readonly number[]) => {
    if (isIp(key) && fragment(key) === 0 && protocols.includes(ipProtocol(key))) ports();
  };
  const { tcp, udp, sctp } = IP_PROTO;
  switch (kind) {
    case 'eth_src':
      whole(mask, fields.ethernetSource);
      return;
    case 'symmetric_l4':
      whole(mask, fields.ethernetSource);
      whole(mask, fields.ethernetDestination);
      addresses(true, true);
      // Of fragments, and of protocols without ports, too.
      if (isIp(key) && ipProtocol(key) !== udp) ports();
      return;
    case 'symmetric_l3l4':
      addresses(true, true);
      portsOf([tcp, sctp]);
      return;
    case 'symmetric_l3l4+udp':
      addresses(true, true);
      portsOf([tcp, udp, sctp]);
      return;
    case 'symmetric_l3':
      addresses(true, true);
      return;
    default:
      addresses(kind === 'nw_src', kind === 'nw_dst');
  }
}

const BROADCAST = 0xffff_ffff_ffffn;
const ARP_REQUEST = 1;

/** What NORMAL looks at, be it to learn where a MAC is (xlate_normal()). */
function byMac(mask: FlowKey, key: FlowKey): void {
  whole(mask, fields.ethernetSource);
  whole(mask, fields.ethernetDestination);
  const isBroadcast = readField(key, fields.ethernetDestination) === BROADCAST;
  if (ethernetType(key) !== ETH_TYPE.arp || !isBroadcast) return;
  whole(mask, fields.protocol);
  if (ipProtocol(key) !== ARP_REQUEST) return;
  whole(mask, fields.ipSource);
  whole(mask, fields.ipDestination);
}

/** A first label takes over priority and TTL (flow_push_mpls()). */
function labelled(mask: FlowKey, key: FlowKey): void {
  if (!isIp(key)) return;
  whole(mask, fields.dscp);
  whole(mask, fields.ttl);
}

/** What an operation looks at or writes of the packet `key`. */
type Look<K extends Operation['kind']> = (
  mask: FlowKey,
  operation: OperationOf<K>,
  key: FlowKey,
  pass: Pass,
) => void;

const looks: { readonly [K in Operation['kind']]?: Look<K> } = {
  set: (mask, { index, keep, needs, field: target }, key) => {
    if (needs !== null && !needs(key)) return;
    if (target.needs === 'arp' && ethernetType(key) === ETH_TYPE.arp) whole(mask, fields.protocol);
    for (const [at, word] of index.entries()) {
      mask[word] = ((mask[word] ?? 0) | ~(keep[at] ?? 0)) >>> 0;
    }
  },
  move: (mask, { action: { source, target }, needs }, key) => {
    if (!needs.every((holds) => holds(key))) return;
    bits(mask, source);
    bits(mask, target);
  },
  push: (mask, { source }) => bits(mask, source),
  pop: (mask, { target }, _key, { stack }) => {
    if (stack.length > 0) bits(mask, target);
  },
  output: (mask, { port, maxLength }, key) => {
    if (port === PORT.normal && maxLength === undefined) byMac(mask, key);
  },
  output_subfield: (mask, { source }, key) => {
    bits(mask, source);
    if (widePort(Number(readSubfield(key, source))) === PORT.normal) byMac(mask, key);
  },
  ct: (mask, { action: { zone } }) => {
    if (typeof zone !== 'number') bits(mask, zone);
  },
  push_mpls: (mask, _operation, key) => labelled(mask, key),
  fin_timeout: (mask) => whole(mask, fields.protocol),
  set_queue: (mask) => whole(mask, fields.priority),
  pop_queue: (mask) => whole(mask, fields.priority),
  mod_nw_ttl: (mask) => whole(mask, fields.ttl),
  mod_tp_src: (mask) => whole(mask, fields.source),
  mod_tp_dst: (mask) => whole(mask, fields.destination),
  dec_ttl: (mask) => whole(mask, fields.ttl),
  dec_nsh_ttl: (mask, _operation, key) => {
    if (networkType(key) === ETH_TYPE_NSH) whole(mask, fields.nshTtl);
  },
  multipath: (mask, { fields: kind, target }, key) => {
    hashed(mask, key, kind);
    bits(mask, target);
  },
  bundle: (mask, { fields: kind, algorithm, members, target }, key) => {
    if (algorithm === 'hrw' && members.length > 1) hashed(mask, key, kind);
    if (target !== null) bits(mask, target);
  },
  learn: (mask, { specs }) => {
    for (const spec of specs) if ('field' in spec.source) bits(mask, spec.source);
  },
};

/**
 * Whether it looks at the packet after what changed so far has been written in a step of its own, as
 * a first label does.
 */
const writesFirst = ({ kind }: Operation, key: FlowKey): boolean =>
  kind === 'push_mpls' && !isMplsType(ethernetType(key));

type GroupStep = Extract<Step, { kind: 'group' }>;

/** Only a hash of the translation's own looks at the packet. */
function hashedByGroup(mask: FlowKey, { group, key }: GroupStep): void {
  if (typeof group === 'number') return;
  if (hashesHeaders(group)) hashed(mask, key, 'symmetric_l4');
  for (const { field: target, mask: under } of group.hashedFields ?? []) {
    if (prerequisiteOf(target)?.(key) !== false) writeField(mask, target, under, under);
  }
}

/** An output that is put into a tunnel's header, also where the tunnel then leads back. */
const reachesPort = (step: Step): step is Extract<Step, { kind: 'output' | 'suppressed' }> =>
  step.kind === 'output' || (step.kind === 'suppressed' && step.why === 'tunnel');

/** What a tunnel takes over of an IP packet (tnl_port_send()). */
function inherited(mask: FlowKey, tunnel: TunnelPort | null): void {
  if (tunnel === null) return;
  whole(mask, fields.ecn);
  if (tunnel.tos === 'inherit') whole(mask, fields.dscp);
  if (tunnel.ttl === 'inherit') whole(mask, fields.ttl);
}

/** Whether the packet came out of a tunnel that met congestion (RFC 6040). */
const toldOfCongestion = (key: FlowKey): boolean =>
  ((key[AT.tunnelFlags] ?? 0) & 3) === 3 && key[AT.tunnelDestination] !== 0 && isIp(key);

/** Steps at which what has changed of the packet is written. */
const WRITES: ReadonlySet<Step['kind']> = new Set([
  'output',
  'controller',
  'conntrack',
  'commit',
  'encap',
  'decap',
  'recirculate',
  'clone',
  'length',
]);

/** Whether flags or option of neighbour discovery differ, of whose mask a write leaves a byte alone. */
const differs = (a: FlowKey, b: FlowKey): boolean =>
  a[AT.ndReserved] !== b[AT.ndReserved] || a[AT.tcpFlags] !== b[AT.tcpFlags];

function byTable(flows: readonly Flow[]): Map<number, Flow[]> {
  const tables = new Map<number, Flow[]>();
  for (const flow of flows) {
    const table = tables.get(flow.table);
    if (table === undefined) tables.set(flow.table, [flow]);
    else table.push(flow);
  }
  return tables;
}

/** The tables of a bridge in the shape in which Open vSwitch searches them, made when asked for. */
export class TableShapes {
  readonly #flows: () => readonly Flow[];
  #byTable: Map<number, Flow[]> | undefined;
  readonly #shapes = new Map<number, TableShape>();

  /** @param flows In the order of a dump. */
  constructor(flows: () => readonly Flow[]) {
    this.#flows = flows;
  }

  table(number: number): TableShape {
    let shape = this.#shapes.get(number);
    if (shape === undefined) {
      this.#byTable ??= byTable(this.#flows());
      shape = new TableShape(this.#byTable.get(number) ?? []);
      this.#shapes.set(number, shape);
    }
    return shape;
  }
}

/** Of a fragment no table sees the ports. */
function asLookedUp(key: FlowKey): FlowKey {
  if (fragment(key) === 0) return key;
  const blind = key.slice();
  blind[AT.ports] = 0;
  return blind;
}

/** An Ethernet header comes and goes without a look at what it holds. */
const ETHERNET = [fields.ethernetSource, fields.ethernetDestination];

/** Whether the header of a packet is taken off or another put around it. */
const rewraps = (actions: readonly Action[]): boolean =>
  actions.some(
    (action) =>
      action.kind === 'encap' ||
      action.kind === 'decap' ||
      (action.kind === 'clone' && rewraps(action.actions)),
  );

function* writes(actions: readonly Action[]): Generator<Subfield | Term> {
  for (const action of actions) {
    switch (action.kind) {
      case 'set_field':
        yield action;
        break;
      case 'load':
      case 'move':
      case 'pop':
      case 'multipath':
      case 'check_pkt_larger':
        yield action.target;
        break;
      case 'bundle':
        if (action.target !== null) yield action.target;
        break;
      case 'clone':
      case 'write_actions':
        yield* writes(action.actions);
        break;
      default:
    }
  }
}

/** Whether a write leaves bits of the field's bytes as they are, as one of the DSCP does. */
function isPartial(write: Subfield | Term): boolean {
  const { field: target } = write;
  const full = 'mask' in write ? write.mask === fieldMask(target) : write.bits === target.bits;
  return !full || target.bits % 8 !== 0;
}

/** Bits of fields that some action writes in part: of all others a write is under no mask. */
export function partlyWritten(lists: Iterable<readonly Action[]>): FlowKey {
  const mask = newKey();
  // Tunnels and queues write parts of it on their own.
  whole(mask, fields.tos);
  for (const actions of lists) {
    for (const write of writes(actions)) if (isPartial(write)) whole(mask, write.field);
    if (rewraps(actions)) for (const target of ETHERNET) whole(mask, target);
  }
  return mask;
}

/** What one operation looked at or wrote, before the step at `at`. */
interface Glance {
  readonly at: number;
  readonly mask: FlowKey;
}

/** Runs the same packet the same way again, under the eyes of `witness`. */
export type Replay = (witness: NonNullable<ExecuteOptions['witness']>) => void;

/** What each pass looked at, found out by a second run when it is asked for. */
export class Examined {
  readonly #execution: Execution;
  readonly #shapes: TableShapes;
  readonly #replay: Replay;
  readonly #tunnelOf: (port: number) => TunnelPort | null;
  #operations: Map<number, Glance[]> | undefined;

  /** @param tunnelOf How an output to the port wraps the packet; null: not at all. */
  constructor(
    execution: Execution,
    shapes: TableShapes,
    replay: Replay,
    tunnelOf: (port: number) => TunnelPort | null,
  ) {
    this.#execution = execution;
    this.#shapes = shapes;
    this.#replay = replay;
    this.#tunnelOf = tunnelOf;
  }

  /**
   * The bits looked at in a pass up to a step.
   * @param steps Where the steps of the pass stand in the execution, in order.
   */
  until(pass: number, steps: readonly number[], step: number): Masks {
    let mask: FlowKey | undefined;
    return (target) => {
      mask ??= this.#gather(pass, steps, step);
      return readField(mask, target);
    };
  }

  #gather(pass: number, steps: readonly number[], until: number): FlowKey {
    const { initial } = this.#execution;
    let key = initial[pass] ?? new Uint32Array(0);
    const mask: FlowKey = new Uint32Array(key.length);
    let told = key;
    // Congestion that the tunnel met is told to the packet, so its own is looked at.
    if (toldOfCongestion(key)) whole(mask, fields.ecn);
    const operations = this.#ofPass(pass);
    let next = 0;
    const run = (to: number) => {
      for (; next < operations.length && (operations[next]?.at ?? 0) <= to; next += 1) {
        const looked = operations[next]?.mask ?? mask;
        // Taken of the wrong byte of a mask as well: what is kept of it are those that no field has.
        if (touches(looked, fields.ndOption)) {
          mask[AT.tcpFlags] = ((mask[AT.tcpFlags] ?? 0) >>> 8) & 0xff;
        }
        for (let word = 0; word < mask.length; word += 1) {
          mask[word] = (mask[word] ?? 0) | (looked[word] ?? 0);
        }
      }
    };
    for (const index of steps) {
      const step = this.#execution.steps[index];
      if (step === undefined || index > until) break;
      run(index);
      if ('key' in step) key = step.key;
      if (WRITES.has(step.kind) && differs(told, key)) {
        mask[AT.tcpFlags] = (mask[AT.tcpFlags] ?? 0) & 0xff;
        told = key;
      }
      if (step.kind === 'table') {
        // What was looked at is exchanged as what is looked at.
        if (step.original) swapTuple(mask, isIpv4(key));
        this.#shapes.table(step.table).look(asLookedUp(key), step.flow, mask);
        if (step.original) swapTuple(mask, isIpv4(key));
      } else if (step.kind === 'group') hashedByGroup(mask, step);
      else if (reachesPort(step) && isIp(key)) inherited(mask, this.#tunnelOf(step.port));
    }
    return mask;
  }

  #ofPass(pass: number): readonly Glance[] {
    this.#operations ??= this.#witnessed();
    return this.#operations.get(pass) ?? [];
  }

  #witnessed(): Map<number, Glance[]> {
    const operations = new Map<number, Glance[]>();
    this.#replay((operation, key, pass, at) => {
      const look = looks[operation.kind] as Look<Operation['kind']> | undefined;
      if (look === undefined) return;
      const mask: FlowKey = new Uint32Array(key.length);
      look(mask, operation, key, pass);
      const glance = { at: writesFirst(operation, key) ? at + 1 : at, mask };
      const known = operations.get(pass.number);
      if (known === undefined) operations.set(pass.number, [glance]);
      else known.push(glance);
    });
    return operations;
  }
}
