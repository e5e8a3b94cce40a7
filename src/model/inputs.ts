/**
 * What a caller gives to create or change an object: Neutron's attribute names, types already
 * checked at the edge, meaning checked by the plans. An absent attribute takes its default (create)
 * or stays as it is (update). `project_id` defaults to the caller's.
 */
import type {
  AllocationPool,
  CountedKind,
  HostRoute,
  Ipv6Mode,
  NodeDatapath,
  RbacAction,
  SharedKind,
  Status,
} from './objects.ts';

interface Owned {
  readonly project_id?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
}

interface NamedInput extends Owned {
  readonly name?: string;
}

interface NamedPatch {
  readonly name?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
}

export interface NetworkInput extends NamedInput {
  readonly admin_state_up?: boolean;
  readonly shared?: boolean;
  /** Bytes, 68 … 65535; absent or 0: what the underlay leaves. */
  readonly mtu?: number;
  readonly 'router:external'?: boolean;
  /** For an external network only, and for one. */
  readonly is_default?: boolean;
  /** Never given by a user: the project's auto-allocated network. */
  readonly auto_allocated?: true;
  readonly port_security_enabled?: boolean;
  /** Fully qualified, or empty. */
  readonly dns_domain?: string;
  /** Makes a first-layer network, which is a VPC. */
  readonly cidr?: string | null;
  /** Makes a second-layer network in the VPC of this router; excludes `cidr`. */
  readonly router_id?: string | null;
}

export interface NetworkPatch extends NamedPatch {
  readonly admin_state_up?: boolean;
  readonly shared?: boolean;
  readonly mtu?: number;
  readonly 'router:external'?: boolean;
  /** For an external network only, and for one. */
  readonly is_default?: boolean;
  readonly port_security_enabled?: boolean;
  readonly dns_domain?: string;
}

export interface SubnetInput extends NamedInput {
  readonly network_id: string;
  /** Absent: taken from a pool. */
  readonly cidr?: string;
  /** Absent: that of `cidr` or of the pool. */
  readonly ip_version?: 4 | 6;
  readonly subnetpool_id?: string | null;
  /** From the default pool of the version. */
  readonly use_default_subnetpool?: boolean;
  /** In place of `cidr`; absent: the pool's default. */
  readonly prefixlen?: number;
  /** Absent: the first address; null: none. */
  readonly gateway_ip?: string | null;
  readonly allocation_pools?: readonly AllocationPool[];
  readonly enable_dhcp?: boolean;
  readonly dns_nameservers?: readonly string[];
  readonly host_routes?: readonly HostRoute[];
  readonly ipv6_ra_mode?: Ipv6Mode | null;
  readonly ipv6_address_mode?: Ipv6Mode | null;
  readonly service_types?: readonly string[];
  readonly resource_pool?: string | null;
}

export interface SubnetPatch extends NamedPatch {
  readonly gateway_ip?: string | null;
  readonly allocation_pools?: readonly AllocationPool[];
  readonly enable_dhcp?: boolean;
  readonly dns_nameservers?: readonly string[];
  readonly host_routes?: readonly HostRoute[];
  readonly service_types?: readonly string[];
  readonly resource_pool?: string | null;
}

/** An address asked for: by itself, in a subnet, or both. */
export interface FixedIpRequest {
  readonly subnet_id?: string;
  readonly ip_address?: string;
}

export interface GatewayInput {
  /** An external network; needed, unless nothing is given at all: that is no gateway. */
  readonly network_id?: string;
  readonly enable_snat?: boolean;
  readonly external_fixed_ips?: readonly FixedIpRequest[];
}

export interface RouterInput extends NamedInput {
  readonly admin_state_up?: boolean;
  /** The first-layer network whose router this becomes. */
  readonly network_id?: string | null;
  readonly external_gateway_info?: GatewayInput | null;
  readonly routes?: readonly HostRoute[] | null;
}

export interface RouterPatch extends NamedPatch {
  readonly admin_state_up?: boolean;
  /** null or `{}` takes the gateway away. */
  readonly external_gateway_info?: GatewayInput | null;
  /** null: none. */
  readonly routes?: readonly HostRoute[] | null;
}

/** A subnet that a router is to be in, by its gateway's address, or the port that it is to be in it by. */
export interface InterfaceInput {
  readonly subnet_id?: string;
  readonly port_id?: string;
}

export interface RoutesInput {
  readonly routes: readonly HostRoute[];
}

export interface AddressPairInput {
  /** An address or a prefix. */
  readonly ip_address: string;
  /** Absent: the port's own. */
  readonly mac_address?: string;
}

export interface ExtraDhcpOptionInput {
  readonly opt_name: string;
  /** null takes the option away. */
  readonly opt_value: string | null;
  /** 4 when left out. */
  readonly ip_version?: 4 | 6 | '4' | '6';
}

export interface PortPatch extends NamedPatch {
  readonly admin_state_up?: boolean;
  /** null: another one. */
  readonly mac_address?: string | null;
  readonly fixed_ips?: readonly FixedIpRequest[];
  readonly allowed_address_pairs?: readonly AddressPairInput[];
  readonly port_security_enabled?: boolean;
  readonly security_groups?: readonly string[];
  /** Those named are put in place or taken away; the others stay. */
  readonly extra_dhcp_opts?: readonly ExtraDhcpOptionInput[] | null;
  readonly dns_name?: string;
  readonly dns_domain?: string;
  readonly device_id?: string;
  readonly device_owner?: string;
  readonly 'binding:host_id'?: string | null;
  readonly 'binding:vnic_type'?: string;
  readonly 'binding:profile'?: Readonly<Record<string, unknown>> | null;
  /** For the agents' reports only: the API does not take it from a user. */
  readonly status?: Status;
}

