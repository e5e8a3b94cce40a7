/**
 * Who may do what, read off Neutron's policy files (neutron/conf/policies, the defaults of which
 * are named beside each row), for the callers of two projects: all objects but one belong to A.
 * Where a default has no role that may only look, as `rule:network_owner` of Neutron 21, changes
 * take the role member all the same, as later releases have it.
 */
export const CALLERS = ['admin', 'A member', 'A reader', 'B member', 'B reader'] as const;
export type CallerName = (typeof CALLERS)[number];

const ADMIN = ['admin'] as const;
/** PROJECT_MEMBER */
const MEMBER = ['admin', 'A member'] as const;
/** PROJECT_READER */
const READER = ['admin', 'A member', 'A reader'] as const;
/** With what is shared. */
const ALL = CALLERS;

type Names = readonly CallerName[];

/** How an object of A stands to B. */
export type State = 'private' | 'shared with B' | 'shared with all' | 'external to B' | 'of B';

export interface ObjectRow {
  readonly collection: string;
  readonly state: State;
  /** Those it is there for; for others every request is answered 404. */
  readonly see: Names;
  /** Those who may change, and delete it; others who see it get 403. */
  readonly update: Names;
  /** Those who get 403 for a change; left out: all who see it. */
  readonly seeToUpdate?: Names;
  readonly delete: Names;
  /** Bodies of PUT `{id}/<name>`, and who may. */
  readonly actions?: readonly (readonly [name: string, body: unknown, may: Names])[];
}

export const OBJECTS: readonly ObjectRow[] = [
  // get_network: ADMIN or PROJECT_READER or shared or external or advsvc; update, delete: ADMIN or PROJECT_MEMBER
  { collection: 'networks', state: 'private', see: READER, update: MEMBER, delete: MEMBER },
  { collection: 'networks', state: 'shared with B', see: ALL, update: MEMBER, delete: MEMBER },
  { collection: 'networks', state: 'shared with all', see: ALL, update: MEMBER, delete: MEMBER },
  { collection: 'networks', state: 'external to B', see: ALL, update: MEMBER, delete: MEMBER },
  // get_subnet: ADMIN or PROJECT_READER or shared; update, delete: ADMIN or PROJECT_MEMBER or NET_OWNER
  { collection: 'subnets', state: 'private', see: READER, update: MEMBER, delete: MEMBER },
  { collection: 'subnets', state: 'shared with B', see: ALL, update: MEMBER, delete: MEMBER },
  { collection: 'subnets', state: 'shared with all', see: ALL, update: MEMBER, delete: MEMBER },
  { collection: 'subnets', state: 'external to B', see: READER, update: MEMBER, delete: MEMBER },
  // get_port: ADMIN or advsvc or PROJECT_READER, or the network's owner; a shared network shares no ports
  { collection: 'ports', state: 'private', see: READER, update: MEMBER, delete: MEMBER },
  { collection: 'ports', state: 'shared with B', see: READER, update: MEMBER, delete: MEMBER },
  // update_port: ADMIN or PROJECT_MEMBER or advsvc; delete_port: those, or the network's owner
  {
    collection: 'ports',
    state: 'of B',
    see: ALL,
    update: ['admin', 'B member'],
    delete: ['admin', 'A member', 'B member'],
  },
  // get_router: ADMIN or PROJECT_READER; update, delete, interfaces, routes: ADMIN or PROJECT_MEMBER
  {
    collection: 'routers',
    state: 'private',
    see: READER,
    update: MEMBER,
    delete: MEMBER,
    actions: [
      ['add_extraroutes', { router: { routes: [] } }, MEMBER],
      ['remove_extraroutes', { router: { routes: [] } }, MEMBER],
    ],
  },
  // get_floatingip: ADMIN or PROJECT_READER; update, delete: ADMIN or PROJECT_MEMBER
  { collection: 'floatingips', state: 'private', see: READER, update: MEMBER, delete: MEMBER },
  // get_security_group: PROJECT_READER, or shared (its legacy rule: anyone who finds it); update, delete: PROJECT_MEMBER
  { collection: 'security-groups', state: 'private', see: READER, update: MEMBER, delete: MEMBER },
  {
    collection: 'security-groups',
    state: 'shared with B',
    see: ALL,
    update: MEMBER,
    delete: MEMBER,
  },
  {
    collection: 'security-groups',
    state: 'shared with all',
    see: ALL,
    update: MEMBER,
    delete: MEMBER,
  },
  // get_security_group_rule: PROJECT_READER or sg_owner; delete: PROJECT_MEMBER
  {
    collection: 'security-group-rules',
    state: 'private',
    see: READER,
    update: MEMBER,
    delete: MEMBER,
  },
  {
    collection: 'security-group-rules',
    state: 'shared with B',
    see: READER,
    update: MEMBER,
    delete: MEMBER,
  },
  // get_subnetpool: ADMIN or PROJECT_READER or shared; update, delete, prefixes: ADMIN or PROJECT_MEMBER
  ...(['private', 'shared with B', 'shared with all'] as const).map((state) => ({
    collection: 'subnetpools',
    state,
    see: state === 'private' ? READER : ALL,
    update: MEMBER,
    delete: MEMBER,
    actions: [['add_prefixes', { prefixes: ['10.77.0.0/16'] }, MEMBER]] as const,
  })),
  // get_address_scope: ADMIN or PROJECT_READER or shared; update, delete: ADMIN or PROJECT_MEMBER
  { collection: 'address-scopes', state: 'private', see: READER, update: MEMBER, delete: MEMBER },
  {
    collection: 'address-scopes',
    state: 'shared with B',
    see: ALL,
    update: MEMBER,
    delete: MEMBER,
  },
  {
    collection: 'address-scopes',
    state: 'shared with all',
    see: ALL,
    update: MEMBER,
    delete: MEMBER,
  },
  // get_address_group: PROJECT_READER or shared; the rest by the default rule: admin or owner. A
  // PUT does not look at `shared` (it is not required_by_policy), so that others get 404.
  ...(['private', 'shared with B', 'shared with all'] as const).map((state) => ({
    collection: 'address-groups',
    state,
    see: state === 'private' ? READER : ALL,
    update: MEMBER,
    seeToUpdate: READER,
    delete: MEMBER,
    actions: [
      ['add_addresses', { addresses: ['10.9.0.0/24'] }, MEMBER],
      ['remove_addresses', { addresses: ['10.8.0.0/24'] }, MEMBER],
    ] as const,
  })),
  // get_rbac_policy: ADMIN or PROJECT_READER; update, delete: ADMIN or PROJECT_MEMBER; not its target
  { collection: 'rbac-policies', state: 'private', see: READER, update: MEMBER, delete: MEMBER },
];

