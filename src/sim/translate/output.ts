/** Actions that let the packet out: ports, controllers, bundles (ovs-actions(7), *Output Actions*). */
import { PORT } from '../../openflow/flow.ts';
import { hashFields, hashPair } from '../hash.ts';
import type { SimBridge } from '../bridge.ts';
import { changing, clearConntrack, remember, snapshot, type Packet } from '../packet.ts';
import { readSubfield, widePort, writeSubfield } from '../subfield.ts';
import type { ActionOf, SimPort } from '../types.ts';
import { AT, ethernetType, OPTION_WORDS, packetType, VLAN_PRESENT_BIT, vlanTci } from '../words.ts';
import { floodOrder, normalOrder } from './flood.ts';
import { isLast, UNSET_PORT, type Frame } from './pass.ts';
import { runClone } from './tables.ts';
import { directed, tunnelled } from './tunnel.ts';
import { carries, rememberVlans, tagFor, vlanBehind } from './vlans.ts';
import type { Handlers, Walk } from './walk.ts';

/** An output in its circumstances. */
interface Outlet {
  readonly frame: Frame;
  /** Whether the translation ends with it. */
  readonly last: boolean;
  /** Whether it is cut to a length. */
  readonly truncated: boolean;
}

type Special = (walk: Walk, outlet: Outlet) => void;

const inPortOf = ({ packet }: Frame): number => packet.key[AT.inPort] ?? 0;

/** Ports that stand for something else (OpenFlow 1.3.5 §7.2.1). */
const specials: ReadonlyMap<number, Special> = new Map<number, Special>([
  [PORT.inPort, (walk, outlet) => emit(walk, inPortOf(outlet.frame), outlet)],
  [
    PORT.table,
    (walk, { frame }) =>
      walk.table(0, inPortOf(frame), { ...frame, depth: frame.depth + 1, last: false }),
  ],
  [PORT.normal, (walk, outlet) => normal(walk, outlet)],
  [PORT.flood, (walk, outlet) => flood(walk, outlet)],
  [PORT.all, (walk, outlet) => flood(walk, outlet)],
  [PORT.controller, (walk, { frame }) => walk.toController(frame, {})],
  [PORT.any, () => {}],
]);

export function output(walk: Walk, port: number, outlet: Outlet): void {
  const special = specials.get(port);
  if (special !== undefined) special(walk, outlet);
  else if (port === inPortOf(outlet.frame)) walk.suppress(outlet.frame, port, 'in_port');
  else emit(walk, port, outlet);
}

function flood(walk: Walk, outlet: Outlet): void {
  const { frame } = outlet;
  const inPort = inPortOf(frame);
  const ports = floodOrder(frame.bridge.ports.keys()).filter((port) => port !== inPort);
  for (const [index, port] of ports.entries()) {
    emit(walk, port, { ...outlet, last: outlet.last && index === ports.length - 1 });
  }
}

function destinationMac({ key }: Packet): number {
  const high = (key[AT.ethernetDestination] ?? 0) & 0xffff;
  return high * 0x1_0000_0000 + (key[AT.ethernetDestination + 1] ?? 0);
}

/** MACs that no bridge forwards, but for those told to (eth_addr_is_reserved() in OVS). */
const isReserved = (mac: number): boolean =>
  RESERVED_MACS.some(([from, to]) => mac >= from && mac <= to);
const RESERVED_MACS: readonly (readonly [number, number])[] = [
  [0x0180c2000000, 0x0180c200000f],
  [0x00e02b000000, 0x00e02b000000],
  [0x00e02b000004, 0x00e02b000004],
  [0x00e02b000006, 0x00e02b000006],
  [0x01000c000000, 0x01000c000000],
  [0x01000ccccccc, 0x01000ccccccd],
  [0x01000ccdcdcd, 0x01000ccdcdcd],
  [0x01000cccccc0, 0x01000cccccc7],
];

const VLAN_TYPES = new Set([0x8100, 0x88a8]);

