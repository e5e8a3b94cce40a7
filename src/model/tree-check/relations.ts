/** Whether what objects say of each other agrees. */
import { parseIp, parsePrefix, prefixContains } from '../../address/index.ts';
import type { FloatingIp, Kind, Network, Objects, Port, Router } from '../objects.ts';
import { FLOATING_OWNER, GATEWAY_OWNER, type Topology } from '../topology.ts';
import { routersOf } from '../vpc-moves.ts';
import { named, type FindingCode, type Report } from './finding.ts';
import type { ReadTree } from './read.ts';

type Fault = readonly [code: FindingCode, what: string];
/** What an object contradicts; what it names and is not there is told elsewhere. */
type Relation<T> = (object: T, topology: Topology) => Iterable<Fault>;

const contradiction = (what: string): Fault => ['Contradiction', what];

const portsOf = (device: string, owner: string, topology: Topology): Port[] =>
  [...topology.find('port.by_device', device)]
    .flatMap((id) => topology.get('port', id) ?? [])
    .filter((port) => port.device_owner === owner);

function* ofNetwork(network: Network, topology: Topology): Iterable<Fault> {
  const opened = [...topology.find('rbac.by_object', network.id)].some(
    (id) => topology.get('rbac_policy', id)?.action === 'access_as_external',
  );
  if (network['router:external'] && !opened) yield contradiction('is external without a policy');
  if (!network['router:external'] && opened) {
    yield contradiction('is not external although a policy says so');
  }
  if (network.is_default && !network['router:external']) {
    yield contradiction('is the default external network and not external');
  }
}

function* ofRouter(router: Router, topology: Topology): Iterable<Fault> {
  const gateway = router.external_gateway_info;
  const ports = portsOf(router.id, GATEWAY_OWNER, topology);
  const right = gateway === null ? 0 : 1;
  if (ports.length !== right) {
    yield contradiction(`has ${ports.length} gateway ports; ${right} would be right`);
  }
  if (gateway === null) return;
  const network = topology.get('network', gateway.network_id);
  if (network?.['router:external'] === false) {
    yield contradiction(`has its gateway on network ${network.id}, which is not external`);
  }
  const [port] = ports;
  if (port && JSON.stringify(port.fixed_ips) !== JSON.stringify(gateway.external_fixed_ips)) {
    yield contradiction(`has other gateway addresses than its gateway port ${port.id}`);
  }
}

function* ofPort(port: Port, topology: Topology): Iterable<Fault> {
  for (const { subnet_id, ip_address } of port.fixed_ips) {
    const subnet = topology.get('subnet', subnet_id);
    if (subnet === undefined) continue;
    if (subnet.network_id !== port.network_id) {
      yield contradiction(`has an address in subnet ${subnet_id} of another network`);
    } else if (!prefixContains(parsePrefix(subnet.cidr), parseIp(ip_address))) {
      yield ['OutsideOfPrefix', `has ${ip_address}, which is not in ${subnet.cidr}`];
    }
  }
  if (!port.port_security_enabled && port.security_groups.length > 0) {
    yield contradiction('has security groups with port security off');
  }
}

function* ofFloatingIp(floating: FloatingIp, topology: Topology): Iterable<Fault> {
  const outside = topology.get('network', floating.floating_network_id);
  if (outside?.['router:external'] === false) {
    yield contradiction(`is on network ${outside.id}, which is not external`);
  }
  const { floating_network_id, floating_ip_address } = floating;
  const [holder, another] = portsOf(floating.id, FLOATING_OWNER, topology);
  const holds =
    holder?.network_id === floating_network_id &&
    holder.fixed_ips.some((fixed) => fixed.ip_address === floating_ip_address);
  if (!holds || another !== undefined) {
    yield contradiction(`has not one port that holds its ${floating_ip_address}`);
  }
  if (floating.port_id === null) return;
  const port = topology.get('port', floating.port_id);
  const router = topology.get('router', floating.router_id ?? '');
  if (port && !port.fixed_ips.some((fixed) => fixed.ip_address === floating.fixed_ip_address)) {
    yield contradiction(`stands for ${floating.fixed_ip_address}, which port ${port.id} has not`);
  }
  if (router === undefined) {
    if (floating.router_id === null) yield contradiction('stands for a port without a router');
    return;
  }
  if (router.external_gateway_info?.network_id !== floating.floating_network_id) {
    yield contradiction(`is reached by router ${router.id}, which has no gateway on its network`);
  }
  const network = port && topology.get('network', port.network_id);
  if (network && !routersOf(topology, network).has(router.id)) {
    yield contradiction(`is reached by router ${router.id}, which is not in its port's network`);
  }
}

export function checkRelations({ topology, places }: ReadTree, report: Report): void {
  const check = <K extends Kind>(kind: K, relation: Relation<Objects[K]>): void => {
    for (const object of topology.all(kind)) {
      const which = named(kind, object.id);
      for (const [code, what] of relation(object, topology)) {
        report(code, places.get(which) ?? '', `${which} ${what}`);
      }
    }
  };
  check('network', ofNetwork);
  check('router', ofRouter);
  check('port', ofPort);
  check('floatingip', ofFloatingIp);
}
