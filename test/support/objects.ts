/** Whole objects from the few attributes that a test is about; the rest as the API would fill it. */
import type {
  AddressGroup,
  Change,
  FloatingIp,
  Kind,
  Network,
  Node,
  Objects,
  Port,
  Router,
  SecurityGroup,
  SecurityGroupRule,
  Standard,
  Subnet,
} from '../../src/model/objects.ts';

type Some<T extends { id: string }> = Pick<T, 'id'> & Partial<T>;

const standard = (id: string): Standard => ({
  id,
  project_id: 'tests',
  description: '',
  created_at: '2023-01-12T00:00:00Z',
  updated_at: '2023-01-12T00:00:00Z',
  revision_number: 0,
  tags: [],
});

export function network(of: Some<Network> & Pick<Network, 'vpc'>): Network {
  return {
    ...standard(of.id),
    name: '',
    admin_state_up: true,
    mtu: 1450,
    'router:external': false,
    is_default: false,
    port_security_enabled: true,
    dns_domain: '',
    cidr: null,
    router_id: null,
    next_vpc: null,
    last_vpc: null,
    vni: of.id === of.vpc.id ? of.vpc.vni : null,
    birth_vpc: of.vpc.id,
    ...of,
  };
}

export function subnet(of: Some<Subnet> & Pick<Subnet, 'network_id' | 'cidr'>): Subnet {
  return {
    ...standard(of.id),
    name: '',
    ip_version: of.cidr.includes(':') ? 6 : 4,
    gateway_ip: null,
    allocation_pools: [],
    enable_dhcp: true,
    dns_nameservers: [],
    host_routes: [],
    ipv6_ra_mode: null,
    ipv6_address_mode: null,
    subnetpool_id: null,
    service_types: [],
    resource_pool: null,
    ...of,
  };
}

export function router(of: Some<Router>): Router {
  return {
    ...standard(of.id),
    name: '',
    admin_state_up: true,
    network_id: null,
    external_gateway_info: null,
    routes: [],
    ...of,
  };
}

export function port(of: Some<Port> & Pick<Port, 'network_id' | 'mac_address'>): Port {
  return {
    ...standard(of.id),
    name: '',
    admin_state_up: true,
    fixed_ips: [],
    allowed_address_pairs: [],
    port_security_enabled: true,
    security_groups: [],
    extra_dhcp_opts: [],
    dns_name: '',
    dns_domain: '',
    device_id: '',
    device_owner: '',
    'binding:host_id': '',
    'binding:vnic_type': 'normal',
    'binding:profile': {},
    'binding:vif_type': 'unbound',
    standby_bindings: [],
    status: 'DOWN',
    ...of,
  };
}

export function securityGroup(of: Some<SecurityGroup>): SecurityGroup {
  return { ...standard(of.id), name: '', stateful: true, ...of };
}

export function securityGroupRule(
  of: Some<SecurityGroupRule> & Pick<SecurityGroupRule, 'security_group_id' | 'direction'>,
): SecurityGroupRule {
  return {
    ...standard(of.id),
    ethertype: 'IPv4',
    protocol: null,
    port_range_min: null,
    port_range_max: null,
    remote_ip_prefix: null,
    remote_group_id: null,
    remote_address_group_id: null,
    ...of,
  };
}

export function addressGroup(of: Some<AddressGroup>): AddressGroup {
  return { ...standard(of.id), name: '', addresses: [], ...of };
}

export function floatingIp(
  of: Some<FloatingIp> & Pick<FloatingIp, 'floating_network_id' | 'floating_ip_address'>,
): FloatingIp {
  return {
    ...standard(of.id),
    port_id: null,
    fixed_ip_address: null,
    router_id: null,
    status: 'DOWN',
    dns_name: '',
    dns_domain: '',
    ...of,
  };
}

export function node(id: string, vtep: string): Node {
  const { description, created_at, updated_at, revision_number } = standard(id);
  return { id, vtep, description, created_at, updated_at, revision_number };
}

export function put<K extends Kind>(kind: K, object: Objects[K]): Change {
  return { kind, id: object.id, object } as unknown as Change;
}

export function remove(kind: Kind, id: string): Change {
  return { kind, id, object: null };
}
