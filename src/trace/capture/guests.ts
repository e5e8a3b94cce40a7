/** The ports of a capture that VMs are behind, and what the switches themselves know of them. */
import { formatIp, formatMac, tryParseIp } from '../../address/index.ts';
import { formatIpv4, formatIpv6 } from '../../address/ip.ts';
import type { Flow } from '../../openflow/flow.ts';
import type { CapturedNode } from './node.ts';

/** A port by what is known of it. */
export interface Known {
  /** The iface-id, which Neutron, OVN and we make the uuid of the port; else NODE:NAME. */
  readonly id: string;
  readonly node: string;
  /** NODE:NAME */
  readonly name: string;
  readonly bridge: string;
  readonly interface: string;
  readonly ofport: number;
  /** '' when nothing tells it. */
  readonly mac: string;
  /** Canonical, IPv4 first. */
  readonly addresses: readonly string[];
}

/** Where clouds keep the MAC and the addresses of a guest in external_ids. */
const MAC_KEYS = ['attached-mac', 'attached_mac', 'mac'] as const;
const ADDRESS_KEYS = ['ip-address', 'ip_addresses', 'ip'] as const;

const MAC = /^(?:[\da-f]{2}:){5}[\da-f]{2}$/i;

/** Fields in which a row that lets one port's packets in names whose they may be. */
const SOURCE_ADDRESSES: ReadonlySet<string> = new Set(['ip_src', 'arp_spa', 'ipv6_src']);
const SOURCE_MACS: ReadonlySet<string> = new Set(['eth_src', 'arp_sha']);

interface Claim {
  readonly macs: Set<string>;
  readonly addresses: Set<string>;
}

/** What the rows against spoofing say of each port: whose MAC and whose address it may send. */
export function claimsOf(flows: readonly Flow[]): Map<number, Claim> {
  const claims = new Map<number, Claim>();
  for (const { match, actions } of flows) {
    if (actions.length === 0) continue;
    const whole = match.filter(({ field, mask }) => mask === (1n << BigInt(field.bits)) - 1n);
    const inPort = whole.find(({ field }) => field.name === 'in_port');
    if (inPort === undefined) continue;
    const ofport = Number(inPort.value);
    const claim = claims.get(ofport) ?? { macs: new Set(), addresses: new Set() };
    claims.set(ofport, claim);
    for (const { field, value } of whole) {
      if (SOURCE_MACS.has(field.name)) claim.macs.add(formatMac(value));
      else if (SOURCE_ADDRESSES.has(field.name) && value !== 0n) {
        claim.addresses.add(field.name === 'ipv6_src' ? formatIpv6(value) : formatIpv4(value));
      }
    }
  }
  return claims;
}

const isLinkLocal = (address: string): boolean => address.startsWith('fe80:');

/** Canonical; IPv4 first, and what only the link knows left out. */
function ordered(addresses: Iterable<string>): string[] {
  const canonical = [...addresses].flatMap((text) => {
    const ip = tryParseIp(text.replace(/\/\d+$/, ''));
    return ip === null || isLinkLocal(formatIp(ip)) ? [] : [ip];
  });
  return [...new Set(canonical.sort((a, b) => a.version - b.version).map(formatIp))];
}

/**
 * The ports of a node that something is plugged into. MAC and addresses are what external_ids or
 * the rows against spoofing say; of a MAC that they do not agree on nothing is known.
 */
export function guestsOf({ sim, ports, flows }: CapturedNode): Known[] {
  const claims = new Map([...flows].map(([bridge, own]) => [bridge, claimsOf(own)]));
  return ports
    .filter(({ port }) => port.kind === 'vm' || port.kind === 'internal' || port.kind === 'local')
    .map(({ bridge, port }) => {
      const claim = claims.get(bridge)?.get(port.ofport);
      const told = MAC_KEYS.flatMap((key) => port.ids.get(key) ?? []).find((mac) => MAC.test(mac));
      const [only, ...more] = [...(claim?.macs ?? [])];
      const own = port.kind === 'vm' ? '' : (port.mac ?? '');
      const mac = told ?? (more.length === 0 ? only : undefined) ?? own;
      const kept = ADDRESS_KEYS.flatMap((key) => port.ids.get(key)?.split(/[\s,]+/) ?? []);
      const held = sim.vteps.flatMap(({ address, at }) =>
        at?.bridge === bridge && at.ofport === port.ofport ? address : [],
      );
      const name = `${sim.name}:${port.name}`;
      return {
        id: port.ids.get('iface-id') ?? name,
        node: sim.name,
        name,
        bridge,
        interface: port.name,
        ofport: port.ofport,
        mac: mac.toLowerCase(),
        addresses: ordered(kept.length > 0 ? kept : [...(claim?.addresses ?? []), ...held]),
      };
    });
}