/** To the port behind which the MAC was learnt; else to every port but the one it came in by. */
function normal(walk: Walk, outlet: Outlet): void {
  const { frame } = outlet;
  const { packet, bridge } = frame;
  const inPort = inPortOf(frame);
  if (bridge.port(inPort) === undefined && inPort !== PORT.controller && inPort !== PORT.any) {
    walk.note(frame, 'dropped', `NORMAL takes no packet of port ${inPort}, which there is not`);
    return;
  }
  const partial =
    VLAN_TYPES.has(ethernetType(packet.key)) && !(vlanTci(packet.key) & VLAN_PRESENT_BIT);
  const mac = destinationMac(packet);
  if (partial || isReserved(mac)) {
    const why = partial ? 'an incomplete VLAN tag' : 'a reserved destination MAC';
    walk.note(frame, 'dropped', `NORMAL drops a packet with ${why}`);
    return;
  }
  const vid = vlanBehind(bridge.port(inPort), packet);
  if (vid === null) {
    walk.note(frame, 'dropped', `NORMAL takes no packet of its VLAN from port ${inPort}`);
    return;
  }
  const learnt = bridge.learnt?.(vid, mac);
  if (learnt === inPort) {
    walk.note(
      frame,
      'dropped',
      `NORMAL sends no packet back by port ${inPort}, behind which its MAC is`,
    );
    return;
  }
  const others = normalOrder(learnt === undefined ? bridge.ports.keys() : [learnt]).flatMap(
    (ofport) => {
      const port = bridge.port(ofport);
      const takes = port !== undefined && ofport !== inPort;
      return takes && (ofport === learnt || carries(port, vid)) ? [port] : [];
    },
  );
  if (others.length > 1 && bridge.learnt === undefined) {
    walk.note(
      frame,
      'unknown',
      'NORMAL floods a MAC that the switch has not learnt; to one that it has it takes one port',
      others.map(({ ofport }) => `only to port ${ofport}`),
    );
  }
  const floods = { ...outlet, last: false };
  for (const port of others) {
    const restore = rememberVlans(packet);
    tagFor(port, vid, packet);
    emit(walk, port.ofport, floods);
    restore();
  }
}

function emit(walk: Walk, port: number, outlet: Outlet): void {
  const { frame } = outlet;
  const target = frame.bridge.port(port);
  if (target === undefined) {
    walk.suppress(frame, port, 'no_such_port');
    return;
  }
  if (!target.up && !walk.options.imitate) {
    walk.suppress(frame, port, 'down');
    return;
  }
  if (packetType(frame.packet.key) !== 0 && target.kind !== 'patch') {
    walk.note(frame, 'dropped', `port ${port} takes no packet without an Ethernet header`);
    return;
  }
  const peer = peerOf(walk, target);
  if (peer !== null) {
    cross(walk, target, peer, outlet);
    return;
  }
  const tunnel = target.tunnel ?? (walk.options.imitate ? directed(target) : null);
  if (tunnel !== null && !tunnelled(walk, frame, target, tunnel)) return;
  const { depth, pass, packet } = frame;
  walk.steps.push({ depth, pass: pass.number, kind: 'output', port, key: snapshot(packet) });
}

interface Peer {
  readonly bridge: SimBridge;
  readonly port: SimPort;
}

/** The other end of a patch port, where its bridge is among those that were given. */
function peerOf(walk: Walk, { kind, peer }: SimPort): Peer | null {
  if (kind !== 'patch' || peer === undefined) return null;
  for (const bridge of walk.options.bridges?.values() ?? []) {
    for (const port of bridge.ports.values()) if (port.name === peer) return { bridge, port };
  }
  return null;
}

/** Translates on in the bridge at the other end of a patch port; nothing of it comes back. */
function cross(walk: Walk, from: SimPort, { bridge, port }: Peer, outlet: Outlet): void {
  const { frame } = outlet;
  const { packet, pass } = frame;
  if (outlet.truncated) walk.note(frame, 'no_effect', 'output to a patch port is not cut');
  const restore = remember(packet);
  const { tracking } = packet;
  const { actionSet, actionSetHasGroup, stack, conntracked, wasMpls } = pass;
  Object.assign(pass, { actionSet: [], actionSetHasGroup: false, stack: [] });
  leaveBehind(packet, port.ofport);
  pass.conntracked = false;
  const place = { kind: 'bridge', bridge: bridge.name, port: port.ofport } as const;
  const inner = { ...frame, bridge, depth: frame.depth + 1, last: outlet.last };
  walk.step(inner, { ...place, edge: 'enter', key: snapshot(packet) });
  walk.table(0, port.ofport, inner, {
    run: (operations, found) => runClone(walk, operations, found),
  });
  walk.finish(inner);
  restore();
  packet.tracking = tracking;
  Object.assign(pass, { actionSet, actionSetHasGroup, stack, conntracked, wasMpls });
  Object.assign(pass, { exit: false, failure: null });
  walk.step(frame, {
    ...place,
    bridge: frame.bridge.name,
    port: from.ofport,
    edge: 'leave',
    key: snapshot(packet),
  });
}