/** What one gives when making or changing an object; the object is on A's network as `state` says. */
export interface GivenRow {
  readonly method: 'POST' | 'PUT';
  readonly collection: string;
  readonly state: State;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Who may; the others see what they need to, so that they get 403. */
  readonly may: Names;
}

const post = (
  collection: string,
  attributes: GivenRow['attributes'],
  may: Names,
  state: State = 'private',
): GivenRow => ({ method: 'POST', collection, state, attributes, may });

const put = (
  collection: string,
  attributes: GivenRow['attributes'],
  may: Names,
  state: State = 'private',
): GivenRow => ({ method: 'PUT', collection, state, attributes, may });

/** Everybody makes things in their own project, if they have the role. */
const MEMBERS = ['admin', 'A member', 'B member'] as const;

export const GIVEN: readonly GivenRow[] = [
  // create_network and its attributes
  post('networks', {}, MEMBERS),
  post('networks', { port_security_enabled: false }, MEMBERS),
  post('networks', { shared: false, 'router:external': false }, MEMBERS),
  post('networks', { shared: true }, ADMIN),
  post('networks', { 'router:external': true }, ADMIN),
  post('networks', { is_default: false }, MEMBERS),
  put('networks', { port_security_enabled: false }, MEMBER),
  put('networks', { shared: true }, ADMIN),
  put('networks', { shared: false }, ADMIN),
  put('networks', { 'router:external': true }, ADMIN),
  put('networks', { is_default: false }, ADMIN),
  // create_subnet: ADMIN or NET_OWNER; the rule of service_types is there, but no attribute asks for it
  post('subnets', { cidr: '10.5.0.0/24' }, MEMBER, 'shared with B'),
  post(
    'subnets',
    { cidr: '10.5.0.0/24', service_types: ['compute:nova'] },
    MEMBER,
    'shared with B',
  ),
  put('subnets', { service_types: ['compute:nova'] }, MEMBER),
  // create_port: ADMIN or PROJECT_MEMBER; addresses, MAC, port security: the network's owner or advsvc
  post('ports', {}, MEMBERS, 'shared with B'),
  post('ports', { device_owner: 'compute:nova', device_id: 'vm' }, MEMBERS, 'shared with B'),
  post('ports', { 'binding:vnic_type': 'normal' }, MEMBERS, 'shared with B'),
  post('ports', { fixed_ips: [{ subnet_id: 'SUBNET' }] }, MEMBERS, 'shared with B'),
  post('ports', { fixed_ips: [{ ip_address: '10.0.0.77' }] }, MEMBER, 'shared with B'),
  post('ports', { mac_address: 'fa:16:3e:00:77:77' }, MEMBER, 'shared with B'),
  post('ports', { port_security_enabled: false }, MEMBER, 'shared with B'),
  post('ports', { allowed_address_pairs: [{ ip_address: '10.9.9.9' }] }, MEMBER, 'shared with B'),
  post('ports', { device_owner: 'network:dhcp' }, MEMBER, 'shared with B'),
  post('ports', { 'binding:host_id': 'node1' }, ADMIN, 'shared with B'),
  post('ports', { 'binding:profile': {} }, ADMIN, 'shared with B'),
  put('ports', { device_id: 'vm' }, ['admin', 'B member'], 'of B'),
  put('ports', { device_owner: 'network:dhcp' }, ADMIN, 'of B'),
  put('ports', { mac_address: 'fa:16:3e:00:77:78' }, ADMIN),
  put('ports', { fixed_ips: [] }, MEMBER),
  put('ports', { fixed_ips: [] }, ADMIN, 'of B'),
  put('ports', { allowed_address_pairs: [] }, ADMIN, 'of B'),
  put('ports', { port_security_enabled: true }, ADMIN, 'of B'),
  put('ports', { 'binding:host_id': 'node1' }, ADMIN),
  put('ports', { 'binding:profile': {} }, ADMIN),
  // create_router; enable_snat and external_fixed_ips: ADMIN
  post('routers', {}, MEMBERS),
  put('routers', { external_gateway_info: { network_id: 'EXTERNAL' } }, MEMBER),
  put('routers', { external_gateway_info: { network_id: 'EXTERNAL', enable_snat: true } }, ADMIN),
  put(
    'routers',
    { external_gateway_info: { network_id: 'EXTERNAL', external_fixed_ips: [] } },
    ADMIN,
  ),
  // create_router:distributed, ha and update_router:…: ADMIN, whatever is asked for
  post('routers', { distributed: false, ha: false }, ADMIN),
  put('routers', { distributed: false }, ADMIN),
  put('routers', { ha: false }, ADMIN),
  // create_floatingip; floating_ip_address: ADMIN
  post('floatingips', { floating_network_id: 'EXTERNAL' }, MEMBERS),
  post('floatingips', { floating_network_id: 'EXTERNAL', floating_ip_address: null }, MEMBERS),
  post(
    'floatingips',
    { floating_network_id: 'EXTERNAL', floating_ip_address: '100.0.0.77' },
    ADMIN,
  ),
  post('security-groups', { name: 'x' }, MEMBERS),
  // create_security_group_rule: PROJECT_MEMBER, in a group of one's own
  post(
    'security-group-rules',
    { security_group_id: 'GROUP', direction: 'egress', protocol: 'udp' },
    MEMBER,
    'shared with B',
  ),
  post('subnetpools', { name: 'x', prefixes: ['10.6.0.0/16'] }, MEMBERS),
  post('subnetpools', { name: 'x', prefixes: ['10.6.0.0/16'], shared: true }, ADMIN),
  post('subnetpools', { name: 'x', prefixes: ['10.6.0.0/16'], is_default: true }, ADMIN),
  put('subnetpools', { is_default: false }, ADMIN),
  post('address-scopes', { ip_version: 4 }, MEMBERS),
  post('address-scopes', { ip_version: 4, shared: true }, ADMIN),
  put('address-scopes', { shared: true }, ADMIN),
  post('address-groups', { addresses: [] }, MEMBERS),
  // create_rbac_policy:target_tenant, update_rbac_policy:target_tenant: not `*`, or ADMIN
  put('rbac-policies', { target_tenant: 'C' }, MEMBER),
  put('rbac-policies', { target_tenant: '*' }, ADMIN),
];

