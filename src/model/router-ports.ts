/** The ports that are routers' own, which only the routers' plans make, re-address and take away. */
import { parseIp, parsePrefix, prefixContains } from '../address/index.ts';
import type { FixedIpRequest, PortPatch } from './inputs.ts';
import type { Port } from './objects.ts';
import { GATEWAY_OWNER, INTERFACE_OWNER, type TopologyReader } from './topology.ts';
import { existing, inUse, invalid } from './values.ts';

/** What such a port is, and how it is changed instead. */
const ROLES: ReadonlyMap<string, readonly [role: string, remedy: string]> = new Map([
  [GATEWAY_OWNER, ['the gateway', "change the router's external_gateway_info instead"]],
  [INTERFACE_OWNER, ['an interface', 'use remove_router_interface and add_router_interface']],
]);

/** @throws {Failure} `invalid` for an owner that only routers give. */
export function checkOwner(deviceOwner: string | undefined): void {
  const [, remedy] = ROLES.get(deviceOwner ?? '') ?? [];
  if (remedy === undefined) return;
  throw invalid('device_owner', deviceOwner, 'is for the ports that routers make', remedy);
}

/** Whether a router's interface would still be in the subnets that it is in, and in no other. */
function staysInSubnets(
  topology: TopologyReader,
  port: Port,
  requests: readonly FixedIpRequest[],
): boolean {
  const own = new Set(port.fixed_ips.map((fixed) => fixed.subnet_id));
  const asked = requests.map(({ subnet_id, ip_address = '' }) => {
    if (subnet_id !== undefined) return subnet_id;
    const ip = parseIp(ip_address, 'fixed_ips.ip_address');
    return [...own].find((id) =>
      prefixContains(parsePrefix(existing(topology, 'subnet', id).cidr), ip),
    );
  });
  const wanted = new Set(asked);
  return wanted.size === own.size && [...own].every((id) => wanted.has(id));
}

/**
 * @param patch null: the port is to go.
 * @throws {Failure} `in_use` for what would take a port from its router.
 */
export function checkRouterPort(
  topology: TopologyReader,
  port: Port,
  patch: PortPatch | null,
): void {
  const [role, remedy] = ROLES.get(port.device_owner) ?? [];
  if (role === undefined || remedy === undefined) return;
  if (topology.get('router', port.device_id) === undefined) return;
  if (patch !== null) {
    const { device_id = port.device_id, device_owner = port.device_owner, fixed_ips } = patch;
    const kept = device_id === port.device_id && device_owner === port.device_owner;
    const addressed =
      fixed_ips === undefined ||
      (port.device_owner === INTERFACE_OWNER && staysInSubnets(topology, port, fixed_ips));
    if (kept && addressed) return;
  }
  const by = `it is ${role} of router ${port.device_id}`;
  throw inUse('ServicePortInUse', 'port', port.id, by, remedy);
}
