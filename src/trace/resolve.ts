/** From what the user wrote to ports and addresses. */
import { formatIp, tryParseIp } from '../address/index.ts';
import { Failure } from '../base/failure.ts';
import type { Port } from '../model/objects.ts';
import type { Topology } from '../model/topology.ts';
import { claimantsOf, ownersOf, vpcOfPort } from './names.ts';

/** Candidates that an error names; the rest is counted. */
const LISTED = 8;

/** What FROM or TO stands for. `address` is set when the user gave one. */
export interface Named {
  readonly asked: string;
  /** The ports that may be meant: one, or all that claim an address. */
  readonly ports: readonly Port[];
  readonly address: string | null;
}

type Side = 'from' | 'to';

const portsOf = (topology: Topology, ids: Iterable<string>): Port[] =>
  [...ids].flatMap((id) => topology.get('port', id) ?? []);

/** A port in words that tell it from others: name, uuid, address, VPC. */
function describePort(topology: Topology, port: Port): string {
  const vpc = vpcOfPort(topology, port);
  const network = vpc === undefined ? undefined : topology.get('network', vpc);
  const addresses = port.fixed_ips.map((fixed) => fixed.ip_address).join(', ');
  return [
    port.id,
    port.name && `(${port.name})`,
    addresses,
    vpc !== undefined && `in VPC ${network?.name || vpc}`,
    port['binding:host_id'] && `on ${port['binding:host_id']}`,
  ]
    .filter(Boolean)
    .join(' ');
}

function ambiguous(topology: Topology, side: Side, asked: string, ports: readonly Port[]): Failure {
  const listed = ports.slice(0, LISTED).map((port) => describePort(topology, port));
  const more = ports.length > LISTED ? `; and ${ports.length - LISTED} more` : '';
  return new Failure(
    'invalid',
    'Ambiguous',
    `${side} "${asked}" is ambiguous, give the uuid of one of its ports: ${listed.join('; ')}${more}`,
    { field: side, value: asked, remedy: 'give the uuid of one of its ports' },
  );
}

function unknown(side: Side, asked: string, what: string): Failure {
  const remedy = "give a VM's device_id, a port's name or uuid, or an address that a port has";
  return new Failure('not_found', 'NotFound', `${side} "${asked}": ${what}; ${remedy}`, {
    field: side,
    value: asked,
    remedy,
  });
}

/** A port by uuid, or the ports with that name or device. */
function byName(topology: Topology, asked: string): Port[] {
  const port = topology.get('port', asked.toLowerCase());
  if (port !== undefined) return [port];
  const ids = new Set([
    ...topology.find('port.by_device', asked),
    ...topology.find('port.by_name', asked),
  ]);
  return portsOf(topology, ids);
}

/** An address in its canonical form, null for what is none. */
function canonical(text: string): string | null {
  const ip = tryParseIp(text);
  return ip === null ? null : formatIp(ip);
}

/**
 * The one port that FROM names.
 * @throws {Failure} `not_found`, or `invalid` with the candidates when several are meant.
 */
export function resolveFrom(
  topology: Topology,
  asked: string,
): { readonly asked: string; readonly port: Port; readonly address: string | null } {
  const named = byName(topology, asked);
  const address = named.length > 0 ? null : canonical(asked);
  const ports = address === null ? named : ownersOf(topology, address);
  const [port] = ports;
  if (port === undefined) {
    const what = address === null ? 'no VM and no port is called that' : 'no port has this address';
    throw unknown('from', asked, what);
  }
  if (ports.length > 1) throw ambiguous(topology, 'from', asked, ports);
  return { asked, port, address };
}

/**
 * What TO names; an address is looked up in the VPC `vpc` and may belong to nobody.
 * @throws {Failure} `not_found` or `invalid`, as for FROM.
 */
export function resolveTo(topology: Topology, asked: string, vpc: string): Named {
  const named = byName(topology, asked);
  if (named.length > 1) throw ambiguous(topology, 'to', asked, named);
  if (named.length === 1) return { asked, ports: named, address: null };
  const address = canonical(asked);
  if (address === null) throw unknown('to', asked, 'no VM and no port is called that');
  return { asked, ports: claimantsOf(topology, vpc, address), address };
}
