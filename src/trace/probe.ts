/** The packets of a trace: the request a VM sends and the answer to what it received. */
import { Failure } from '../base/failure.ts';
import type { Ip } from '../address/index.ts';
import { field, type FlowKey } from '../openflow/fields.ts';
import { newKey, readField, writeField } from '../openflow/key.ts';
import type { Probe } from './types.ts';

/** What a VM sends to: the answer to each of its ARP and ND requests. */
const GATEWAY_MAC = 0xfeffffffffffn;
const DEFAULT_SOURCE_PORT = 40_000;
const TTL = 64n;
/** What every link carries whole: RFC 791 §3.2. */
const LEAST_SIZE = 68;
const ETHERTYPE = { 4: 0x0800n, 6: 0x86ddn } as const;
const SYN = 0x002n;
const ACK = 0x010n;

interface ProtocolSpec {
  readonly name: string;
  readonly number: number;
  /** The only family it exists in. */
  readonly family?: 4 | 6;
  /** Field names of its ports. */
  readonly ports?: { readonly source: string; readonly destination: string };
  /** Type of the echo request and of its reply. */
  readonly echo?: { readonly type: string; readonly request: bigint; readonly reply: bigint };
}

const PROTOCOLS: readonly ProtocolSpec[] = [
  {
    name: 'icmp',
    number: 1,
    family: 4,
    echo: { type: 'icmp_type', request: 8n, reply: 0n },
  },
  {
    name: 'icmp6',
    number: 58,
    family: 6,
    echo: { type: 'icmpv6_type', request: 128n, reply: 129n },
  },
  { name: 'tcp', number: 6, ports: { source: 'tcp_src', destination: 'tcp_dst' } },
  { name: 'udp', number: 17, ports: { source: 'udp_src', destination: 'udp_dst' } },
  { name: 'sctp', number: 132, ports: { source: 'sctp_src', destination: 'sctp_dst' } },
];

const specOf = (probe: Probe): ProtocolSpec | undefined =>
  PROTOCOLS.find((spec) => spec.name === probe.protocol);

/** Whether the answer is the packet itself, sent back. */
export const isEcho = (probe: Probe): boolean => specOf(probe)?.echo !== undefined;

/** The IP protocol number of a probe, 0 … 255. */
export function protocolNumber(probe: Probe): number {
  return specOf(probe)?.number ?? Number(probe.protocol.slice('ip/'.length));
}

const invalid = (field: string, value: unknown, remedy: string): Failure =>
  new Failure('invalid', 'InvalidInput', `${field} ${String(value)} is not valid: give ${remedy}`, {
    field,
    value,
    remedy,
  });

/** The number after the slash of `tcp/22`. */
function parseNumber(protocol: string, low: number, high: number): number {
  const [name = '', text = ''] = protocol.split('/');
  const number = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= low && number <= high) return number;
  throw invalid(
    'protocol',
    JSON.stringify(protocol),
    `${name}/ and a number from ${low} to ${high}`,
  );
}

/** What the user asked for, before the family is known. */
export interface ProbeRequest {
  /** `icmp`, `icmp6`, `tcp/22`, `udp/53`, `sctp/9`, `ip/47`; absent: a ping. */
  readonly protocol?: string | undefined;
  readonly family?: 4 | 6 | undefined;
  /** 1 … 65535, for tcp, udp and sctp. */
  readonly sourcePort?: number | undefined;
  /** Bytes of the IP packet, its header included: 68 … 65535. */
  readonly size?: number | undefined;
}

/** The family that the protocol itself prescribes. */
export function familyOfProtocol(protocol: string | undefined): 4 | 6 | undefined {
  return PROTOCOLS.find((spec) => spec.name === protocol && spec.name !== 'icmp')?.family;
}

/**
 * The probe that was asked for, in a family. `icmp` is the ping of either family.
 * @throws {Failure} `invalid` for a protocol, port or number that is none, or not of the family.
 */
export function parseProbe(request: ProbeRequest, family: 4 | 6): Probe {
  const text = request.protocol ?? 'icmp';
  const [name = '', argument, ...rest] = text.split('/');
  const size = parseSize(request.size);
  const none = { family, source_port: null, destination_port: null, ...size };
  if (name === 'ip' && argument !== undefined && rest.length === 0) {
    return { protocol: `ip/${parseNumber(text, 0, 255)}`, ...none };
  }
  const spec = PROTOCOLS.find((candidate) => candidate.name === name);
  if (
    spec === undefined ||
    rest.length > 0 ||
    (spec.ports === undefined) !== (argument === undefined)
  ) {
    throw invalid(
      'protocol',
      JSON.stringify(text),
      'icmp, icmp6, tcp/PORT, udp/PORT, sctp/PORT or ip/NUMBER',
    );
  }
  if (spec.echo !== undefined) {
    if (name === 'icmp6' && family === 4) {
      throw invalid('protocol', '"icmp6"', 'icmp, or --family 6, as this trace is of IPv4');
    }
    return { protocol: family === 4 ? 'icmp' : 'icmp6', ...none };
  }
  const source = request.sourcePort ?? DEFAULT_SOURCE_PORT;
  if (!Number.isInteger(source) || source < 1 || source > 65_535) {
    throw invalid('source_port', source, 'a number from 1 to 65535');
  }
  return {
    protocol: name,
    family,
    source_port: source,
    destination_port: parseNumber(text, 1, 65_535),
    ...size,
  };
}

