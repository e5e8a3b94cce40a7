/** The two ends of a trace: what is wrong with them, what they send with, and how they are shown. */
import { formatIp, parseMac, prefixContains, type Ip } from '../address/index.ts';
import type { Port } from '../model/objects.ts';
import type { Topology } from '../model/topology.ts';
import { parseAddressOrPrefix } from '../pipeline/features/shared.ts';
import { vpcOfPort } from './names.ts';
import type { ReasonCode } from './reasons.ts';
import type { Subject } from './subject.ts';
import type { Endpoint, Probe } from './types.ts';

/** What is wrong with the sender before any table sees the packet. */
export function senderFault(subject: Subject, port: Port): ReasonCode | null {
  const node = port['binding:host_id'];
  if (node === '') return 'port_unbound';
  if (subject.topology.get('node', node) === undefined) return 'node_unknown';
  const network = subject.topology.get('network', port.network_id);
  if (!port.admin_state_up || network?.admin_state_up === false) return 'port_down';
  const attachment = subject.numbers(node)?.attachment(port.id);
  if (attachment === undefined) return 'port_not_plugged';
  const bridge = subject.fabric.nodes.get(node)?.bridges[attachment.bridge ?? 'br-int'];
  return bridge?.port(attachment.ofport)?.up === false ? 'link_down' : null;
}

/** How a packet is too long for the network that a port is in; null: it is not. */
export function excess(topology: Topology, { size }: Probe, port: Port): string | null {
  const network = topology.get('network', port.network_id);
  if (size === undefined || network === undefined || size <= network.mtu) return null;
  return `${size} bytes are more than the ${network.mtu} of network ${network.name || network.id}`;
}

/** The MAC that a port uses with an address that is not its own: an address pair may bring one. */
export function macFor(port: Port, address: Ip): bigint {
  const text = formatIp(address);
  const own = port.fixed_ips.some((fixed) => fixed.ip_address === text);
  const [pair] = own
    ? []
    : port.allowed_address_pairs
        .map(({ ip_address, mac_address }) => ({
          around: parseAddressOrPrefix(ip_address),
          mac_address,
        }))
        .filter(({ around }) => prefixContains(around, address))
        .sort((a, b) => b.around.length - a.around.length);
  return parseMac(pair?.mac_address ?? port.mac_address);
}

const isGateway = (topology: Topology, vpc: string, address: string): boolean =>
  [...topology.find('subnet.by_vpc', vpc)].some(
    (id) => topology.get('subnet', id)?.gateway_ip === address,
  );

export function endpoint(
  subject: Subject,
  asked: string,
  port: Port | undefined,
  address: Ip | null,
): Endpoint {
  const { topology } = subject;
  const shown = address === null ? '' : formatIp(address);
  if (port === undefined) {
    const gateway = isGateway(topology, vpcOfPort(topology, subject.from.port) ?? '', shown);
    return { asked, port: null, address: shown, ...(gateway ? { gateway } : {}) };
  }
  const node = port['binding:host_id'];
  const attachment = subject.numbers(node)?.attachment(port.id);
  const fixed =
    port.fixed_ips.find((candidate) => candidate.ip_address === shown) ?? port.fixed_ips[0];
  return {
    asked,
    address: shown,
    port: {
      id: port.id,
      name: port.name,
      device_id: port.device_id,
      mac: port.mac_address,
      interface: attachment?.interface ?? '',
      node,
      vtep: topology.get('node', node)?.vtep ?? '',
      vid: attachment?.vid ?? 0,
      subnet: fixed?.subnet_id ?? '',
      security_groups: port.security_groups.map((id) => ({
        id,
        name: topology.get('security_group', id)?.name ?? '',
      })),
    },
  };
}

/** A port that has a floating ip gets what is sent to it under the fixed address. */
export function translated(topology: Topology, port: Port, outside: string): string | undefined {
  for (const id of topology.find('floatingip.by_port', port.id)) {
    const floating = topology.get('floatingip', id);
    if (floating?.floating_ip_address === outside) return floating.fixed_ip_address ?? undefined;
  }
  return undefined;
}
