/**
 * The objects of the topology, in Neutron's own words and attribute names: what the tree holds as
 * JSON, what the API shows, what a node's agent receives. Attributes that are derived (a
 * subnet list of a network, the rules of a group) are not stored.
 */
export interface Standard {
  readonly id: string;
  readonly project_id: string;
  readonly description: string;
  /** ISO 8601 in UTC, whole seconds, `Z`. */
  readonly created_at: string;
  readonly updated_at: string;
  readonly revision_number: number;
  readonly tags: readonly string[];
}

interface Named extends Standard {
  readonly name: string;
}

/** The routing domain a network belongs to: one VNI, no overlapping subnets. */
export interface VpcPointer {
  /** The uuid of the network that the VPC is named after. */
  readonly id: string;
  /** 1 … 2^24 - 1. */
  readonly vni: number;
}

export interface Network extends Named {
  readonly admin_state_up: boolean;
  readonly shared: boolean;
  readonly mtu: number;
  readonly 'router:external': boolean;
  readonly port_security_enabled: boolean;
  /** Given: a first-layer network, which is a VPC; all its subnets lie inside. */
  readonly cidr: string | null;
  /** Given: a second-layer network, inside that router's VPC. */
  readonly router_id: string | null;
  readonly vpc: VpcPointer;
  /** The VPC it was created in: where it and its ports lie in the tree, for ever. */
  readonly birth_vpc: string;
}

export interface AllocationPool {
  readonly start: string;
  readonly end: string;
}

export interface HostRoute {
  readonly destination: string;
  readonly nexthop: string;
}

export type Ipv6Mode = 'slaac' | 'dhcpv6-stateful' | 'dhcpv6-stateless';

export interface Subnet extends Named {
  readonly network_id: string;
  readonly ip_version: 4 | 6;
  readonly cidr: string;
  readonly gateway_ip: string | null;
  readonly allocation_pools: readonly AllocationPool[];
  readonly enable_dhcp: boolean;
  readonly dns_nameservers: readonly string[];
  readonly host_routes: readonly HostRoute[];
  readonly ipv6_ra_mode: Ipv6Mode | null;
  readonly ipv6_address_mode: Ipv6Mode | null;
  /** A label for the operator; it has no effect. */
  readonly resource_pool: string | null;
}

export interface ExternalGateway {
  readonly network_id: string;
  readonly enable_snat: boolean;
  readonly external_fixed_ips: readonly FixedIp[];
}

export interface Router extends Named {
  readonly admin_state_up: boolean;
  /** The first-layer network whose router this is. */
  readonly network_id: string | null;
  readonly external_gateway_info: ExternalGateway | null;
}

export interface FixedIp {
  readonly subnet_id: string;
  readonly ip_address: string;
}

export interface AddressPair {
  /** An address or a prefix. */
  readonly ip_address: string;
  readonly mac_address: string;
}

export type Status = 'ACTIVE' | 'DOWN' | 'BUILD' | 'ERROR';

export interface Port extends Named {
  readonly network_id: string;
  readonly admin_state_up: boolean;
  readonly mac_address: string;
  readonly fixed_ips: readonly FixedIp[];
  readonly allowed_address_pairs: readonly AddressPair[];
  readonly port_security_enabled: boolean;
  readonly security_groups: readonly string[];
  readonly device_id: string;
  readonly device_owner: string;
  /** The node's name, or '' while unbound. */
  readonly 'binding:host_id': string;
  readonly 'binding:vnic_type': string;
  readonly 'binding:profile': Readonly<Record<string, unknown>>;
  readonly status: Status;
}

export interface SecurityGroup extends Named {
  readonly stateful: boolean;
  /** The one group that its project's new ports get. */
  readonly is_default?: boolean;
}

export interface SecurityGroupRule extends Standard {
  readonly security_group_id: string;
  readonly direction: 'ingress' | 'egress';
  readonly ethertype: 'IPv4' | 'IPv6';
  /** Neutron's name (`tcp`, `icmp`, `ipv6-icmp` …) or a decimal number; null is any. */
  readonly protocol: string | null;
  /** For icmp the type, with `port_range_max` the code. */
  readonly port_range_min: number | null;
  readonly port_range_max: number | null;
  readonly remote_ip_prefix: string | null;
  readonly remote_group_id: string | null;
}

export interface FloatingIp extends Standard {
  readonly floating_network_id: string;
  readonly floating_ip_address: string;
  readonly port_id: string | null;
  readonly fixed_ip_address: string | null;
  readonly router_id: string | null;
  readonly status: Status;
}

/** A compute node; its id is its name. */
export interface Node {
  readonly id: string;
  readonly vtep: string;
  readonly description: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly revision_number: number;
}

export interface Objects {
  readonly network: Network;
  readonly subnet: Subnet;
  readonly router: Router;
  readonly port: Port;
  readonly security_group: SecurityGroup;
  readonly security_group_rule: SecurityGroupRule;
  readonly floatingip: FloatingIp;
  readonly node: Node;
}

export type Kind = keyof Objects;

/** An object put in place or taken away (`object: null`). */
export type Change = {
  readonly [K in Kind]: {
    readonly kind: K;
    readonly id: string;
    readonly object: Objects[K] | null;
  };
}[Kind];