function parseSize(size: number | undefined): Pick<Probe, 'size'> {
  if (size === undefined) return {};
  if (Number.isInteger(size) && size >= LEAST_SIZE && size <= 65_535) return { size };
  throw invalid('size', size, `a number of bytes from ${LEAST_SIZE} to 65535`);
}

/** How the user would write it: `tcp/22`. */
export function formatProbe(probe: Probe): string {
  return probe.destination_port === null
    ? probe.protocol
    : `${probe.protocol}/${probe.destination_port}`;
}

/** Destination MACs that a VM derives from the address alone (RFC 1112 §6.4, RFC 2464 §7). */
function destinationMac(destination: Ip): bigint {
  const { version, value } = destination;
  if (version === 6) {
    return value >> 120n === 0xffn ? 0x3333_0000_0000n | (value & 0xffff_ffffn) : GATEWAY_MAC;
  }
  if (value === 0xffff_ffffn) return 0xffff_ffff_ffffn;
  return value >> 28n === 0xen ? 0x0100_5e00_0000n | (value & 0x7f_ffffn) : GATEWAY_MAC;
}

const addressFields = (family: 4 | 6) =>
  family === 4
    ? { source: 'ip_src', destination: 'ip_dst' }
    : { source: 'ipv6_src', destination: 'ipv6_dst' };

const put = (key: FlowKey, name: string, value: bigint): void =>
  writeField(key, field(name), value);
const get = (key: FlowKey, name: string): bigint => readField(key, field(name));

function baseKey(
  probe: Probe,
  mac: bigint,
  source: bigint,
  destination: bigint,
  nextHop: bigint | undefined,
): FlowKey {
  const target = { version: probe.family, value: destination };
  const key = newKey();
  const fields = addressFields(probe.family);
  put(key, 'eth_src', mac);
  put(key, 'eth_dst', nextHop ?? destinationMac(target));
  put(key, 'eth_type', ETHERTYPE[probe.family]);
  put(key, fields.source, source);
  put(key, fields.destination, destination);
  put(key, 'ip_proto', BigInt(protocolNumber(probe)));
  put(key, 'nw_ttl', TTL);
  return key;
}

function setPorts(key: FlowKey, spec: ProtocolSpec | undefined, from: bigint, to: bigint): void {
  if (spec?.ports === undefined) return;
  put(key, spec.ports.source, from);
  put(key, spec.ports.destination, to);
}

/** The address family's destination of a packet. */
export function destinationOf(key: FlowKey, family: 4 | 6): bigint {
  return get(key, addressFields(family).destination);
}

/**
 * The request as the VM's interface sends it; `first` is the one that opens the connection.
 * @param nextHop MAC that it is addressed to; absent: the one that our VPCs answer every ARP with.
 */
export function requestKey(
  probe: Probe,
  mac: bigint,
  source: Ip,
  destination: Ip,
  first: boolean,
  nextHop?: bigint,
): FlowKey {
  const key = baseKey(probe, mac, source.value, destination.value, nextHop);
  const spec = specOf(probe);
  setPorts(key, spec, BigInt(probe.source_port ?? 0), BigInt(probe.destination_port ?? 0));
  if (spec?.echo) put(key, spec.echo.type, spec.echo.request);
  if (spec?.name === 'tcp') put(key, 'tcp_flags', first ? SYN : ACK);
  return key;
}

/** Whether `received` is the answer to `sent`: its addresses swapped, an echo reply to an echo. */
export function isAnswer(probe: Probe, sent: FlowKey, received: FlowKey): boolean {
  const { source, destination } = addressFields(probe.family);
  const echo = specOf(probe)?.echo;
  return (
    echo !== undefined &&
    get(received, source) === get(sent, destination) &&
    get(received, destination) === get(sent, source) &&
    get(received, echo.type) === echo.reply
  );
}

/**
 * The answer to `received`, the packet as it came out of the receiver's interface.
 * @param nextHop As for the request.
 */
export function replyKey(probe: Probe, mac: bigint, received: FlowKey, nextHop?: bigint): FlowKey {
  const fields = addressFields(probe.family);
  const [source, destination] = [get(received, fields.destination), get(received, fields.source)];
  const key = baseKey(probe, mac, source, destination, nextHop);
  const spec = specOf(probe);
  if (spec?.ports !== undefined) {
    setPorts(key, spec, get(received, spec.ports.destination), get(received, spec.ports.source));
  }
  if (spec?.echo) put(key, spec.echo.type, spec.echo.reply);
  if (spec?.name === 'tcp') put(key, 'tcp_flags', SYN | ACK);
  return key;
}
