/** Actions that change headers, registers and the stack (ovs-actions(7), *Field Modification*). */
import { field, type FlowKey } from '../../openflow/fields.ts';
import { readField, setPresent, writeField } from '../../openflow/key.ts';
import { applySet } from '../operations.ts';
import { changing } from '../packet.ts';
import { isIp, isMplsType } from '../prerequisites.ts';
import { hashFields, hashPair } from '../hash.ts';
import { readSubfield, writeSubfield } from '../subfield.ts';
import type { ActionOf } from '../types.ts';
import { AT, ethernetType, fragment, popVlan, pushVlan, timeToLive } from '../words.ts';
import type { Frame } from './pass.ts';
import type { Handlers, Walk } from './walk.ts';

const LATER_FRAGMENT = 2;

const IP_TTL = field('nw_ttl');
const MPLS_TTL = field('mpls_ttl');
const NSH_TTL = field('nsh_ttl');

/** Sends the packet to the controllers whose TTL has run out; true: its list of actions ends. */
function expired(walk: Walk, frame: Frame, controllers: readonly number[], what: string): true {
  for (const controllerId of controllers) {
    walk.toController(frame, { controllerId, reason: 'invalid_ttl' });
  }
  walk.note(frame, 'dropped', `the TTL of ${what} has run out`);
  return true;
}

function decrement(key: FlowKey, ttl: typeof IP_TTL): boolean {
  const left = readField(key, ttl);
  if (left > 1n) writeField(key, ttl, left - 1n);
  return left > 1n;
}

const transportPort =
  (half: 'source' | 'destination') =>
  (walk: Walk, { port }: { readonly port: number }, frame: Frame): void => {
    const { packet } = frame;
    if (!isIp(packet.key) || fragment(packet.key) & LATER_FRAGMENT) {
      walk.note(frame, 'no_effect', 'the packet has no transport ports');
      return;
    }
    const key = changing(packet);
    const ports = key[AT.ports] ?? 0;
    key[AT.ports] =
      half === 'source' ? (port << 16) | (ports & 0xffff) : (ports & 0xffff0000) | port;
  };

type Multipath = ActionOf<'multipath'>;

/** Of `links` equal ones the one that `hash` leads to (multipath_algorithm() in OVS). */
const linkBy: Readonly<
  Record<Multipath['algorithm'], (hash: number, links: number, argument: number) => number>
> = {
  modulo_n: (hash, links) => hash % links,
  hash_threshold: (hash, links) =>
    links === 1 ? 0 : Math.floor(hash / (Math.floor(0xffffffff / links) + 1)),
  hrw: (hash, links) => {
    let best = 0;
    let most = hashPair(hash, 0);
    for (let link = 1; link < links; link += 1) {
      const weight = hashPair(hash, link);
      if (weight > most) [best, most] = [link, weight];
    }
    return best;
  },
  iter_hash: (hash, links, argument) => {
    const fits = argument >= links && Math.floor(argument / 2) <= links;
    const modulo = fits ? argument : 2 ** Math.ceil(Math.log2(links));
    for (let round = 0; ; round += 1) {
      const link = (hashPair(hash, round) % modulo) & 0xffff;
      if (link < links) return link;
    }
  },
};

export const rewriteHandlers = {
  set: (walk, operation, frame) => {
    if (!applySet(operation, changing(frame.packet))) {
      walk.note(frame, 'no_effect', `the packet has no ${operation.field.name}`);
    }
  },
  move: (walk, { action, needs }, frame) => {
    const { source, target } = action;
    const { key } = frame.packet;
    if (needs.every((holds) => holds(key))) {
      writeSubfield(changing(frame.packet), target, readSubfield(key, source));
    } else {
      const names = `${source.field.name} or no ${target.field.name}`;
      walk.note(frame, 'no_effect', `the packet has no ${names}`);
    }
  },
  push: (_walk, { source }, { packet, pass }) => {
    const bytes = Math.ceil(source.bits / 8) + 1;
    pass.stack = [...pass.stack, { value: readSubfield(packet.key, source), bytes }];
  },
  pop: (walk, { target }, frame) => {
    const { packet, pass } = frame;
    const top = pass.stack.at(-1);
    if (top === undefined) {
      walk.note(frame, 'no_effect', 'the stack is empty');
      return;
    }
    pass.stack = pass.stack.slice(0, -1);
    writeSubfield(changing(packet), target, top.value);
  },
  push_vlan: (_walk, { etherType }, { packet }) => pushVlan(changing(packet), etherType),
  pop_vlan: (_walk, _operation, { packet }) => popVlan(changing(packet)),
  set_queue: (_walk, { queue }, { packet }) => {
    changing(packet)[AT.priority] = queue;
  },
  pop_queue: (_walk, _operation, { packet, pass }) => {
    changing(packet)[AT.priority] = pass.initial[AT.priority] ?? 0;
  },
  mod_nw_ttl: (walk, { ttl }, frame) => {
    if (isIp(frame.packet.key)) writeField(changing(frame.packet), IP_TTL, BigInt(ttl));
    else walk.note(frame, 'no_effect', 'the packet has no nw_ttl');
  },
  mod_tp_src: transportPort('source'),
  mod_tp_dst: transportPort('destination'),
  dec_ttl: (walk, { controllers, silent }, frame) => {
    const { packet } = frame;
    if (!isIp(packet.key)) return false;
    if (timeToLive(packet.key) > 1) return void decrement(changing(packet), IP_TTL);
    const told = controllers.length > 0 || silent === true ? controllers : [0];
    return expired(walk, frame, told, 'IP');
  },
  set_mpls_ttl: (walk, { ttl }, frame) => {
    const { packet } = frame;
    if (isMplsType(ethernetType(packet.key))) {
      writeField(changing(packet), MPLS_TTL, BigInt(ttl));
    } else walk.note(frame, 'no_effect', 'the packet has no mpls_ttl');
  },
  dec_mpls_ttl: (walk, _operation, frame) => {
    const isMpls = isMplsType(ethernetType(frame.packet.key));
    if (isMpls && decrement(changing(frame.packet), MPLS_TTL)) return false;
    return expired(walk, frame, isMpls ? [0] : [], 'MPLS');
  },
  dec_nsh_ttl: (walk, _operation, frame) => {
    const isNsh = walk.isNsh(frame.packet.key);
    if (isNsh && decrement(changing(frame.packet), NSH_TTL)) return false;
    return expired(walk, frame, isNsh ? [0] : [], 'NSH');
  },
  delete_field: (_walk, { field: target }, { packet }) => {
    // What it held stays, and comes back with the bits that a write to a part of it leaves.
    setPresent(changing(packet), target, false);
  },
  multipath: (_walk, action, { packet }) => {
    const { fields, basis, algorithm, links, argument, target } = action;
    const hash = hashFields(packet.key, fields, basis);
    writeSubfield(changing(packet), target, BigInt(linkBy[algorithm](hash, links, argument)));
  },
} satisfies Partial<Handlers>;
