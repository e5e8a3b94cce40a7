/** What a user asks to trace: the ends by name, and the packet between them. */
import { parseIp, type Ip } from '../address/index.ts';
import type { FixedIp, Port } from '../model/objects.ts';
import type { Topology } from '../model/topology.ts';
import { vpcOfPort } from './names.ts';
import { familyOfProtocol, parseProbe } from './probe.ts';
import { resolveFrom, resolveTo, type Named } from './resolve.ts';
import type { Sent } from './subject.ts';
import type { Probe } from './types.ts';

/** As a request of the API has it. */
export interface Asked {
  /** A VM by device_id, a port by name or uuid, or an address. */
  readonly from: string;
  readonly to: string;
  /** As `parseProbe` takes it. */
  readonly protocol?: string;
  readonly family?: 4 | 6;
  readonly source_port?: number;
  readonly size?: number;
}

interface Addresses {
  readonly family: 4 | 6;
  readonly from: Ip | null;
  readonly to: Ip | null;
}

const familyOf = (address: string): 4 | 6 => (address.includes(':') ? 6 : 4);

/** Fixed addresses that may stand for an end. */
function choices(port: Port | undefined, address: string | null): readonly FixedIp[] {
  if (address !== null) {
    const own = port?.fixed_ips.find((fixed) => fixed.ip_address === address);
    return [own ?? { subnet_id: '', ip_address: address }];
  }
  return port?.fixed_ips ?? [];
}

/** An address of each end: of one family, IPv4 before IPv6, in one subnet where that is possible. */
function chooseAddresses(
  from: readonly FixedIp[],
  to: readonly FixedIp[],
  wanted: 4 | 6 | undefined,
): Addresses {
  const has = (side: readonly FixedIp[], family: 4 | 6): boolean =>
    side.some(({ ip_address }) => familyOf(ip_address) === family);
  const shared = ([4, 6] as const).find((family) => has(from, family) && has(to, family));
  const family = wanted ?? shared ?? familyOf(from[0]?.ip_address ?? '');
  const sources = from.filter(({ ip_address }) => familyOf(ip_address) === family);
  const targets = to.filter(({ ip_address }) => familyOf(ip_address) === family);
  const near = sources.find(({ subnet_id }) => targets.some((it) => it.subnet_id === subnet_id));
  const source = near ?? sources[0];
  const target = targets.find(({ subnet_id }) => subnet_id === source?.subnet_id) ?? targets[0];
  return {
    family,
    from: source === undefined ? null : parseIp(source.ip_address),
    to: target === undefined ? null : parseIp(target.ip_address),
  };
}

/** A packet as asked for, its ends found. */
export interface Question {
  readonly vpc: string;
  readonly from: ReturnType<typeof resolveFrom>;
  readonly to: Named;
  readonly addresses: Addresses;
  readonly probe: Probe;
}

/**
 * The packet that is asked for, with its ends looked up in the topology.
 * @throws {Failure} for ends that are unknown or ambiguous, or a protocol that is none.
 */
export function question(topology: Topology, asked: Asked): Question {
  const from = resolveFrom(topology, asked.from);
  const vpc = vpcOfPort(topology, from.port) ?? '';
  const to = resolveTo(topology, asked.to, vpc);
  const addresses = chooseAddresses(
    choices(from.port, from.address),
    choices(to.ports[0], to.address),
    asked.family ?? familyOfProtocol(asked.protocol),
  );
  const { protocol, source_port: sourcePort, size } = asked;
  const probe = parseProbe({ protocol, sourcePort, size }, addresses.family);
  return { vpc, from, to, addresses, probe };
}

/** A question as a trace's subject has it. */
export function subjectOf({ from, to, addresses, probe }: Question): Sent {
  return {
    from: { asked: from.asked, port: from.port, address: addresses.from },
    to: { asked: to.asked, exact: to.address === null, ports: to.ports, address: addresses.to },
    probe,
  };
}