export interface PortInput extends Omit<PortPatch, 'status'> {
  readonly network_id: string;
  readonly project_id?: string;
}

export interface SecurityGroupInput extends NamedInput {
  /** Only `true` is supported. */
  readonly stateful?: boolean;
}

export type SecurityGroupPatch = NamedPatch & { readonly stateful?: boolean };

export interface SecurityGroupRuleInput extends Owned {
  readonly security_group_id: string;
  readonly direction: 'ingress' | 'egress';
  /** Absent: IPv4. */
  readonly ethertype?: 'IPv4' | 'IPv6';
  /** A name or a number 0 … 255; null, absent, `any` or 0 is any protocol. */
  readonly protocol?: string | number | null;
  readonly port_range_min?: number | null;
  readonly port_range_max?: number | null;
  /** A prefix; a lone address is a prefix of full length. */
  readonly remote_ip_prefix?: string | null;
  readonly remote_group_id?: string | null;
  readonly remote_address_group_id?: string | null;
}

export interface SecurityGroupRulePatch {
  readonly description?: string;
}

export interface FloatingIpInput extends Owned {
  readonly floating_network_id: string;
  readonly subnet_id?: string | null;
  readonly floating_ip_address?: string | null;
  readonly port_id?: string | null;
  readonly fixed_ip_address?: string | null;
  readonly dns_name?: string;
  readonly dns_domain?: string;
}

export interface FloatingIpPatch {
  readonly description?: string;
  readonly tags?: readonly string[];
  /** null disassociates. */
  readonly port_id?: string | null;
  readonly fixed_ip_address?: string | null;
  /** For the gateways' reports only. */
  readonly status?: Status;
}

export interface AddressScopeInput extends NamedInput {
  readonly ip_version: 4 | 6;
  readonly shared?: boolean;
}

export interface AddressScopePatch extends NamedPatch {
  /** A shared scope stays so. */
  readonly shared?: boolean;
}

export interface SubnetpoolPatch extends NamedPatch {
  /** In CIDR form, of one version; a pool's prefixes only grow this way. */
  readonly prefixes?: readonly string[];
  readonly default_prefixlen?: number;
  readonly min_prefixlen?: number;
  readonly max_prefixlen?: number;
  /** null and 0: no limit. */
  readonly default_quota?: number | null;
  readonly is_default?: boolean;
  readonly address_scope_id?: string | null;
}

export interface SubnetpoolInput extends SubnetpoolPatch {
  readonly project_id?: string;
  readonly prefixes: readonly string[];
  readonly shared?: boolean;
}

export interface AddressGroupInput extends NamedInput {
  /** In CIDR form. */
  readonly addresses?: readonly string[];
}

/** Limits by what they count; -1: any number. */
type Limits = { readonly [K in CountedKind]?: number };

export interface QuotaPatch extends Limits {
  /** Refuses a limit below what is used already. */
  readonly check_limit?: boolean;
}

export interface QuotaInput extends QuotaPatch {
  readonly project_id: string;
}

export interface NodeInput {
  /** The node's name, which is its id. */
  readonly name: string;
  readonly vtep: string;
  readonly description?: string;
  /** For the agents' reports only. */
  readonly datapath?: NodeDatapath;
  readonly agent_alive?: boolean;
}

export interface NodePatch {
  readonly vtep?: string;
  readonly description?: string;
  /** For the agents' reports only. */
  readonly datapath?: NodeDatapath;
  readonly agent_alive?: boolean;
}

export interface RbacPolicyInput {
  readonly project_id?: string;
  readonly object_type: SharedKind;
  readonly object_id: string;
  readonly action: RbacAction;
  readonly target_tenant: string;
}

export interface RbacPolicyPatch {
  readonly target_tenant?: string;
}

/** Create and update inputs by kind. */
export interface Inputs {
  readonly network: { readonly create: NetworkInput; readonly update: NetworkPatch };
  readonly subnet: { readonly create: SubnetInput; readonly update: SubnetPatch };
  readonly router: { readonly create: RouterInput; readonly update: RouterPatch };
  readonly port: { readonly create: PortInput; readonly update: PortPatch };
  readonly security_group: {
    readonly create: SecurityGroupInput;
    readonly update: SecurityGroupPatch;
  };
  readonly security_group_rule: {
    readonly create: SecurityGroupRuleInput;
    readonly update: SecurityGroupRulePatch;
  };
  readonly floatingip: { readonly create: FloatingIpInput; readonly update: FloatingIpPatch };
  readonly address_scope: {
    readonly create: AddressScopeInput;
    readonly update: AddressScopePatch;
  };
  readonly subnetpool: { readonly create: SubnetpoolInput; readonly update: SubnetpoolPatch };
  readonly address_group: { readonly create: AddressGroupInput; readonly update: NamedPatch };
  readonly quota: { readonly create: QuotaInput; readonly update: QuotaPatch };
  readonly rbac_policy: { readonly create: RbacPolicyInput; readonly update: RbacPolicyPatch };
  readonly node: { readonly create: NodeInput; readonly update: NodePatch };
}
