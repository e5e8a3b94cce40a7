/** What operations look at or write of a packet. */
import { ETH_TYPE } from '../../openflow/build.ts';
import type { FlowKey } from '../../openflow/fields.ts';
import { PORT, type Subfield } from '../../openflow/flow.ts';
import { readField, writeField } from '../../openflow/key.ts';
import type { Operation, OperationOf } from '../operations.ts';
import { ETH_TYPE_NSH, isMplsType, networkType } from '../prerequisites.ts';
import { readSubfield, widePort } from '../subfield.ts';
import type { Pass } from '../translate/pass.ts';
import { ethernetType, ipProtocol } from '../words.ts';
import { fields, hashed, isIp, whole } from './looked-fields.ts';

function bits(mask: FlowKey, { field: target, first, bits: width }: Subfield): void {
  const under = ((1n << BigInt(width)) - 1n) << BigInt(first);
  writeField(mask, target, under, under);
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

/** What `operation` looks at or writes of the packet `key`, as a mask; null: it looks at nothing. */
export function lookOf(operation: Operation, key: FlowKey, pass: Pass): FlowKey | null {
  const look = looks[operation.kind] as Look<Operation['kind']> | undefined;
  if (look === undefined) return null;
  const mask: FlowKey = new Uint32Array(key.length);
  look(mask, operation, key, pass);
  return mask;
}

/**
 * Whether it looks at the packet after what changed so far has been written in a step of its own, as
 * a first label does.
 */
export const writesFirst = ({ kind }: Operation, key: FlowKey): boolean =>
  kind === 'push_mpls' && !isMplsType(ethernetType(key));
