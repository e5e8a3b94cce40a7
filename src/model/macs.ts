import { formatMac, parseMac } from '../address/index.ts';
import type { Draft } from './draft.ts';
import type { Network } from './objects.ts';
import { macPath, networkPath } from './tree.ts';
import { invalid, refusal } from './values.ts';

/** What no port may send as or be reached at: the pipeline's own signs, and what is no one's. */
const RESERVED: readonly (readonly [value: bigint, mask: bigint, why: string])[] = [
  [0x000000000000n, 0xffffffffffffn, 'is no address'],
  [0xfeffffffffffn, 0xffffffffffffn, "is every gateway's own"],
  [0x020000000000n, 0xfffffffffffen, 'marks what came through a tunnel'],
  [0x040000000000n, 0xff0000000000n, 'is kept for tags between tables'],
  [0x050000000000n, 0xff0000000000n, 'is kept for tags between tables'],
  [0x010000000000n, 0x010000000000n, 'is a multicast address'],
];

/**
 * A unicast MAC in its one written form.
 * @throws {Failure} `invalid` for a malformed or reserved one.
 */
export function usableMac(text: string, field = 'mac_address'): string {
  const mac = parseMac(text, field);
  for (const [value, mask, why] of RESERVED) {
    if ((mac & mask) === value) {
      throw invalid(field, text, why, 'give a unicast address such as fa:16:3e:00:00:01');
    }
  }
  return formatMac(mac);
}

function macOwner(draft: Draft, network: Network, mac: string): string | undefined {
  for (const id of draft.topology.find('port.by_mac', mac)) {
    if (draft.topology.get('port', id)?.network_id === network.id) return id;
  }
  return undefined;
}

/** @throws {Failure} `in_use` when another port of the network has it. */
export function claimMac(draft: Draft, network: Network, text: string): string {
  const mac = usableMac(text);
  const owner = macOwner(draft, network, mac);
  if (owner !== undefined) {
    throw refusal(
      'in_use',
      'MacAddressInUse',
      'mac_address',
      mac,
      `belongs to port ${owner} of network ${network.id}`,
      'give another or leave it out',
    );
  }
  return mac;
}

const ATTEMPTS = 100;

/**
 * A free address under fa:16:3e, Neutron's prefix.
 * @throws {Failure} `exhausted` when luck runs out: the network is all but full.
 */
export function freshMac(draft: Draft, network: Network): string {
  const path = networkPath(network);
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const tail = Math.floor(draft.context.random() * 0x1000000);
    const mac = formatMac(0xfa163e000000n | BigInt(tail));
    if (macOwner(draft, network, mac) === undefined && !draft.isTaken(macPath(path, mac))) {
      return mac;
    }
  }
  throw refusal(
    'exhausted',
    'NetworkMacAddressGenerationFailure',
    'network_id',
    network.id,
    'has hardly a MAC address of fa:16:3e left',
    'give mac_address, or use another network',
  );
}
