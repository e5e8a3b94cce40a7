import { formatIp, formatPrefix, parseIp, parsePrefix } from '../address/index.ts';
import { extraDhcpOptions } from './dhcp-options.ts';
import { domainName, domainOf, portName } from './dns-names.ts';
import { Draft, type Plan, type PlanContext } from './draft.ts';
import { fixedIpsFor } from './fixed-ips.ts';
import { disassociated } from './floating-associations.ts';
import type { AddressPairInput, PortInput, PortPatch } from './inputs.ts';
import { claimMac, freshMac, usableMac } from './macs.ts';
import type { AddressPair, FixedIp, Network, Port, Status } from './objects.ts';
import { checkOwner, checkServicePort } from './router-ports.ts';
import { defaultGroup } from './security-groups.ts';
import { INTERFACE_OWNER, plainAddress, type Topology } from './topology.ts';
import { existing, inUse, invalid, newStandard, refusal, revised } from './values.ts';
import { profileOf, vifTypeOn } from './vif-types.ts';

const isTrusted = (deviceOwner: string): boolean => deviceOwner.startsWith('network:');

function addressPairs(given: readonly AddressPairInput[], mac: string): AddressPair[] {
  const seen = new Set<string>();
  return given.map((pair) => {
    const field = 'allowed_address_pairs.ip_address';
    const ip_address = pair.ip_address.includes('/')
      ? formatPrefix(parsePrefix(pair.ip_address, field))
      : formatIp(parseIp(pair.ip_address, field));
    const mac_address =
      pair.mac_address === undefined
        ? mac
        : usableMac(pair.mac_address, 'allowed_address_pairs.mac_address');
    const key = `${plainAddress(ip_address)} ${mac_address}`;
    if (seen.has(key)) {
      throw invalid(
        'allowed_address_pairs',
        key,
        'is listed twice',
        'list it once',
        'DuplicateAddressPairInRequest',
      );
    }
    seen.add(key);
    return { ip_address, mac_address };
  });
}

function groupsGiven(topology: Topology, ids: readonly string[]): string[] {
  for (const id of ids) existing(topology, 'security_group', id, 'security_groups');
  const twice = ids.find((id, at) => ids.indexOf(id) !== at);
  if (twice !== undefined)
    throw invalid('security_groups', twice, 'is listed twice', 'list it once');
  return [...ids];
}

/** Pairs and groups mean something only where the port's traffic is checked. */
function checkSecurity(port: Port, patch: PortPatch): void {
  if (port.port_security_enabled) return;
  if (port.allowed_address_pairs.length > 0) {
    throw refusal(
      'conflict',
      'AddressPairAndPortSecurityRequired',
      'allowed_address_pairs',
      port.allowed_address_pairs,
      'need port security',
      'set port_security_enabled, or allowed_address_pairs to []',
    );
  }
  if (port.security_groups.length === 0) return;
  const remedy = 'set port_security_enabled, or security_groups to []';
  throw patch.security_groups === undefined
    ? refusal(
        'in_use',
        'PortSecurityPortHasSecurityGroup',
        'port_security_enabled',
        false,
        `cannot be while the port has security groups`,
        remedy,
      )
    : invalid(
        'security_groups',
        port.security_groups,
        'need port security',
        remedy,
        'PortSecurityAndIPRequiredForSecurityGroups',
      );
}

/**
 * Adds a port to the plan.
 * @param allotted its addresses, when they are none that a port may choose; absent: as it asks.
 */
