/** What openstacksdk is asked for, and returns. */
import { expect } from 'vitest';
import { sdk, type Lives } from './steps.ts';

const ADMIN = { as: 'admin' } as const;
const BLUE = { as: 'blue' } as const;

export const CALLS: Lives = {
  network: [
    sdk(
      'network.create_network',
      { name: 'n1', mtu: 1400, description: 'one' },
      {
        name: 'n1',
        mtu: 1400,
        description: 'one',
        is_admin_state_up: true,
        is_router_external: false,
        is_shared: false,
        is_port_security_enabled: true,
        status: 'ACTIVE',
        project_id: '$red',
        subnet_ids: [],
        revision_number: 1,
      },
      { keep: 'net' },
    ),
    sdk('network.find_network', { name_or_id: 'n1' }, { id: '$net' }),
    sdk('network.find_network', { name_or_id: 'nothing' }, null),
    sdk('network.update_network', { network: '$net', name: 'n2', if_revision: 77 }, /412/),
    sdk(
      'network.update_network',
      { network: '$net', name: 'n2', if_revision: 1 },
      { name: 'n2', revision_number: 2 },
    ),
    sdk('network.networks', { name: 'n2', is_admin_state_up: true }, [{ id: '$net' }]),
    sdk('network.networks', { status: 'DOWN' }, []),
    sdk('network.networks', { limit: 1 }, [{ id: '$net' }]),
    sdk('network.get_network', ['$net'], /NotFoundException|ResourceNotFound/, BLUE),
    sdk('list_networks', {}, [{ id: '$net' }]),
    sdk('get_network', { name_or_id: 'n2' }, { id: '$net' }),
    sdk(
      'update_network',
      { name_or_id: 'n2', admin_state_up: false },
      { is_admin_state_up: false },
    ),
    sdk('delete_network', { name_or_id: 'n2' }, true),
    sdk('delete_network', { name_or_id: 'n2' }, false),
    sdk('network.delete_network', { network: '$net', ignore_missing: false }, /NotFound/),
  ],

  'networks at once': [
    sdk('network.create_network', { name: 'page1' }, {}, { keep: 'one' }),
    sdk('network.create_network', { name: 'page2' }, {}, { keep: 'two' }),
    sdk('network.create_network', { name: 'page3' }, {}, { keep: 'three' }),
    sdk('network.networks', { limit: 1 }, [{}, {}, {}]),
    sdk('network.networks', { colour: 'red' }, /colour/),
    sdk('network.delete_network', ['$one']),
    sdk('network.delete_network', ['$two']),
    sdk('network.delete_network', ['$three']),
  ],

  'subnet and port': [
    sdk('network.create_network', { name: 'n1' }, {}, { keep: 'net' }),
    sdk(
      'network.create_subnet',
      { network_id: '$net', ip_version: 4, cidr: '10.1.0.0/24', name: 's1' },
      {
        allocation_pools: [{ start: '10.1.0.2', end: '10.1.0.254' }],
        gateway_ip: '10.1.0.1',
        is_dhcp_enabled: true,
        dns_nameservers: [],
        host_routes: [],
        ip_version: 4,
      },
      { keep: 'subnet' },
    ),
    sdk(
      'network.update_subnet',
      { subnet: '$subnet', dns_nameservers: ['8.8.8.8'] },
      {
        dns_nameservers: ['8.8.8.8'],
      },
    ),
    sdk('network.find_subnet', { name_or_id: 's1' }, { id: '$subnet' }),
    sdk(
      'network.create_port',
      { network_id: '$net', name: 'p1' },
      {
        name: 'p1',
        fixed_ips: [{ subnet_id: '$subnet', ip_address: /^10\.1\.0\./ }],
        mac_address: /^fa:16:3e(:[0-9a-f]{2}){3}$/,
        security_group_ids: [/./],
        status: 'DOWN',
        is_admin_state_up: true,
        is_port_security_enabled: true,
        binding_vnic_type: 'normal',
      },
      { keep: 'port' },
    ),
    sdk('network.get_port', ['$port'], { id: '$port' }, { keep: 'mac:mac_address' }),
    sdk(
      'network.create_ports',
      [
        [
          { network_id: '$net', name: 'b1' },
          { network_id: '$net', name: 'b2' },
        ],
      ],
      [{ name: 'b1' }, { name: 'b2' }],
    ),
    sdk(
      'network.create_ports',
      [
        [
          { network_id: '$net', name: 'b3' },
          { network_id: '$net', mac_address: '$mac' },
        ],
      ],
      /409/,
    ),
    sdk('network.ports', { network_id: '$net' }, [{}, {}, {}]),
    sdk('network.ports', { fixed_ips: 'subnet_id=$subnet', name: 'b1' }, [{ name: 'b1' }]),
    sdk('network.ports', { mac_address: '$mac' }, [{ id: '$port' }]),
    sdk(
      'network.update_port',
      { port: '$port', fixed_ips: [{ subnet_id: '$subnet', ip_address: '10.1.0.77' }] },
      { fixed_ips: [{ subnet_id: '$subnet', ip_address: '10.1.0.77' }] },
    ),
    sdk('network.update_port', { port: '$port', binding_host_id: 'node2' }, /403/),
    sdk(
      'network.update_port',
      { port: '$port', binding_host_id: 'node2', device_owner: 'compute:nova' },
      { binding_host_id: 'node2', binding_vif_type: 'ovs' },
      ADMIN,
    ),
    sdk('network.delete_subnet', { subnet: '$subnet' }, /ConflictException/),
    sdk('get_port', { name_or_id: 'p1' }, { id: '$port' }),
    sdk('delete_port', { name_or_id: 'b1' }, true),
    sdk('delete_port', { name_or_id: 'b2' }, true),
    sdk('delete_port', { name_or_id: 'p1' }, true),
    sdk('delete_subnet', { name_or_id: 's1' }, true),
    sdk('network.delete_network', ['$net']),
  ],

  'router and floating ip': [
    sdk(
      'network.create_network',
      { name: 'ext', is_router_external: true },
      { is_router_external: true },
      { ...ADMIN, keep: 'ext' },
    ),
    sdk(
      'network.create_subnet',
      { network_id: '$ext', ip_version: 4, cidr: '100.0.0.0/24' },
      {},
      ADMIN,
    ),
    sdk('network.create_network', { name: 'n1' }, {}, { keep: 'net' }),
    sdk(
      'network.create_subnet',
      { network_id: '$net', ip_version: 4, cidr: '10.1.0.0/24' },
      {},
      { keep: 'subnet' },
    ),
    sdk(
      'network.create_router',
      { name: 'r1', external_gateway_info: { network_id: '$ext' } },
      { name: 'r1', status: 'ACTIVE', external_gateway_info: { network_id: '$ext' }, routes: [] },
      { keep: 'router' },
    ),
    sdk(
      'network.add_interface_to_router',
      { router: '$router', subnet_id: '$subnet' },
      { id: '$router', subnet_id: '$subnet', subnet_ids: ['$subnet'], port_id: /./ },
      { keep: 'interface:port_id' },
    ),
    sdk('network.get_port', ['$interface'], { device_id: '$router' }),
    sdk('list_router_interfaces', [{ id: '$router' }], [{ id: '$interface' }]),
    sdk(
      'network.add_extra_routes_to_router',
      {
        router: '$router',
        body: { router: { routes: [{ destination: '10.8.0.0/16', nexthop: '10.1.0.5' }] } },
      },
      { routes: [{ destination: '10.8.0.0/16', nexthop: '10.1.0.5' }] },
    ),
    sdk(
      'network.remove_extra_routes_from_router',
      {
        router: '$router',
        body: { router: { routes: [{ destination: '10.8.0.0/16', nexthop: '10.1.0.5' }] } },
      },
      { routes: [] },
    ),
    sdk('network.create_port', { network_id: '$net', name: 'p1' }, {}, { keep: 'port' }),
    sdk(
      'network.create_ip',
      { floating_network_id: '$ext', port_id: '$port' },
      { port_id: '$port', router_id: '$router', status: 'DOWN', fixed_ip_address: /^10\.1\.0/ },
      { keep: 'fip' },
    ),
    sdk('network.create_ip', { floating_network_id: '$ext', port_id: '$port' }, /409/),
    sdk('network.find_available_ip', {}, null),
    sdk('network.update_ip', { floating_ip: '$fip', port_id: null }, { port_id: null }),
    sdk('network.find_available_ip', {}, { id: '$fip' }),
    sdk('network.ips', { floating_network_id: '$ext' }, [{ id: '$fip' }]),
    sdk('list_floating_ips', {}, [{ id: '$fip' }]),
    sdk('network.delete_ip', ['$fip']),
    sdk('network.delete_router', { router: '$router' }, /ConflictException/),
    sdk(
      'network.remove_interface_from_router',
      { router: '$router', subnet_id: '$subnet' },
      {
        port_id: '$interface',
      },
    ),
    sdk('network.delete_router', ['$router']),
    sdk('network.delete_port', ['$port']),
    sdk('network.delete_network', ['$net']),
    sdk('network.delete_network', ['$ext'], null, ADMIN),
  ],

  'security group': [
    sdk(
      'network.create_security_group',
      { name: 'web' },
      {
        name: 'web',
        stateful: true,
        security_group_rules: [{ ethertype: 'IPv4' }, { ethertype: 'IPv6' }],
      },
      { keep: 'group' },
    ),
    sdk(
      'network.create_security_group_rule',
      {
        security_group_id: '$group',
        direction: 'ingress',
        protocol: 'udp',
        port_range_min: 53,
        port_range_max: 53,
      },
      { ether_type: 'IPv4', protocol: 'udp', port_range_min: 53, remote_ip_prefix: null },
      { keep: 'rule' },
    ),
    sdk(
      'network.create_security_group_rules',
      [
        [
          { security_group_id: '$group', direction: 'ingress', protocol: 'tcp' },
          { security_group_id: '$group', direction: 'ingress', protocol: 'icmp' },
        ],
      ],
      [{ protocol: 'tcp' }, { protocol: 'icmp' }],
    ),
    sdk(
      'network.create_security_group_rules',
      [
        [
          { security_group_id: '$group', direction: 'ingress', protocol: 'sctp' },
          { security_group_id: '$group', direction: 'ingress', protocol: 'tcp' },
        ],
      ],
      /ConflictException/,
    ),
    sdk(
      'network.security_group_rules',
      { security_group_id: '$group', direction: 'ingress' },
      expect.toSatisfy((rules: unknown[]) => rules.length === 3),
    ),
    sdk('network.security_group_rules', { security_group_id: '$group' }, [], BLUE),
    sdk(
      'network.update_security_group',
      { security_group: '$group', name: 'ssh' },
      { name: 'ssh' },
    ),
    sdk(
      'create_security_group_rule',
      { secgroup_name_or_id: 'ssh', protocol: 'tcp', port_range_min: 22, port_range_max: 22 },
      { port_range_min: 22 },
    ),
    sdk('network.delete_security_group_rule', ['$rule']),
    sdk('delete_security_group', { name_or_id: 'ssh' }, true),
    sdk('network.find_security_group', { name_or_id: 'ssh' }, null),
  ],

  'pools, scopes and address groups': [
    sdk(
      'network.create_address_scope',
      { name: 'scope', ip_version: 4 },
      { is_shared: false },
      { keep: 'scope' },
    ),
    sdk(
      'network.create_subnet_pool',
      {
        name: 'pool',
        prefixes: ['10.40.0.0/16'],
        default_prefix_length: 26,
        address_scope_id: '$scope',
      },
      {
        prefixes: ['10.40.0.0/16'],
        default_prefix_length: 26,
        minimum_prefix_length: 8,
        maximum_prefix_length: 32,
        ip_version: 4,
        is_shared: false,
        is_default: false,
        address_scope_id: '$scope',
      },
      { keep: 'pool' },
    ),
    sdk('network.create_network', { name: 'n1' }, {}, { keep: 'net' }),
    sdk(
      'network.create_subnet',
      { network_id: '$net', ip_version: 4, subnet_pool_id: '$pool' },
      { cidr: '10.40.0.0/26', subnet_pool_id: '$pool' },
    ),
    sdk('network.get_network', ['$net'], { ipv4_address_scope_id: '$scope' }),
    sdk('network.delete_subnet_pool', ['$pool'], /ConflictException|400/),
    sdk('network.delete_address_scope', ['$scope'], /ConflictException/),
    sdk('network.delete_network', ['$net']),
    sdk('network.update_subnet_pool', { subnet_pool: '$pool', name: 'pool2' }, { name: 'pool2' }),
    sdk('network.subnet_pools', {}, [{ name: 'pool2' }]),
    sdk('network.delete_subnet_pool', ['$pool']),
    sdk('network.delete_address_scope', ['$scope']),
    sdk(
      'network.create_address_group',
      { name: 'group', addresses: ['10.0.0.0/24'] },
      { addresses: ['10.0.0.0/24'] },
      { keep: 'group' },
    ),
    sdk(
      'network.add_addresses_to_address_group',
      { address_group: '$group', addresses: ['10.0.1.0/24'] },
      { addresses: ['10.0.0.0/24', '10.0.1.0/24'] },
    ),
    sdk(
      'network.remove_addresses_from_address_group',
      { address_group: '$group', addresses: ['10.0.0.0/24'] },
      { addresses: ['10.0.1.0/24'] },
    ),
    sdk('network.address_groups', {}, [{ id: '$group' }]),
    sdk('network.delete_address_group', ['$group']),
  ],

  'sharing, quotas and what there is': [
    sdk('network.create_network', { name: 'n1' }, {}, { keep: 'net' }),
    sdk(
      'network.create_rbac_policy',
      {
        object_type: 'network',
        object_id: '$net',
        action: 'access_as_shared',
        target_project_id: '$blue',
      },
      { object_id: '$net', target_project_id: '$blue', project_id: '$red' },
      { keep: 'policy' },
    ),
    sdk('network.get_network', ['$net'], { name: 'n1', is_shared: true }, BLUE),
    sdk('network.delete_network', { network: '$net' }, /HttpException|ForbiddenException/, BLUE),
    sdk('network.rbac_policies', {}, [{ id: '$policy' }]),
    sdk('network.delete_rbac_policy', ['$policy']),
    sdk('network.get_network', ['$net'], /NotFound/, BLUE),
    sdk('network.delete_network', ['$net']),
    sdk('network.get_quota', ['$red'], { networks: 100, ports: 500, security_group_rules: 100 }),
    sdk(
      'network.get_quota',
      { quota: '$red', details: true },
      {
        networks: { used: 0, reserved: 0, limit: 100 },
      },
    ),
    sdk('network.update_quota', { quota: '$red', networks: 1 }, { networks: 1 }, ADMIN),
    sdk('network.create_network', { name: 'n1' }, {}, { keep: 'net' }),
    sdk('network.create_network', { name: 'n2' }, /ConflictException.*Quota exceeded/),
    sdk('network.delete_network', ['$net']),
    sdk('network.delete_quota', { quota: '$red' }, null, ADMIN),
    sdk('network.get_quota_default', ['$red'], { networks: 100 }, ADMIN),
    sdk(
      'network.availability_zones',
      {},
      expect.arrayContaining([expect.objectContaining({ name: 'nova' })]),
    ),
    sdk('network.find_extension', { name_or_id: 'security-group' }, { alias: 'security-group' }),
    sdk('network.find_extension', { name_or_id: 'qos' }, null),
    sdk('network.agents', { host: 'node1' }, [{ host: 'node1', is_alive: true }], ADMIN),
    sdk('network.service_providers', {}, expect.any(Array)),
    sdk('network.qos_policies', {}, /NotFound|404/),
  ],

  tags: [
    sdk('network.create_network', { name: 'n1' }, {}, { keep: 'net' }),
    sdk('network.find_network', { name_or_id: 'n1' }, { tags: [] }),
    sdk('network.networks', { any_tags: 'a,b' }, []),
    sdk('network.delete_network', ['$net']),
  ],
};
