/** The ports of routers and floating ips, which only the plans of these make, re-address and take away. */
import { parseIp, parsePrefix, prefixContains } from '../address/index.ts';
import type { FixedIpRequest, PortPatch } from './inputs.ts';
import type { Port } from './objects.ts';
import { FLOATING_OWNER, GATEWAY_OWNER, INTERFACE_OWNER, type TopologyReader } from './topology.ts';
import { existing, inUse, invalid } from './values.ts';

interface Role {
  /** What the port's device is. */
  readonly of: 'router' | 'floatingip';
  readonly words: string;
  /** How it is changed instead. */
  readonly remedy: string;
}

const ROLES: ReadonlyMap<string, Role> = new Map<string, Role>([
  [
    GATEWAY_OWNER,
    {
      of: 'router',
      words: 'the gateway of router',
      remedy: "change the router's external_gateway_info instead",
    },
  ],
  [
    INTERFACE_OWNER,
    {
      of: 'router',
      words: 'an interface of router',
      remedy: 'use remove_router_interface and add_router_interface',
    },
  ],
  [
    FLOATING_OWNER,
    {
      of: 'floatingip',
      words: 'the address of floating ip',
      remedy: 'delete the floating ip instead',
    },
  ],
]);

/** Whether a port is a router's or a floating ip's. */
export const isServicePort = ({ device_owner }: Port): boolean => ROLES.has(device_owner);

/** A device's port with that owner. */
export function portOfDevice(
  topology: TopologyReader,
  device: string,
  owner: string,
): Port | undefined {
  for (const id of topology.find('port.by_device', device)) {
    const port = topology.get('port', id);
    if (port?.device_owner === owner) return port;
  }
  return undefined;
}

/** @throws {Failure} `invalid` for an owner that only routers and floating ips give. */
export function checkOwner(deviceOwner: string | undefined): void {
  const role = ROLES.get(deviceOwner ?? '');
  if (role === undefined) return;
  throw invalid('device_owner', deviceOwner, `is for the port of a ${role.of}`, role.remedy);
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
 * @throws {Failure} `in_use` for what would take a port from its router or floating ip.
 */
export function checkServicePort(
  topology: TopologyReader,
  port: Port,
  patch: PortPatch | null,
): void {
  const role = ROLES.get(port.device_owner);
  if (role === undefined || topology.get(role.of, port.device_id) === undefined) return;
  if (patch !== null) {
    const { device_id = port.device_id, device_owner = port.device_owner, fixed_ips } = patch;
    const kept = device_id === port.device_id && device_owner === port.device_owner;
    const addressed =
      fixed_ips === undefined ||
      (port.device_owner === INTERFACE_OWNER && staysInSubnets(topology, port, fixed_ips));
    if (kept && addressed) return;
  }
  const by = `it is ${role.words} ${port.device_id}`;
  throw inUse('ServicePortInUse', 'port', port.id, by, role.remedy);
}