export function draftPort(draft: Draft, input: PortInput, allotted?: readonly FixedIp[]): Port {
  const { topology, context } = draft;
  const network = existing(topology, 'network', input.network_id, 'network_id');
  const standard = newStandard(input, context);
  const deviceOwner = input.device_owner ?? '';
  const secured = isTrusted(deviceOwner)
    ? false
    : (input.port_security_enabled ?? network.port_security_enabled);
  const mac =
    input.mac_address === undefined || input.mac_address === null
      ? freshMac(draft, network)
      : claimMac(draft, network, input.mac_address);
  const host = input['binding:host_id'] ?? '';
  const dns_domain = domainName(input.dns_domain ?? '');
  const port: Port = {
    name: input.name ?? '',
    network_id: network.id,
    admin_state_up: input.admin_state_up ?? true,
    mac_address: mac,
    fixed_ips:
      allotted ??
      fixedIpsFor(
        draft,
        { network, port: standard.id, mac, had: [], deviceOwner: input.device_owner ?? '' },
        input.fixed_ips,
      ),
    allowed_address_pairs: addressPairs(input.allowed_address_pairs ?? [], mac),
    port_security_enabled: secured,
    security_groups:
      input.security_groups === undefined
        ? secured && context.defaultSecurityGroup
          ? [defaultGroup(draft, standard.project_id)]
          : []
        : groupsGiven(topology, input.security_groups),
    extra_dhcp_opts: extraDhcpOptions([], input.extra_dhcp_opts ?? []),
    dns_name: portName(input.dns_name ?? '', domainOf(dns_domain, network)),
    dns_domain,
    device_id: input.device_id ?? '',
    device_owner: deviceOwner,
    'binding:host_id': host,
    'binding:vnic_type': input['binding:vnic_type'] ?? 'normal',
    'binding:profile': profileOf(input['binding:profile'], 'binding:profile') ?? {},
    'binding:vif_type': vifTypeOn(topology, host),
    standby_bindings: [],
    status: deviceOwner === INTERFACE_OWNER ? 'ACTIVE' : 'DOWN',
    // Last: V8 takes a hundred times as long for attributes that follow a spread.
    ...standard,
  };
  checkSecurity(port, input);
  draft.create('port', port);
  return port;
}

export function createPort(topology: Topology, input: PortInput, context: PlanContext): Plan<Port> {
  checkOwner(input.device_owner);
  const draft = new Draft(topology, context);
  return draft.plan(draftPort(draft, input));
}

/** What the agents say, as long as it can still be true of the port as it will be. */
function statusOf(before: Port, patch: PortPatch): Status | undefined {
  const host = patch['binding:host_id'];
  const moved = host !== undefined && (host ?? '') !== before['binding:host_id'];
  const disabled = patch.admin_state_up === false && before.admin_state_up;
  return moved || disabled ? 'DOWN' : patch.status;
}

/** A floating ip stands for a fixed address, which may not be taken away under it. */
function checkFloating(topology: Topology, port: Port): void {
  for (const id of topology.find('floatingip.by_port', port.id)) {
    const address = topology.get('floatingip', id)?.fixed_ip_address;
    if (port.fixed_ips.some((fixed) => fixed.ip_address === address)) continue;
    throw invalid(
      'fixed_ips',
      port.fixed_ips.map((fixed) => fixed.ip_address),
      `leave out ${address}, which floating ip ${id} stands for`,
      `keep ${address}, or disassociate the floating ip first`,
      'BadRequest',
    );
  }
}

/** The MAC that the port will have; null in the patch asks for a fresh one. */
function macAfter(draft: Draft, network: Network, before: Port, patch: PortPatch): string {
  const wanted = patch.mac_address;
  if (wanted === undefined) return before.mac_address;
  if (wanted !== null && usableMac(wanted) === before.mac_address) return before.mac_address;
  if (before['binding:host_id'] !== '') {
    throw inUse(
      'PortBound',
      'port',
      before.id,
      `it is bound to ${before['binding:host_id']}, where its VM has MAC ${before.mac_address}`,
      'unbind it first',
    );
  }
  return wanted === null ? freshMac(draft, network) : claimMac(draft, network, wanted);
}

/** Pairs that go with the port's own MAC follow it. */
const pairsAfter = (before: Port, mac: string): readonly AddressPair[] =>
  before.allowed_address_pairs.map((pair) =>
    pair.mac_address === before.mac_address ? { ...pair, mac_address: mac } : pair,
  );

