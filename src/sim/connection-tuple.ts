/** What tells connections apart: addresses, ports and protocol, in a zone. */
import { ETH_TYPE, IP_PROTO } from '../openflow/build.ts';
import type { FlowKey } from '../openflow/fields.ts';
import { ICMP_ANSWER } from './connection.ts';
import { AT, destinationPort, ethernetType, fragment, ipProtocol, sourcePort } from './words.ts';

/** One end: the words of its address (1 or 4), its port or ICMP type. */
interface End {
  readonly address: readonly number[];
  readonly port: number;
}

export interface Tuple {
  readonly zone: number;
  readonly protocol: number;
  readonly source: End;
  readonly destination: End;
}

const textOf = ({ address, port }: End): string =>
  address.length === 1 ? `${address[0]}:${port}` : `${address.join('.')}:${port}`;

/** What a tuple is found by. */
export const idOf = ({ zone, protocol, source, destination }: Tuple): string =>
  `${zone} ${protocol} ${textOf(source)} ${textOf(destination)}`;

/** As a reply bears it, untranslated. */
export const reversed = ({ zone, protocol, source, destination }: Tuple): Tuple => ({
  zone,
  protocol,
  source: destination,
  destination: source,
});

/** An IPv6 address. */
const words = (key: FlowKey, at: number): number[] => [
  key[at] ?? 0,
  key[at + 1] ?? 0,
  key[at + 2] ?? 0,
  key[at + 3] ?? 0,
];

/** The ports that identify a packet's connection, null when it identifies none. */
function portsOf(key: FlowKey, protocol: number): readonly [number, number] | null {
  const answers = ICMP_ANSWER.get(protocol);
  if (answers !== undefined) {
    const type = sourcePort(key);
    const answer = destinationPort(key) === 0 ? answers.get(type) : undefined;
    return answer === undefined ? null : [type, answer];
  }
  if (protocol !== IP_PROTO.tcp && protocol !== IP_PROTO.udp) return [0, 0];
  const source = sourcePort(key);
  const destination = destinationPort(key);
  return source === 0 || destination === 0 ? null : [source, destination];
}

/** The tuple of a packet, null when it cannot be tracked. */
export function tupleOf(key: FlowKey, zone: number): Tuple | null {
  const type = ethernetType(key);
  const v4 = type === ETH_TYPE.ip;
  if ((!v4 && type !== ETH_TYPE.ipv6) || fragment(key) !== 0) return null;
  const protocol = ipProtocol(key);
  const ports = portsOf(key, protocol);
  if (ports === null) return null;
  const source = v4 ? [key[AT.ipSource] ?? 0] : words(key, AT.ipv6Source);
  const destination = v4 ? [key[AT.ipDestination] ?? 0] : words(key, AT.ipv6Destination);
  return {
    zone,
    protocol,
    source: { address: source, port: ports[0] },
    destination: { address: destination, port: ports[1] },
  };
}
