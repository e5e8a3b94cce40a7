/** What the `openstack` command line is told of pools, sharing, quotas and what there is. */
import { expect } from 'vitest';
import { cli, neutron, sdk, type Lives } from './steps.ts';

const ADMIN = { as: 'admin' } as const;
const BLUE = { as: 'blue' } as const;

export const MORE_COMMANDS: Lives = {
  'subnet pool': [
    cli(
      'address scope create scope',
      { name: 'scope', ip_version: 4, shared: false },
      { keep: 'scope' },
    ),
    cli(
      'subnet pool create --pool-prefix 10.40.0.0/16 --default-prefix-length 26 ' +
        '--min-prefix-length 20 --max-prefix-length 28 --description one --tag t1 pool',
      {
        name: 'pool',
        prefixes: ['10.40.0.0/16'],
        default_prefixlen: 26,
        min_prefixlen: 20,
        max_prefixlen: 28,
        default_quota: null,
        address_scope_id: null,
        ip_version: 4,
        shared: false,
        is_default: false,
        project_id: '$red',
        tags: ['t1'],
      },
      { keep: 'pool' },
    ),
    cli('subnet pool list', [{ ID: '$pool', Name: 'pool', Prefixes: ['10.40.0.0/16'] }]),
    cli('subnet pool list', [], BLUE),
    cli('subnet pool set --name pool2 --address-scope scope --pool-prefix 10.41.0.0/16 pool'),
    cli('subnet pool show pool2', { address_scope_id: '$scope', prefixes: ['10.40.0.0/15'] }),
    cli('subnet pool list --long --address-scope scope', [
      { ID: '$pool', 'Default Prefix Length': 26 },
    ]),
    cli('network create n1', {}, { keep: 'net' }),
    cli('subnet create --network n1 --subnet-pool pool2 s1', {
      cidr: '10.40.0.0/26',
      subnetpool_id: '$pool',
    }),
    cli('subnet create --network n1 --subnet-pool pool2 --prefix-length 28 s2', {
      cidr: '10.40.0.64/28',
    }),
    cli(
      'subnet create --network n1 --subnet-pool pool2 --prefix-length 30 s3',
      /BadRequestException/,
    ),
    cli('subnet create --network n1 --subnet-pool pool2 --subnet-range 10.50.0.0/26 s3', /400|409/),
    cli('subnet list --subnet-pool pool2', [{}, {}]),
    cli('network show n1', { ipv4_address_scope: '$scope' }),
    cli('subnet pool delete pool2', /1 of 1 subnet pools failed to delete/),
    cli('address scope delete scope', /1 of 1 address scopes failed to delete/),
    cli('network delete n1'),
    cli('subnet pool unset --all-tag pool2'),
    cli('subnet pool delete pool2'),
    cli('subnet pool show $pool', /No SubnetPool found/),
    cli('address scope set --name scope2 scope'),
    cli('address scope list', [{ ID: '$scope', Name: 'scope2', 'IP Version': 4, Shared: false }]),
    cli('address scope show $scope', /No AddressScope found/, BLUE),
    cli('address scope create --share s', /HttpException: 403/),
    cli('address scope delete scope2'),
    cli('address scope list', []),
  ],

  'address group': [
    cli(
      'address group create --description one --address 10.0.0.0/24 --address 10.0.5.7 servers',
      {
        name: 'servers',
        description: 'one',
        addresses: expect.arrayContaining(['10.0.0.0/24', '10.0.5.7/32']),
        project_id: '$red',
      },
      { keep: 'group' },
    ),
    cli('address group set --address 10.0.1.0/24 --name hosts servers'),
    cli('address group unset --address 10.0.0.0/24 --address 10.0.5.7/32 hosts'),
    cli('address group show hosts', { addresses: ['10.0.1.0/24'] }),
    cli('address group list', [{ ID: '$group', Name: 'hosts', Addresses: ['10.0.1.0/24'] }]),
    cli('address group show $group', /No AddressGroup found/, BLUE),
    cli('security group create web', {}),
    cli('security group rule create --remote-address-group hosts --protocol tcp web', {
      remote_address_group_id: '$group',
    }),
    cli('address group delete hosts', /1 of 1 address groups failed to delete/),
    cli('security group delete web'),
    cli('address group delete hosts'),
    cli('address group list', []),
  ],

  'network rbac': [
    cli('network create n1', {}, { keep: 'net' }),
    cli(
      'network rbac create --type network --action access_as_shared --target-project $blue n1',
      {
        object_type: 'network',
        object_id: '$net',
        action: 'access_as_shared',
        target_project_id: '$blue',
        project_id: '$red',
      },
      { keep: 'policy' },
    ),
    cli(
      'network rbac create --type network --action access_as_shared --target-project $blue n1',
      /ConflictException: 409/,
    ),
    cli('network rbac list --type network', [
      { ID: '$policy', 'Object Type': 'network', 'Object ID': '$net' },
    ]),
    cli('network show $net', { name: 'n1', shared: true }, BLUE),
    cli('network set --name mine $net', /HttpException: 403/, BLUE),
    cli('port create --network $net guest', { name: 'guest' }, BLUE),
    cli('network rbac delete $policy', /1 of 1 RBAC policies failed to delete/),
    cli('port delete guest', null, BLUE),
    cli('network rbac set --target-project $admin $policy'),
    cli('network show $net', /No Network found/, BLUE),
    cli('network rbac show $policy', { target_project_id: '$admin' }),
    cli('network rbac delete $policy'),
    cli('network delete n1'),
  ],

  // `openstack quota set` needs a catalogue with Nova in it.
  quota: [
    sdk('network.update_quota', { quota: '$red', networks: 1, security_groups: 5 }, {}, ADMIN),
    cli('network create n1', {}),
    cli('network create n2', /ConflictException: 409.*Quota exceeded for resources/),
    cli(
      'quota list --network',
      [{ 'Project ID': '$red', Networks: 1, 'Security Groups': 5 }],
      ADMIN,
    ),
    cli('network delete n1'),
    sdk('network.delete_quota', { quota: '$red' }, null, ADMIN),
    cli('quota list --network', [], ADMIN),
  ],

  'ip availability': [
    cli('network create n1', {}, { keep: 'net' }),
    cli('subnet create --network n1 --subnet-range 10.1.0.0/24 s1', {}),
    cli('port create --network n1 p1', {}),
    cli(
      'ip availability list',
      [{ 'Network ID': '$net', 'Network Name': 'n1', 'Total IPs': 253, 'Used IPs': 1 }],
      ADMIN,
    ),
    cli(
      'ip availability show $net',
      {
        network_id: '$net',
        total_ips: 253,
        used_ips: 1,
        subnet_ip_availability: [{ used_ips: 1 }],
      },
      ADMIN,
    ),
    cli('port delete p1'),
    cli('network delete n1'),
  ],

  'auto allocated topology': [
    cli('network auto allocated topology create --check-resources', /Deployment error/),
    cli('network create --external --default ext', {}, { ...ADMIN, keep: 'ext' }),
    cli('subnet create --network ext --subnet-range 100.0.0.0/24 extsub', {}, ADMIN),
    cli(
      'subnet pool create --share --default --pool-prefix 10.60.0.0/16 --default-prefix-length 24 dpool',
      { is_default: true, shared: true },
      ADMIN,
    ),
    // The command looks for a field that Neutron does not answer with: it says `id: dry-run=pass`.
    cli('network auto allocated topology create --check-resources', { dry_run: null }),
    neutron('validate_auto_allocated_topology_requirements', ['$red'], {
      auto_allocated_topology: { id: 'dry-run=pass' },
    }),
    cli('network auto allocated topology create', { project_id: '$red' }, { keep: 'net' }),
    cli('network auto allocated topology create', { id: '$net' }),
    cli('router list', [{ Status: 'ACTIVE' }]),
    cli('network show $net', { name: 'auto_allocated_network', project_id: '$red' }),
    cli('network auto allocated topology delete'),
    cli('router list', []),
    cli('network list --project $red', []),
    cli('subnet pool delete dpool', null, ADMIN),
    cli('network delete ext', null, ADMIN),
  ],

  'what there is': [
    cli('extension show security-group', { alias: 'security-group' }),
    cli('extension show qos', /No Extension found/),
    cli(
      'extension list --network',
      expect.arrayContaining([
        expect.objectContaining({ Alias: 'router' }),
        expect.objectContaining({ Alias: 'standard-attr-tag' }),
      ]),
    ),
    cli('availability zone list --network', [
      { 'Zone Name': 'nova', 'Zone Status': /available/ },
      { 'Zone Name': 'nova', 'Zone Status': /available/ },
    ]),
    cli('network agent list --host node1', [{ Host: 'node1', Alive: true, State: true }], {
      ...ADMIN,
    }),
    cli('network agent list', []),
    cli('network service provider list', expect.any(Array)),
    cli('network qos policy list', /NotFound|404/),
    cli('network trunk list', /could not be found/),
  ],
};