type Bundle = ActionOf<'bundle'>;

/** Ports to which a bundle may put out whatever their state. */
const ALWAYS_ENABLED: ReadonlySet<number> = new Set([
  PORT.inPort,
  PORT.table,
  PORT.normal,
  PORT.flood,
  PORT.all,
  PORT.any,
]);

/** The member that takes the packet; the port `any` when none is up (bundle_execute() in OVS). */
function memberOf(
  { fields, basis, algorithm, members }: Bundle,
  { packet, bridge }: Frame,
): number {
  const enabled = (port: number) => ALWAYS_ENABLED.has(port) || bridge.port(port)?.up === true;
  if (algorithm === 'active_backup') return members.find(enabled) ?? PORT.any;
  const hash = hashFields(packet.key, fields, basis);
  let best: number = PORT.any;
  let most = -1;
  for (const [index, member] of members.entries()) {
    const weight = enabled(member) ? hashPair(index, hash) : -1;
    if (weight > most) [best, most] = [member, weight];
  }
  return best;
}

export const outputHandlers = {
  output: (walk, { port, maxLength }, frame, list, index) => {
    const last = isLast(frame, list, index);
    if (maxLength === undefined) output(walk, port, { frame, last, truncated: false });
    else cut(walk, port, maxLength, { frame, last, truncated: true });
  },
  output_subfield: (walk, { source }, frame, list, index) => {
    const port = readSubfield(frame.packet.key, source);
    if (port > 0xffffn) {
      walk.note(frame, 'no_effect', `there is no port ${port}`);
      return;
    }
    const outlet = { frame, last: isLast(frame, list, index), truncated: false };
    output(walk, widePort(Number(port)), outlet);
  },
  bundle: (walk, action, frame, list, index) => {
    const member = memberOf(action, frame);
    const { target } = action;
    if (target !== null) writeSubfield(changing(frame.packet), target, BigInt(member & 0xffff));
    else output(walk, member, { frame, last: isLast(frame, list, index), truncated: false });
  },
  controller: (walk, action, frame) => {
    if (!action.pause) walk.toController(frame, action);
    else walk.pause(frame, action);
  },
} satisfies Partial<Handlers>;

/** Where nothing can be cut. */
const UNCUT = new Map<number, string>([
  [PORT.table, 'TABLE'],
  [PORT.normal, 'NORMAL'],
  [PORT.flood, 'FLOOD'],
  [PORT.all, 'ALL'],
  [PORT.controller, 'CONTROLLER'],
  [PORT.any, 'ANY'],
]);

function cut(walk: Walk, port: number, length: number, outlet: Outlet): void {
  const { frame } = outlet;
  const special = UNCUT.get(port);
  const target = frame.bridge.port(port === PORT.inPort ? inPortOf(frame) : port);
  if (special !== undefined) {
    walk.note(frame, 'no_effect', `output to ${special} cannot be cut, and is left out`);
  } else if (port === inPortOf(frame)) walk.suppress(frame, port, 'in_port');
  else if (port === PORT.inPort || target === undefined || target.kind === 'patch') {
    walk.note(frame, 'no_effect', 'an output is cut only to a port of a datapath, and is left out');
  } else {
    walk.step(frame, { kind: 'truncate', length });
    output(walk, port, outlet);
  }
}

/** Registers, metadata, tunnel and connection stay behind when a packet crosses to another bridge. */
function leaveBehind(packet: Packet, inPort: number): void {
  const key = changing(packet);
  key.fill(0, AT.registers, AT.inPort);
  key[AT.inPort] = inPort;
  key.fill(0, AT.tunnelId, AT.ctState);
  key.fill(0, AT.tunnelIpv6Source, AT.mpls);
  key.fill(0, AT.optionsPresent, AT.options + OPTION_WORDS);
  key[AT.actionSetOutput] = UNSET_PORT;
  clearConntrack(key);
}