/** Other requests; names in their paths are of what A has. */
export interface OtherRow {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: Readonly<Record<string, unknown>>;
  readonly may: Names;
  /** Those who get 403; the others get 404. */
  readonly refused?: Names;
}

const NO_ADMIN = ['A member', 'A reader', 'B member', 'B reader'] as const;

/** In their order: each leaves to the next what that needs. */
export const OTHERS: readonly OtherRow[] = [
  // get_quota, update_quota, delete_quota: ADMIN, but that one's own is shown to everybody in it
  { method: 'GET', path: 'quotas/A', may: READER },
  { method: 'GET', path: 'quotas/A/default', may: READER },
  { method: 'GET', path: 'quotas/A/details', may: READER },
  { method: 'GET', path: 'quotas/tenant', may: ALL },
  {
    method: 'PUT',
    path: 'quotas/A',
    body: { quota: { router: 99 } },
    may: ADMIN,
    refused: ['A member', 'A reader'],
  },
  { method: 'DELETE', path: 'quotas/A', may: ADMIN, refused: ['A member', 'A reader'] },
  // get_network_ip_availability, get_agent: ADMIN; nodes, which are not Neutron's, likewise
  { method: 'GET', path: 'network-ip-availabilities/NETWORK', may: ADMIN },
  {
    method: 'POST',
    path: 'nodes',
    body: { node: { name: 'node9', vtep: '192.0.2.9' } },
    may: ADMIN,
    refused: NO_ADMIN,
  },
  { method: 'GET', path: 'nodes/node9', may: ADMIN },
  { method: 'PUT', path: 'nodes/node9', body: { node: { description: 'x' } }, may: ADMIN },
  { method: 'DELETE', path: 'nodes/node9', may: ADMIN },
  // get_availability_zone, get_service_provider, get_floatingip_pool: RULE_ANY of Neutron 21
  { method: 'GET', path: 'availability_zones', may: ALL },
  { method: 'GET', path: 'service-providers', may: ALL },
  { method: 'GET', path: 'floatingip-pools', may: ALL },
  // get_auto_allocated_topology: PROJECT_READER; delete: PROJECT_MEMBER
  { method: 'GET', path: 'auto-allocated-topology/A?fields=dry-run', may: READER },
  { method: 'DELETE', path: 'auto-allocated-topology/A', may: MEMBER, refused: ['A reader'] },
  // get_port_binding, create_port_binding, …: ADMIN; a list is what one sees of it, which is nothing
  { method: 'GET', path: 'ports/PORT/bindings', may: READER },
  {
    method: 'POST',
    path: 'ports/PORT/bindings',
    body: { binding: { host: 'node1' } },
    may: ADMIN,
    refused: ['A member', 'A reader'],
  },
  // get_networks_tags: whoever sees it; update, delete: as update_network
  { method: 'GET', path: 'networks/NETWORK/tags', may: READER },
  {
    method: 'PUT',
    path: 'networks/NETWORK/tags',
    body: { tags: ['x'] },
    may: MEMBER,
    refused: ['A reader'],
  },
  { method: 'PUT', path: 'networks/NETWORK/tags/y', may: MEMBER, refused: ['A reader'] },
  { method: 'GET', path: 'networks/NETWORK/tags/y', may: READER },
  { method: 'DELETE', path: 'networks/NETWORK/tags', may: MEMBER, refused: ['A reader'] },
  // add_router_interface, remove_router_interface: ADMIN or PROJECT_MEMBER
  {
    method: 'PUT',
    path: 'routers/ROUTER/add_router_interface',
    body: { subnet_id: 'SUBNET' },
    may: MEMBER,
    refused: ['A reader'],
  },
  {
    method: 'PUT',
    path: 'routers/ROUTER/remove_router_interface',
    body: { subnet_id: 'SUBNET' },
    may: MEMBER,
    refused: ['A reader'],
  },
  // onboard_network_subnets, remove_prefixes: ADMIN or PROJECT_MEMBER
  {
    method: 'PUT',
    path: 'subnetpools/POOL/remove_prefixes',
    body: { prefixes: ['10.7.128.0/17'] },
    may: MEMBER,
    refused: ['A reader'],
  },
];

