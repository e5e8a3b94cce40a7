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
  /** Its place among what the project's quota counts; absent: it needed none. */
  readonly quota_slot?: number;
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
  readonly mtu: number;
  readonly 'router:external': boolean;
  /** The one external network that routers get without being told of any. */
  readonly is_default: boolean;
  /** Made as its project's own without being asked for by itself. */
  readonly auto_allocated?: true;
  readonly port_security_enabled: boolean;
  /** Of its ports' names, with a dot at the end; empty: the default. */
  readonly dns_domain: string;
  /** Given: a first-layer network, which is a VPC; all its subnets lie inside. */
  readonly cidr: string | null;
  /** Given: a second-layer network, inside that router's VPC. */
  readonly router_id: string | null;
  /** What its ports send in. */
  readonly vpc: VpcPointer;
  /** The VPC that it is going to: its ports are reached in it already. */
  readonly next_vpc: VpcPointer | null;
  /** The VPC that it comes from: its ports are reached in it still. */
  readonly last_vpc: VpcPointer | null;
  /** The VNI of the VPC that is named after it; null: it was born in another's. */
  readonly vni: number | null;
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
  /** The pool that `cidr` is taken from; null: none. */
  readonly subnetpool_id: string | null;
  /** Owners of ports that get addresses from it unasked; none: all whom no other subnet is for. */
  readonly service_types: readonly string[];
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
  /** Of equal destinations the first whose next hop lives is taken. */
  readonly routes: readonly HostRoute[];
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

/** What a port is told by DHCP beside what its subnet says, as its owner wrote it. */
export interface ExtraDhcpOption {
  readonly opt_name: string;
  readonly opt_value: string;
  readonly ip_version: 4 | 6;
}

/** `binding_failed`: no agent was there to take the port when it was bound. */
export type VifType = 'ovs' | 'vhostuser' | 'unbound' | 'binding_failed';

/** A node that the port is prepared on, to move there without a gap. */
export interface StandbyBinding {
  readonly host: string;
  readonly vif_type: VifType;
  readonly vnic_type: string;
  readonly profile: Readonly<Record<string, unknown>>;
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
  readonly extra_dhcp_opts: readonly ExtraDhcpOption[];
  /** In lower case; empty: named after its address. */
  readonly dns_name: string;
  /** With a dot at the end; empty: the network's. */
  readonly dns_domain: string;
  readonly device_id: string;
  readonly device_owner: string;
  /** The node's name, or '' while unbound. */
  readonly 'binding:host_id': string;
  readonly 'binding:vnic_type': string;
  readonly 'binding:profile': Readonly<Record<string, unknown>>;
  readonly 'binding:vif_type': VifType;
  /** Of other nodes than `binding:host_id`. */
  readonly standby_bindings: readonly StandbyBinding[];
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
  readonly remote_address_group_id: string | null;
}

export interface FloatingIp extends Standard {
  readonly floating_network_id: string;
  readonly floating_ip_address: string;
  readonly port_id: string | null;
  readonly fixed_ip_address: string | null;
  readonly router_id: string | null;
  readonly status: Status;
  /** Lower case; empty for none. */
  readonly dns_name: string;
  /** Lower case with its dot at the end; empty for none. */
  readonly dns_domain: string;
}

/** Where subnet pools may not overlap. */
export interface AddressScope extends Named {
  readonly ip_version: 4 | 6;
}

/** Prefixes that subnets are cut from. */
export interface Subnetpool extends Named {
  readonly ip_version: 4 | 6;
  /** In CIDR form, apart from each other, neighbours merged, ascending. */
  readonly prefixes: readonly string[];
  /** The length of a subnet that asks for none. */
  readonly default_prefixlen: number;
  readonly min_prefixlen: number;
  readonly max_prefixlen: number;
  /** Most addresses (IPv6: /64s) that one project's subnets may take from it; null: any number. */
  readonly default_quota: number | null;
  /** The one pool of its version for subnets that ask for the default. */
  readonly is_default: boolean;
  readonly address_scope_id: string | null;
}

/** Prefixes that rules of security groups name together. */
export interface AddressGroup extends Named {
  /** In CIDR form, without host bits, each once. */
  readonly addresses: readonly string[];
}

/** What quotas count, by Neutron's names. */
export const COUNTED = [
  'network',
  'subnet',
  'subnetpool',
  'port',
  'router',
  'floatingip',
  'security_group',
  'security_group_rule',
  'rbac_policy',
] as const;
export type CountedKind = (typeof COUNTED)[number];

/** What one project may have at most, where that is not the default; its id is the project's. */
export interface Quota {
  readonly id: string;
  /** -1: any number. */
  readonly limits: Readonly<Partial<Record<CountedKind, number>>>;
  readonly created_at: string;
  readonly updated_at: string;
  readonly revision_number: number;
}

/** A node's switch, as its agent found it. */
export interface NodeDatapath {
  readonly type: 'system' | 'netdev';
  /** Where QEMU makes the sockets that the switch opens; null: it can open none. */
  readonly vhostuser_socket_dir: string | null;
}

/** What a policy shares: as its own, or to have gateways and floating ips on. */
export type RbacAction = 'access_as_shared' | 'access_as_external';

/** What can be shared, by Neutron's names. */
export type SharedKind =
  | 'network'
  | 'security_group'
  | 'address_scope'
  | 'subnetpool'
  | 'address_group';

/** Lets other projects use an object. */
export interface RbacPolicy {
  readonly id: string;
  readonly project_id: string;
  readonly object_type: SharedKind;
  readonly object_id: string;
  readonly action: RbacAction;
  /** A project's id, or `*`: all. */
  readonly target_tenant: string;
  readonly created_at: string;
}

/** A compute node; its id is its name. */
export interface Node {
  readonly id: string;
  readonly vtep: string;
  /** Left out before an agent said so. */
  readonly datapath?: NodeDatapath;
  /** false: its agent was there, and has been away for long. */
  readonly agent_alive?: boolean;
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
  readonly address_scope: AddressScope;
  readonly subnetpool: Subnetpool;
  readonly address_group: AddressGroup;
  readonly quota: Quota;
  readonly rbac_policy: RbacPolicy;
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
