import type { Change, Kind, Objects } from '../../src/model/objects.ts';
import { decodeEntry } from '../../src/model/tree.ts';
import type { StoreEntry } from '../../src/store/index.ts';

/**
 * What is wrong with a tree, found from its entries alone: references that lead nowhere,
 * addresses, MACs and memberships of ports that are held twice, by nobody, or not at all.
 */
export function faultsOf(entries: readonly StoreEntry[]): string[] {
  const faults: string[] = [];
  const objects = new Map<string, Change>();
  for (const { path, value } of entries) {
    const change = decodeEntry(path, value);
    if (change === null) continue;
    const key = `${change.kind} ${change.id}`;
    if (objects.has(key)) faults.push(`${key} stands twice in the tree`);
    objects.set(key, change);
  }
  const all = <K extends Kind>(kind: K): Objects[K][] =>
    [...objects.values()]
      .filter((change) => change.kind === kind)
      .map((change) => change.object as Objects[K]);
  const refer = (from: string, kind: Kind, id: string | null): void => {
    if (id !== null && !objects.has(`${kind} ${id}`))
      faults.push(`${from} refers to ${kind} ${id}`);
  };

  for (const network of all('network')) {
    refer(`network ${network.id}`, 'router', network.router_id);
    refer(`network ${network.id}`, 'network', network.vpc.id);
  }
  for (const subnet of all('subnet')) refer(`subnet ${subnet.id}`, 'network', subnet.network_id);
  for (const router of all('router')) refer(`router ${router.id}`, 'network', router.network_id);
  for (const rule of all('security_group_rule')) {
    refer(`rule ${rule.id}`, 'security_group', rule.security_group_id);
    refer(`rule ${rule.id}`, 'security_group', rule.remote_group_id);
  }
  for (const port of all('port')) {
    refer(`port ${port.id}`, 'network', port.network_id);
    for (const fixed of port.fixed_ips) refer(`port ${port.id}`, 'subnet', fixed.subnet_id);
    for (const group of port.security_groups) refer(`port ${port.id}`, 'security_group', group);
  }

  const paths = entries.map((entry) => entry.path);
  faults.push(
    ...differences('address', held(paths, /\/subnets\/..\/([^/]+)\/allocations\/..\/([^/]+)$/), [
      ...all('port').flatMap((port) =>
        port.fixed_ips.map((fixed) => `${fixed.subnet_id} ${fixed.ip_address}`),
      ),
      ...all('subnet')
        .filter((subnet) => subnet.gateway_ip !== null)
        .map((subnet) => `${subnet.id} ${subnet.gateway_ip}`),
    ]),
    ...differences(
      'MAC',
      held(paths, /\/(?:networks|networks_v2)\/..\/([^/]+)\/macs\/..\/([^/]+)$/),
      all('port').map((port) => `${port.network_id} ${port.mac_address}`),
    ),
    ...differences(
      'membership',
      held(paths, /\/security_groups\/..\/([^/]+)\/ports\/..\/([^/]+)$/),
      all('port').flatMap((port) => port.security_groups.map((group) => `${group} ${port.id}`)),
    ),
  );
  return faults;
}

function held(paths: readonly string[], form: RegExp): string[] {
  return paths.flatMap((path) => {
    const found = form.exec(path);
    return found === null ? [] : [`${found[1]} ${found[2]}`];
  });
}

function differences(what: string, nodes: readonly string[], owned: readonly string[]): string[] {
  const have = new Set(nodes);
  const want = new Set<string>();
  const twice: string[] = [];
  for (const key of owned) {
    if (want.has(key)) twice.push(key);
    want.add(key);
  }
  return [
    ...twice.map((key) => `${what} ${key} has two owners`),
    ...[...want].filter((key) => !have.has(key)).map((key) => `${what} ${key} is not allocated`),
    ...[...have].filter((key) => !want.has(key)).map((key) => `${what} ${key} belongs to nobody`),
  ];
}