/** Attributes that get_network:…, get_port:… and get_router:… show to ADMIN alone. */
export const HIDDEN: Readonly<Record<string, readonly string[]>> = {
  networks: ['provider:network_type', 'provider:physical_network', 'provider:segmentation_id'],
  ports: ['binding:host_id', 'binding:profile', 'binding:vif_type', 'binding:vif_details'],
  routers: ['distributed', 'ha'],
};

/** Bodies that refer to what B does not see: 404 for it, with the type named. */
export const UNSEEN: readonly (readonly [
  collection: string,
  attributes: Readonly<Record<string, unknown>>,
  type: string,
])[] = [
  ['subnets', { network_id: 'NETWORK', cidr: '10.5.0.0/24' }, 'NetworkNotFound'],
  ['ports', { network_id: 'NETWORK' }, 'NetworkNotFound'],
  ['ports', { network_id: 'OWN', fixed_ips: [{ subnet_id: 'SUBNET' }] }, 'SubnetNotFound'],
  ['ports', { network_id: 'OWN', security_groups: ['GROUP'] }, 'SecurityGroupNotFound'],
  ['routers', { external_gateway_info: { network_id: 'NETWORK' } }, 'NetworkNotFound'],
  ['networks', { router_id: 'ROUTER' }, 'RouterNotFound'],
  ['floatingips', { floating_network_id: 'EXTERNAL', port_id: 'PORT' }, 'PortNotFound'],
  [
    'security-group-rules',
    { security_group_id: 'GROUP', direction: 'egress' },
    'SecurityGroupNotFound',
  ],
  [
    'subnetpools',
    { name: 'x', prefixes: ['10.6.0.0/16'], address_scope_id: 'SCOPE' },
    'AddressScopeNotFound',
  ],
  [
    'rbac-policies',
    {
      object_type: 'network',
      object_id: 'NETWORK',
      action: 'access_as_shared',
      target_tenant: 'C',
    },
    'NetworkNotFound',
  ],
];