type Bound = Pick<Port, 'binding:host_id' | 'binding:vif_type' | 'standby_bindings'>;

/** Where the port will be: bound anew when it moves, and when nobody was there to take it. */
function boundAfter(topology: Topology, before: Port, patch: PortPatch): Partial<Bound> {
  const given = patch['binding:host_id'];
  const failed = before['binding:vif_type'] === 'binding_failed';
  if (given === undefined && !(failed && patch.status === 'ACTIVE')) return {};
  const host = given === undefined ? before['binding:host_id'] : (given ?? '');
  if (host === before['binding:host_id'] && !failed) return {};
  return {
    'binding:host_id': host,
    'binding:vif_type': vifTypeOn(topology, host),
    standby_bindings:
      host === '' ? [] : before.standby_bindings.filter((binding) => binding.host !== host),
  };
}

function namesAfter(network: Network, before: Port, patch: PortPatch): Partial<Port> {
  if (patch.dns_name === undefined && patch.dns_domain === undefined) return {};
  const dns_domain = domainName(patch.dns_domain ?? before.dns_domain);
  const dns_name = portName(patch.dns_name ?? before.dns_name, domainOf(dns_domain, network));
  return { dns_domain, dns_name };
}

/** Changes a port within the plan. */
export function redraftPort(
  draft: Draft,
  before: Port,
  patch: PortPatch,
  allotted?: readonly FixedIp[],
): Port {
  const { topology, context } = draft;
  const network = existing(topology, 'network', before.network_id, 'network_id');
  const mac = macAfter(draft, network, before, patch);
  const moved = mac !== before.mac_address;
  const deviceOwner = patch.device_owner ?? before.device_owner;
  const owner = { network, port: before.id, mac, had: before.fixed_ips, deviceOwner };
  const settled = {
    mac_address: mac,
    fixed_ips:
      allotted ??
      (patch.fixed_ips || moved
        ? fixedIpsFor(draft, owner, patch.fixed_ips ?? before.fixed_ips)
        : undefined),
    allowed_address_pairs: patch.allowed_address_pairs
      ? addressPairs(patch.allowed_address_pairs, mac)
      : moved
        ? pairsAfter(before, mac)
        : undefined,
    security_groups: patch.security_groups && groupsGiven(topology, patch.security_groups),
    extra_dhcp_opts: extraDhcpOptions(before.extra_dhcp_opts, patch.extra_dhcp_opts ?? []),
    'binding:host_id': undefined,
    'binding:profile': profileOf(patch['binding:profile'], 'binding:profile'),
    ...namesAfter(network, before, patch),
    ...boundAfter(topology, before, patch),
    status: statusOf(before, patch),
  };
  const after = revised(before, { ...patch, ...settled }, context);
  checkSecurity(after, patch);
  checkFloating(topology, after);
  draft.update('port', before, after);
  return after;
}

export function updatePort(
  topology: Topology,
  id: string,
  patch: PortPatch,
  context: PlanContext,
): Plan<Port> {
  const draft = new Draft(topology, context);
  const before = existing(topology, 'port', id);
  if (patch.device_owner !== before.device_owner) checkOwner(patch.device_owner);
  checkServicePort(topology, before, patch);
  return draft.plan(redraftPort(draft, before, patch));
}

/** Deletes a port within the plan; its floating ips stay, without it. */
export function dropPort(draft: Draft, port: Port): void {
  for (const id of draft.topology.find('floatingip.by_port', port.id)) {
    const floating = existing(draft.topology, 'floatingip', id);
    draft.update('floatingip', floating, disassociated(floating, draft.context));
  }
  draft.delete('port', port);
}

export function deletePort(topology: Topology, id: string, context: PlanContext): Plan<Port> {
  const draft = new Draft(topology, context);
  const port = existing(topology, 'port', id);
  checkServicePort(topology, port, null);
  dropPort(draft, port);
  return draft.plan(port);
}
