/**
 * What a translation may make of a connection. A switch picks an address and a port of a range by a
 * hash; here they are tried from the first on. Without a range the packet keeps its source port if
 * it can, else takes the next of its class (set_sport_range() in OVS).
 */
import { IP_PROTO } from '../openflow/build.ts';
import type { NatSpec } from '../openflow/flow.ts';
import { reversed, type Tuple } from './connection-tuple.ts';

/** As many ports as OVS tries in a row. */
const PORT_ATTEMPTS = 128;
/** Without a range, a source port stays within its class. */
const PORT_CLASSES = [
  { from: 1, to: 511 },
  { from: 600, to: 1023 },
  { from: 1024, to: 65_535 },
] as const;

/** A reply tuple with the ports that a translation may use. */
function* withPorts(reply: Tuple, nat: NatSpec): Generator<Tuple> {
  if (reply.protocol !== IP_PROTO.tcp && reply.protocol !== IP_PROTO.udp) {
    yield reply;
    return;
  }
  if (nat.port !== undefined) {
    const end = nat.direction === 'src' ? 'destination' : 'source';
    for (let port = nat.port.from; port <= nat.port.to; port += 1) {
      yield { ...reply, [end]: { ...reply[end], port } };
    }
    return;
  }
  const own = reply.destination.port;
  const [low, middle, high] = PORT_CLASSES;
  const range = own < 512 ? low : own < 1024 ? middle : high;
  const count = range.to - range.from + 1;
  for (let step = 0; step < Math.min(PORT_ATTEMPTS, count); step += 1) {
    const port = step === 0 ? own : range.from + ((own - range.from + step) % count);
    yield { ...reply, destination: { ...reply.destination, port } };
  }
}

/** The addresses that a translation may use; the packet's own when it names none. */
function* addresses(nat: NatSpec, own: readonly number[]): Generator<readonly number[]> {
  if (nat.address === undefined) {
    yield own;
    return;
  }
  const count = nat.address.version === 4 ? 1 : 4;
  for (let value = nat.address.from; value <= nat.address.to; value += 1n) {
    yield Array.from({ length: count }, (_, index) =>
      Number((value >> BigInt(32 * (count - 1 - index))) & 0xffffffffn),
    );
  }
}

/** The tuples that replies to `tuple` may bear once `nat` has translated it, in the order of trial. */
export function* translatedReplies(tuple: Tuple, nat: NatSpec): Generator<Tuple> {
  const plain = reversed(tuple);
  const end = nat.direction === 'src' ? 'destination' : 'source';
  for (const address of addresses(nat, plain[end].address)) {
    yield* withPorts({ ...plain, [end]: { address, port: plain[end].port } }, nat);
  }
}
