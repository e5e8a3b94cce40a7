/** Makes a switch forget connections. */
import { parseIp } from '../../address/index.ts';
import { IP_PROTO } from '../../openflow/build.ts';
import type { CtTuple, Message } from '../../openflow/wire/index.ts';
import { Failure } from '../../base/failure.ts';
import { errorName } from './errors.ts';
import type { Link } from './link.ts';

/** A tracked connection, as its first packet had it. */
export interface TrackedConnection {
  /** Its conntrack zone, 0 … 65535. */
  readonly zone: number;
  /** IP protocol number. */
  readonly protocol: number;
  readonly source: string;
  readonly destination: string;
  /** TCP, UDP and SCTP: the port; ICMP: the id. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Of ICMP, and there needed. */
  readonly icmp?: { readonly type: number; readonly code: number };
}

const ICMP_PROTOCOLS: ReadonlySet<number> = new Set([IP_PROTO.icmp, IP_PROTO.icmp6]);
/** ::ffff:0:0/96, in which NXT_CT_FLUSH writes IPv4. */
const MAPPED = 0xffff_0000_0000n;

/** Forgets all connections of a zone. */
export function flushZone(link: Link, zone: number): Promise<void> {
  return tell(link, [{ kind: 'ct_flush_zone', zone }]);
}

/**
 * Forgets exactly these connections. The switch says nothing of one that it does not know.
 * @throws {Failure} for an address that is none; `SwitchRefused`.
 */
export function flushConnections(
  link: Link,
  connections: readonly TrackedConnection[],
): Promise<void> {
  return tell(
    link,
    connections.map((connection) => ({
      kind: 'ct_flush',
      protocol: connection.protocol,
      zone: connection.zone,
      original: tupleOf(connection),
      reply: {},
    })),
  );
}

function tupleOf(connection: TrackedConnection): CtTuple {
  const { protocol, sourcePort, destinationPort, icmp } = connection;
  const addresses = {
    source: mapped(connection.source),
    destination: mapped(connection.destination),
  };
  return ICMP_PROTOCOLS.has(protocol)
    ? { ...addresses, icmpId: sourcePort, icmpType: icmp?.type ?? 0, icmpCode: icmp?.code ?? 0 }
    : { ...addresses, sourcePort, destinationPort };
}

function mapped(address: string): bigint {
  const { version, value } = parseIp(address, 'address');
  return version === 4 ? MAPPED | value : value;
}

async function tell({ groups }: Link, messages: readonly Message[]): Promise<void> {
  if (messages.length === 0) return;
  const { refusals } = await groups.exchange(messages, messages.length);
  const [refused] = refusals;
  if (refused === undefined) return;
  const name = errorName(refused.error);
  throw new Failure('invalid', 'SwitchRefused', `the switch does not forget connections: ${name}`, {
    remedy: name,
  });
}
