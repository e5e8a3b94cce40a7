/** Whether the objects that objects name are there. */
import type { Kind, Objects } from '../objects.ts';
import { FLOATING_OWNER, GATEWAY_OWNER, INTERFACE_OWNER } from '../topology.ts';
import { goalOf } from '../vpc.ts';
import { named, type Report } from './finding.ts';
import { KINDS } from './forms.ts';
import type { ReadTree } from './read.ts';

/** An attribute, the kind that it names, and the ids that an object has there. */
type Reference<T> = readonly [
  field: string,
  kind: Kind | ((object: T) => Kind),
  ids: (object: T) => readonly (string | null | undefined)[],
];

/** Whose a port is that nobody made by itself. */
const DEVICES: ReadonlyMap<string, Kind> = new Map([
  [INTERFACE_OWNER, 'router'],
  [GATEWAY_OWNER, 'router'],
  [FLOATING_OWNER, 'floatingip'],
]);

const REFERENCES: { readonly [K in Kind]: readonly Reference<Objects[K]>[] } = {
  network: [
    ['router_id', 'router', (network) => [network.router_id]],
    ['birth_vpc', 'network', (network) => [network.birth_vpc]],
    ['vpc', 'network', (network) => [goalOf(network).id]],
  ],
  subnet: [
    ['network_id', 'network', (subnet) => [subnet.network_id]],
    ['subnetpool_id', 'subnetpool', (subnet) => [subnet.subnetpool_id]],
  ],
  router: [
    ['network_id', 'network', (router) => [router.network_id]],
    ['external_gateway_info', 'network', (router) => [router.external_gateway_info?.network_id]],
    [
      'external_gateway_info.external_fixed_ips',
      'subnet',
      (router) =>
        router.external_gateway_info?.external_fixed_ips.map((fixed) => fixed.subnet_id) ?? [],
    ],
  ],
  port: [
    ['network_id', 'network', (port) => [port.network_id]],
    ['fixed_ips', 'subnet', (port) => port.fixed_ips.map((fixed) => fixed.subnet_id)],
    ['security_groups', 'security_group', (port) => port.security_groups],
    [
      'device_id',
      (port) => DEVICES.get(port.device_owner) ?? 'router',
      (port) => (DEVICES.has(port.device_owner) ? [port.device_id] : []),
    ],
  ],
  security_group: [],
  security_group_rule: [
    ['security_group_id', 'security_group', (rule) => [rule.security_group_id]],
    ['remote_group_id', 'security_group', (rule) => [rule.remote_group_id]],
    ['remote_address_group_id', 'address_group', (rule) => [rule.remote_address_group_id]],
  ],
  floatingip: [
    ['floating_network_id', 'network', (floating) => [floating.floating_network_id]],
    ['port_id', 'port', (floating) => [floating.port_id]],
    ['router_id', 'router', (floating) => [floating.router_id]],
  ],
  address_scope: [],
  subnetpool: [['address_scope_id', 'address_scope', (pool) => [pool.address_scope_id]]],
  address_group: [],
  quota: [],
  rbac_policy: [['object_id', (policy) => policy.object_type, (policy) => [policy.object_id]]],
  node: [],
};

/** What an object names: attribute, kind, id. */
function* referencesOf<K extends Kind>(
  kind: K,
  object: Objects[K],
): Iterable<readonly [field: string, kind: Kind, id: string]> {
  for (const [field, to, ids] of REFERENCES[kind]) {
    const target = typeof to === 'function' ? to(object) : to;
    for (const id of ids(object)) if (id) yield [field, target, id];
  }
}

/** An object that is there but cannot be read is no missing one. */
export function checkReferences({ topology, unread, places }: ReadTree, report: Report): void {
  for (const kind of KINDS) {
    for (const object of topology.all(kind)) {
      const which = named(kind, object.id);
      for (const [field, target, id] of referencesOf(kind, object)) {
        if (topology.get(target, id) !== undefined || unread.has(id)) continue;
        const message = `${field} of ${which} is ${named(target, id)}, which is not there`;
        report('Dangling', places.get(which) ?? '', message);
      }
    }
  }
}
