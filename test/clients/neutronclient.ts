/** What neutronclient is asked for, and returns. */
import { expect } from 'vitest';
import { neutron, type Lives } from './steps.ts';

const ADMIN = { as: 'admin' } as const;
const BLUE = { as: 'blue' } as const;

/** Ports that fill a subnet of eight addresses up, beside one other. */
const FILLERS = ['filler1', 'filler2', 'filler3', 'filler4'];

export const METHODS: Lives = {
  network: [
    neutron(
      'create_network',
      [{ network: { name: 'n1' } }],
      { network: { name: 'n1' } },
      { keep: 'net' },
    ),
    neutron('create_network', [{ networks: [{ name: 'b1' }, { name: 'b2' }] }], {
      networks: [{ name: 'b1' }, { name: 'b2' }],
    }),
    neutron(
      'create_network',
      [{ networks: [{ name: 'b3' }, { name: 'b4', mtu: 1 }] }],
      /^BadRequest/,
    ),
    neutron(
      'create_network',
      [{ network: { colour: 'red' } }],
      /BadRequest.*Unrecognized attribute/,
    ),
    neutron(
      'list_networks',
      { sort_key: 'name', sort_dir: 'asc', fields: 'name' },
      {
        networks: [{ name: 'b1' }, { name: 'b2' }, { name: 'n1' }],
      },
    ),
    neutron(
      'list_networks',
      { limit: 2, sort_key: 'name', sort_dir: 'desc' },
      {
        networks: [{ name: 'n1' }, { name: 'b2' }, { name: 'b1' }],
      },
    ),
    neutron(
      'list_networks',
      { name: ['b1', 'b2'], sort_key: 'name', sort_dir: 'asc', fields: ['name'] },
      {
        networks: [{ name: 'b1' }, { name: 'b2' }],
      },
    ),
    neutron('list_networks', { colour: 'red' }, /BadRequest.*invalid attribute for filtering/),
    neutron('show_network', ['$net'], { network: { id: '$net' } }),
    neutron('show_network', ['$net'], /^NetworkNotFoundClient/, BLUE),
    neutron(
      'update_network',
      { network: '$net', body: { network: { name: 'n2' } }, revision_number: 9 },
      /Constrained to 9/,
    ),
    neutron('update_network', ['$net', { network: { name: 'b1' } }], { network: { name: 'b1' } }),
    neutron('find_resource', ['network', 'b1'], /NeutronClientNoUniqueMatch/),
    neutron('update_network', ['$net', { network: { name: 'n2' } }], { network: { name: 'n2' } }),
    neutron('delete_network', ['$net']),
    neutron('delete_network', ['$net'], /^NetworkNotFoundClient/),
    neutron('find_resource', ['network', 'b1'], { name: 'b1' }, { keep: 'b1' }),
    neutron('find_resource', ['network', 'b2'], { name: 'b2' }, { keep: 'b2' }),
    neutron('delete_network', ['$b1']),
    neutron('delete_network', ['$b2']),
    neutron('list_networks', {}, { networks: [] }),
  ],

  'subnet and port': [
    neutron('create_network', [{ network: {} }], {}, { keep: 'net' }),
    neutron(
      'create_subnet',
      [{ subnet: { network_id: '$net', ip_version: 4, cidr: '10.1.0.0/29' } }],
      { subnet: { cidr: '10.1.0.0/29', gateway_ip: '10.1.0.1' } },
      { keep: 'subnet' },
    ),
    neutron(
      'create_port',
      [{ port: { network_id: '$net', fixed_ips: [{ ip_address: '10.1.0.4' }] } }],
      { port: { fixed_ips: [{ subnet_id: '$subnet', ip_address: '10.1.0.4' }], status: 'DOWN' } },
      { keep: 'port' },
    ),
    neutron('show_port', ['$port'], {}, { keep: 'mac:mac_address' }),
    neutron(
      'create_port',
      [{ port: { network_id: '$net', fixed_ips: [{ ip_address: '10.1.0.4' }] } }],
      /^IpAddressAlreadyAllocatedClient/,
    ),
    neutron(
      'create_port',
      [{ port: { network_id: '$net', fixed_ips: [{ ip_address: '10.9.0.4' }] } }],
      /^InvalidIpForNetworkClient/,
    ),
    neutron(
      'create_port',
      [{ port: { network_id: '$net', mac_address: '$mac' } }],
      /^MacAddressInUseClient/,
    ),
    ...FILLERS.map((name) =>
      neutron('create_port', [{ port: { network_id: '$net', name } }], {}, { keep: name }),
    ),
    neutron('create_port', [{ port: { network_id: '$net' } }], /^IpAddressGenerationFailureClient/),
    neutron(
      'list_ports',
      { network_id: '$net', fixed_ips: 'ip_address=10.1.0.4' },
      {
        ports: [{ id: '$port' }],
      },
    ),
    neutron(
      'list_ports',
      { network_id: '$net', fields: ['id'], retrieve_all: true },
      {
        ports: [{}, {}, {}, {}, {}],
      },
    ),
    neutron('delete_subnet', ['$subnet'], /^Conflict/),
    neutron('delete_network', ['$net'], /^NetworkInUseClient/),
    neutron('show_port', ['$port'], /^PortNotFoundClient/, BLUE),
    neutron('update_port', ['$port', { port: { 'binding:host_id': 'node1' } }], /^Forbidden/),
    neutron('update_port', ['$port', { port: { name: 'p1' } }], { port: { name: 'p1' } }),
    neutron(
      'update_port',
      ['$port', { port: { 'binding:host_id': 'node1', device_owner: 'compute:nova' } }],
      { port: { 'binding:host_id': 'node1', 'binding:vif_type': 'ovs' } },
      ADMIN,
    ),
    neutron(
      'create_port_binding',
      ['$port', { binding: { host: 'node2' } }],
      { binding: { host: 'node2', status: 'INACTIVE', vif_type: 'ovs', vnic_type: 'normal' } },
      ADMIN,
    ),
    neutron(
      'create_port_binding',
      ['$port', { binding: { host: 'node2' } }],
      /Conflict|409/,
      ADMIN,
    ),
    neutron('show_port_binding', ['$port', 'node2'], { binding: { status: 'INACTIVE' } }, ADMIN),
    neutron(
      'activate_port_binding',
      ['$port', 'node2'],
      { binding: { host: 'node2', status: 'ACTIVE' } },
      ADMIN,
    ),
    neutron('activate_port_binding', ['$port', 'node2'], /Conflict|409/, ADMIN),
    neutron('show_port', ['$port'], { port: { 'binding:host_id': 'node2' } }, ADMIN),
    neutron('delete_port_binding', ['$port', 'node1'], null, ADMIN),
    neutron('show_port_binding', ['$port', 'node1'], /NotFound|404/, ADMIN),
    // Reading all pages is for collections that are called as their method is.
    neutron(
      'list_port_bindings',
      { port_id: '$port', retrieve_all: false },
      [{ bindings: [{ host: 'node2' }] }],
      ADMIN,
    ),
    neutron('list_port_bindings', { port_id: '$port', retrieve_all: false }, [{ bindings: [] }]),
    neutron('delete_port', ['$port']),
    neutron('delete_port', ['$port'], /^PortNotFoundClient/),
    ...FILLERS.map((name) => neutron('delete_port', [`$${name}`])),
    neutron('delete_subnet', ['$subnet']),
    neutron('delete_network', ['$net']),
  ],

  'router and floating ip': [
    neutron(
      'create_network',
      [{ network: { 'router:external': true } }],
      { network: { 'router:external': true } },
      { ...ADMIN, keep: 'ext' },
    ),
    neutron(
      'create_subnet',
      [{ subnet: { network_id: '$ext', ip_version: 4, cidr: '100.0.0.0/24' } }],
      {},
      ADMIN,
    ),
    neutron('create_network', [{ network: {} }], {}, { keep: 'net' }),
    neutron(
      'create_subnet',
      [{ subnet: { network_id: '$net', ip_version: 4, cidr: '10.1.0.0/24' } }],
      {},
      { keep: 'subnet' },
    ),
    neutron(
      'create_router',
      [{ router: { name: 'r1' } }],
      { router: { routes: [] } },
      { keep: 'router' },
    ),
    neutron(
      'add_interface_router',
      ['$router', { subnet_id: '$subnet' }],
      { id: '$router', subnet_id: '$subnet', network_id: '$net', tenant_id: '$red' },
      { keep: 'interface:port_id' },
    ),
    neutron('add_interface_router', ['$router', { subnet_id: '$subnet' }], /^BadRequest/),
    neutron('add_gateway_router', ['$router', { network_id: '$ext' }], {
      router: { external_gateway_info: { network_id: '$ext', enable_snat: true } },
    }),
    neutron(
      'add_extra_routes_to_router',
      ['$router', { router: { routes: [{ destination: '10.8.0.0/16', nexthop: '10.1.0.5' }] } }],
      { router: { routes: [{ destination: '10.8.0.0/16', nexthop: '10.1.0.5' }] } },
    ),
    neutron(
      'remove_extra_routes_from_router',
      ['$router', { router: { routes: [{ destination: '10.8.0.0/16', nexthop: '10.1.0.5' }] } }],
      { router: { routes: [] } },
    ),
    neutron(
      'create_floatingip',
      [{ floatingip: { floating_network_id: '$ext' } }],
      {
        floatingip: { status: 'DOWN', port_id: null },
      },
      { keep: 'fip' },
    ),
    neutron('remove_gateway_router', ['$router'], { router: { external_gateway_info: null } }),
    neutron('delete_router', ['$router'], /^RouterInUseClient|^Conflict/),
    neutron('delete_port', ['$interface'], /^Conflict|InUse/),
    neutron('delete_floatingip', ['$fip']),
    neutron('show_floatingip', ['$fip'], /NotFound/),
    neutron('remove_interface_router', ['$router', { port_id: '$interface' }], {
      port_id: '$interface',
      subnet_id: '$subnet',
    }),
    neutron('delete_router', ['$router']),
    neutron('show_router', ['$router'], /NotFound/),
    neutron('delete_network', ['$net']),
    neutron('delete_network', ['$ext'], null, ADMIN),
  ],

  'security group': [
    neutron(
      'create_security_group',
      [{ security_group: { name: 'web' } }],
      { security_group: { stateful: true } },
      { keep: 'group' },
    ),
    neutron(
      'create_security_group_rule',
      [{ security_group_rule: { security_group_id: '$group', direction: 'ingress' } }],
      {
        security_group_rule: {
          ethertype: 'IPv4',
          protocol: null,
          port_range_min: null,
          remote_ip_prefix: null,
          remote_group_id: null,
          security_group_id: '$group',
        },
      },
      { keep: 'rule' },
    ),
    neutron(
      'create_security_group_rule',
      [{ security_group_rule: { security_group_id: '$group', direction: 'ingress' } }],
      /^Conflict|SecurityGroupRuleExists/,
    ),
    neutron(
      'list_security_groups',
      { name: 'default' },
      {
        security_groups: [{ name: 'default', project_id: '$red' }],
      },
      { keep: 'first' },
    ),
    neutron(
      'list_security_group_rules',
      { security_group_id: '$group', direction: 'ingress' },
      {
        security_group_rules: [{ id: '$rule' }],
      },
    ),
    neutron(
      'update_security_group',
      ['$group', { security_group: { name: 'default' } }],
      /Conflict|BadRequest/,
    ),
    neutron('delete_security_group_rule', ['$rule']),
    neutron('show_security_group_rule', ['$rule'], /NotFound/),
    neutron('delete_security_group', ['$group']),
    neutron('show_security_group', ['$group'], /NotFound/),
  ],

  'pools and scopes': [
    neutron(
      'create_address_scope',
      [{ address_scope: { name: 'scope', ip_version: 6 } }],
      { address_scope: { shared: false } },
      { keep: 'scope' },
    ),
    neutron(
      'create_subnetpool',
      [{ subnetpool: { name: 'pool', prefixes: ['fd00:40::/48'], address_scope_id: '$scope' } }],
      { subnetpool: { ip_version: 6, default_prefixlen: '64', is_default: false } },
      { keep: 'pool' },
    ),
    neutron('list_subnetpools', {}, { subnetpools: [{ id: '$pool' }] }),
    neutron('list_subnetpools', {}, { subnetpools: [] }, BLUE),
    neutron('delete_address_scope', ['$scope'], /Conflict|InUse/),
    neutron('delete_subnetpool', ['$pool']),
    neutron('delete_address_scope', ['$scope']),
  ],

  'sharing, quotas and what there is': [
    neutron('create_network', [{ network: {} }], {}, { keep: 'net' }),
    neutron(
      'create_rbac_policy',
      [
        {
          rbac_policy: {
            object_type: 'network',
            object_id: '$net',
            action: 'access_as_shared',
            target_tenant: '$blue',
          },
        },
      ],
      { rbac_policy: { target_tenant: '$blue' } },
      { keep: 'policy' },
    ),
    neutron('show_network', ['$net'], { network: { shared: true } }, BLUE),
    neutron('delete_rbac_policy', ['$policy']),
    neutron('delete_network', ['$net']),
    neutron('show_quota', ['$red'], { quota: { network: 100, port: 500 } }),
    neutron('show_quota_default', ['$red'], { quota: { network: 100 } }, ADMIN),
    neutron('show_quota_details', ['$red'], { quota: { network: { used: 0, limit: 100 } } }, ADMIN),
    neutron('update_quota', ['$red', { quota: { subnet: 0 } }], { quota: { subnet: 0 } }, ADMIN),
    neutron('update_quota', ['$red', { quota: { subnet: 3 } }], /^Forbidden/),
    neutron('create_network', [{ network: {} }], {}, { keep: 'net' }),
    neutron(
      'create_subnet',
      [{ subnet: { network_id: '$net', ip_version: 4, cidr: '10.1.0.0/24' } }],
      /^OverQuotaClient/,
    ),
    neutron('delete_quota', ['$red'], null, ADMIN),
    neutron('delete_network', ['$net']),
    neutron('list_quotas', {}, { quotas: [] }, ADMIN),
    neutron('list_availability_zones', {}, { availability_zones: expect.any(Array) }),
    neutron(
      'list_extensions',
      {},
      {
        extensions: expect.arrayContaining([expect.objectContaining({ alias: 'router' })]),
      },
    ),
    neutron('show_extension', ['router'], { extension: { alias: 'router' } }),
    neutron('show_extension', ['qos'], /NotFound/),
    neutron('list_agents', { host: 'node1' }, { agents: [{ host: 'node1', alive: true }] }, ADMIN),
    neutron('list_agents', {}, { agents: [] }),
    neutron(
      'validate_auto_allocated_topology_requirements',
      ['$red'],
      /^Conflict.*Deployment error/,
    ),
    neutron('list_service_providers', {}, { service_providers: expect.any(Array) }),
    neutron('list_qos_policies', {}, /NotFound/),
    neutron('list_trunks', {}, /NotFound/),
  ],

  tags: [
    neutron('create_network', [{ network: {} }], {}, { keep: 'net' }),
    neutron('replace_tag', ['networks', '$net', { tags: ['a', 'b'] }], { tags: ['a', 'b'] }),
    neutron('add_tag', ['networks', '$net', 'c']),
    neutron(
      'list_networks',
      { tags: 'a,c' },
      { networks: [{ id: '$net', tags: ['a', 'b', 'c'] }] },
    ),
    neutron('remove_tag', ['networks', '$net', 'a']),
    neutron('remove_tag', ['networks', '$net', 'a'], /NotFound/),
    neutron('list_networks', { 'tags-any': 'a,c' }, { networks: [{ tags: ['b', 'c'] }] }),
    neutron('list_networks', { 'not-tags-any': 'b' }, { networks: [] }),
    neutron('remove_tag_all', ['networks', '$net']),
    neutron('show_network', ['$net'], { network: { tags: [] } }),
    neutron('delete_network', ['$net']),
  ],
};
