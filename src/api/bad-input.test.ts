import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestApi, type Json, type TestApi } from '../../test/support/api.ts';

let api: TestApi;
/** Ids of what is there, by the names that the table uses as `$name`. */
const ids = new Map<string, string>();

beforeAll(async () => {
  api = await openTestApi();
  const put = async (name: string, collection: string, attributes: Json): Promise<string> => {
    const { id } = await api.make(collection, attributes);
    ids.set(name, id);
    return id;
  };
  const network_id = await put('network', 'networks', { name: 'vpc', cidr: '178.1.0.0/16' });
  await put('other', 'networks', { name: 'other', cidr: '178.1.0.0/16' });
  const subnet_id = await put('subnet', 'subnets', { network_id, cidr: '178.1.3.0/24' });
  await put('full', 'subnets', {
    network_id,
    cidr: '178.1.9.0/24',
    gateway_ip: null,
    allocation_pools: [{ start: '178.1.9.9', end: '178.1.9.9' }],
  });
  await api.make('ports', { network_id, fixed_ips: [{ subnet_id: ids.get('full') }] });
  await put('foreign', 'subnets', { network_id: ids.get('other'), cidr: '178.1.3.0/24' });
  await put('router', 'routers', { name: 'r', network_id });
  await put('group', 'security-groups', { name: 'sg' });
  await put('port', 'ports', {
    network_id,
    fixed_ips: [{ subnet_id, ip_address: '178.1.3.2' }],
    security_groups: [ids.get('group')],
  });
  await put('rule', 'security-group-rules', {
    security_group_id: ids.get('group'),
    direction: 'ingress',
    protocol: 'tcp',
    port_range_min: 22,
    port_range_max: 22,
  });
  await put('node', 'nodes', { name: 'node1', vtep: '10.163.133.43' });
});
afterAll(() => api.close());

const MEGABYTE = 'x'.repeat(1_000_000);
const NOBODY = '00000000-0000-4000-8000-000000000000';

interface Refusal {
  readonly what: string;
  readonly method?: 'POST' | 'PUT' | 'DELETE' | 'GET' | 'PATCH';
  readonly path: string;
  readonly body?: unknown;
  readonly status: number;
  readonly type: string;
  /** Each must stand in the message: the field, the value, and what would be right. */
  readonly says: readonly string[];
}

/** Fills `$name` with the ids of what is there. */
function filled(value: unknown): unknown {
  const text = JSON.stringify(value) ?? 'null';
  return JSON.parse(text.replaceAll(/\$(\w+)/g, (_, name: string) => ids.get(name) ?? name));
}

const HTTP = 'HTTPBadRequest';

const form: readonly Refusal[] = [
  {
    what: 'truncated JSON',
    path: 'networks',
    body: '{"network": {"name": "a"',
    status: 400,
    type: HTTP,
    says: ['not JSON', 'one complete JSON object'],
  },
  {
    what: 'malformed JSON',
    path: 'networks',
    body: '{network: 1}',
    status: 400,
    type: HTTP,
    says: ['not JSON', 'position 1'],
  },
  {
    what: 'no body',
    path: 'networks',
    status: 400,
    type: HTTP,
    says: ['nothing', '{"network": {…}}'],
  },
  {
    what: 'a list as body',
    path: 'networks',
    body: [],
    status: 400,
    type: HTTP,
    says: ['[]', '{"network": {…}}'],
  },
  {
    what: 'text as body',
    path: 'networks',
    body: '"network"',
    status: 400,
    type: HTTP,
    says: ['holds "network"', '{"network": {…}}'],
  },
  {
    what: 'null as body',
    path: 'networks',
    body: 'null',
    status: 400,
    type: HTTP,
    says: ['nothing'],
  },
  {
    what: 'another outer key',
    path: 'networks',
    body: { subnet: {} },
    status: 400,
    type: HTTP,
    says: ['["subnet"]', "'network' or 'networks'"],
  },
  {
    what: 'two outer keys',
    path: 'networks',
    body: { network: {}, x: 1 },
    status: 400,
    type: HTTP,
    says: ['["network","x"]', 'one key'],
  },
  {
    what: 'no outer key',
    path: 'networks',
    body: { name: 'a' },
    status: 400,
    type: HTTP,
    says: ['["name"]', "'network' or 'networks'"],
  },
  {
    what: 'a list inside',
    path: 'networks',
    body: { network: [] },
    status: 400,
    type: HTTP,
    says: ['network', '[]', 'is not an object'],
  },
  {
    what: 'bulk of nothing',
    path: 'networks',
    body: { networks: [] },
    status: 400,
    type: HTTP,
    says: ['networks', '[]', 'list of objects'],
  },
  {
    what: 'bulk of text',
    path: 'networks',
    body: { networks: ['a'] },
    status: 400,
    type: HTTP,
    says: ['networks[0]', '"a"', 'not an object'],
  },
  {
    what: 'bulk in an update',
    method: 'PUT',
    path: 'networks/$network',
    body: { networks: [{}] },
    status: 400,
    type: HTTP,
    says: ['["networks"]', "'network'"],
  },
  {
    what: 'an unknown field',
    path: 'networks',
    body: { network: { colour: 'red' } },
    status: 400,
    type: HTTP,
    says: ["Unrecognized attribute(s) 'colour'", 'admin_state_up'],
  },
  {
    what: 'two unknown fields',
    path: 'ports',
    body: { port: { colour: 1, shape: 2 } },
    status: 400,
    type: HTTP,
    says: ["Unrecognized attribute(s) 'colour, shape'"],
  },
  {
    what: 'a name every object has',
    path: 'networks',
    body: { network: { constructor: 'x' } },
    status: 400,
    type: HTTP,
    says: ["Unrecognized attribute(s) 'constructor'"],
  },
  {
    what: '__proto__',
    path: 'networks',
    body: '{"network": {"__proto__": {"name": "x"}}}',
    status: 400,
    type: HTTP,
    says: ["Unrecognized attribute(s) '__proto__'"],
  },
  {
    what: 'a field of 1 MB',
    path: 'networks',
    body: { network: { [MEGABYTE]: 1 } },
    status: 400,
    type: HTTP,
    says: ['Unrecognized attribute(s)', 'xxx…'],
  },
  {
    what: 'a name of 1 MB',
    path: 'networks',
    body: { network: { name: MEGABYTE } },
    status: 400,
    type: HTTP,
    says: ['name', '1000002 characters', 'at most 255 characters'],
  },
  {
    what: 'a new name of 1 MB',
    method: 'PUT',
    path: 'ports/$port',
    body: { port: { name: MEGABYTE } },
    status: 400,
    type: HTTP,
    says: ['name', 'at most 255 characters'],
  },
  {
    what: 'a cidr of 1 MB',
    path: 'networks',
    body: { network: { cidr: MEGABYTE } },
    status: 400,
    type: HTTP,
    says: ['cidr', 'a prefix such as'],
  },
  {
    what: 'a body of 5 MB',
    path: 'networks',
    body: { network: { name: MEGABYTE.repeat(5) } },
    status: 413,
    type: 'RequestEntityTooLarge',
    says: ['4194304 bytes', 'fewer objects'],
  },
  {
    what: 'a number as name',
    path: 'networks',
    body: { network: { name: 5 } },
    status: 400,
    type: HTTP,
    says: ['name', '5 is not text'],
  },
  {
    what: 'null as name',
    path: 'networks',
    body: { network: { name: null } },
    status: 400,
    type: HTTP,
    says: ['name', 'null is not text'],
  },
  {
    what: 'a number in quotes',
    path: 'networks',
    body: { network: { mtu: '1500' } },
    status: 400,
    type: HTTP,
    says: ['mtu', '"1500" is not an integer', 'without quotes'],
  },
  {
    what: 'half a byte',
    path: 'networks',
    body: { network: { mtu: 1500.5 } },
    status: 400,
    type: HTTP,
    says: ['mtu', '1500.5 is not an integer'],
  },
  {
    what: 'a boolean in quotes',
    path: 'networks',
    body: { network: { admin_state_up: 'true' } },
    status: 400,
    type: HTTP,
    says: ['admin_state_up', '"true" is not true or false', 'without quotes'],
  },
  {
    what: 'a read-only attribute',
    path: 'networks',
    body: { network: { status: 'ACTIVE' } },
    status: 400,
    type: HTTP,
    says: ["Attribute 'status' not allowed in POST", '"ACTIVE"', 'leave it out'],
  },
  {
    what: 'an id of choice',
    path: 'networks',
    body: { network: { id: NOBODY } },
    status: 400,
    type: HTTP,
    says: ["Attribute 'id' not allowed in POST"],
  },
  {
    what: 'a new id',
    method: 'PUT',
    path: 'networks/$network',
    body: { network: { id: NOBODY } },
    status: 400,
    type: HTTP,
    says: ['Cannot update read-only attribute id', 'leave it out'],
  },
  {
    what: 'a new cidr',
    method: 'PUT',
    path: 'subnets/$subnet',
    body: { subnet: { cidr: '178.1.4.0/24' } },
    status: 400,
    type: HTTP,
    says: ['Cannot update read-only attribute cidr', 'when the object is made'],
  },
  {
    what: 'a new project',
    method: 'PUT',
    path: 'networks/$network',
    body: { network: { tenant_id: 'x' } },
    status: 400,
    type: HTTP,
    says: ['Cannot update read-only attribute tenant_id'],
  },
  {
    what: 'two projects',
    path: 'networks',
    body: { network: { tenant_id: 'a', project_id: 'b' } },
    status: 400,
    type: HTTP,
    says: ['project_id', '"b"', 'give project_id alone'],
  },
  {
    what: 'a missing attribute',
    path: 'subnets',
    body: { subnet: { cidr: '178.1.5.0/24' } },
    status: 400,
    type: HTTP,
    says: ["Required attribute 'network_id'"],
  },
  {
    what: 'a bad uuid',
    path: 'ports',
    body: { port: { network_id: 'vpc' } },
    status: 400,
    type: HTTP,
    says: ['network_id', '"vpc" is not a uuid'],
  },
  {
    what: 'text for a list',
    path: 'ports',
    body: { port: { network_id: '$network', security_groups: '$group' } },
    status: 400,
    type: HTTP,
    says: ['security_groups', 'a list'],
  },
  {
    what: 'a bad uuid in a list',
    path: 'ports',
    body: { port: { network_id: '$network', security_groups: ['$group', 'web'] } },
    status: 400,
    type: HTTP,
    says: ['security_groups[1]', '"web" is not a uuid'],
  },
  {
    what: 'an unknown field deep inside',
    path: 'ports',
    body: { port: { network_id: '$network', fixed_ips: [{ ip: '178.1.3.7' }] } },
    status: 400,
    type: HTTP,
    says: ["Unrecognized attribute(s) 'ip' in fixed_ips[0]", 'subnet_id, ip_address'],
  },
  {
    what: 'a wrong type deep inside',
    path: 'ports',
    body: { port: { network_id: '$network', fixed_ips: [{ ip_address: 5 }] } },
    status: 400,
    type: HTTP,
    says: ['fixed_ips[0].ip_address', '5 is not an IPv4 or IPv6 address'],
  },
  {
    what: 'a missing field deep inside',
    path: 'subnets',
    body: {
      subnet: {
        network_id: '$network',
        cidr: '178.1.5.0/24',
        allocation_pools: [{ start: '178.1.5.5' }],
      },
    },
    status: 400,
    type: HTTP,
    says: ['allocation_pools[0].end is missing'],
  },
  {
    what: 'a direction of its own',
    path: 'security-group-rules',
    body: { security_group_rule: { security_group_id: '$group', direction: 'sideways' } },
    status: 400,
    type: HTTP,
    says: ['direction', '"sideways" is not "ingress" or "egress"'],
  },
  {
    what: 'port 70000',
    path: 'security-group-rules',
    body: {
      security_group_rule: {
        security_group_id: '$group',
        direction: 'ingress',
        protocol: 'tcp',
        port_range_min: 70_000,
        port_range_max: 70_000,
      },
    },
    status: 400,
    type: HTTP,
    says: ['port_range_min', '70000 is not an integer from 0 to 65535'],
  },
  {
    what: 'an unknown path',
    method: 'GET',
    path: 'colours',
    status: 404,
    type: 'HTTPNotFound',
    says: ['/v2.0/colours', 'GET /v2.0/'],
  },
  {
    what: 'a wrong method',
    method: 'DELETE',
    path: 'networks',
    status: 405,
    type: 'HTTPMethodNotAllowed',
    says: ['DELETE', '/v2.0/networks', 'use GET or POST'],
  },
  {
    what: 'POST on an object',
    path: 'networks/$network',
    body: { network: {} },
    status: 405,
    type: 'HTTPMethodNotAllowed',
    says: ['use GET or PUT or DELETE'],
  },
  {
    what: 'a method nobody has',
    method: 'PATCH',
    path: 'networks/$network',
    body: {},
    status: 405,
    type: 'HTTPMethodNotAllowed',
    says: ['PATCH'],
  },
  {
    what: 'an unknown id',
    method: 'GET',
    path: `networks/${NOBODY}`,
    status: 404,
    type: 'NetworkNotFound',
    says: [NOBODY, 'GET /v2.0/networks'],
  },
  {
    what: 'an id of another kind',
    method: 'DELETE',
    path: 'networks/$subnet',
    status: 404,
    type: 'NetworkNotFound',
    says: ['could not be found'],
  },
  {
    what: 'an update of nobody',
    method: 'PUT',
    path: `ports/${NOBODY}`,
    body: { port: {} },
    status: 404,
    type: 'PortNotFound',
    says: [NOBODY],
  },
];

const subnet = (attributes: Json) => ({ subnet: { network_id: '$network', ...attributes } });
const port = (attributes: Json) => ({ port: { network_id: '$network', ...attributes } });
const rule = (attributes: Json) => ({
  security_group_rule: { security_group_id: '$group', direction: 'ingress', ...attributes },
});

const meaning: readonly Refusal[] = [
  {
    what: 'a malformed CIDR',
    path: 'networks',
    body: { network: { cidr: '178.1.0/16' } },
    status: 400,
    type: 'InvalidInput',
    says: ['cidr', '178.1.0/16'],
  },
  {
    what: 'a CIDR with host bits',
    path: 'subnets',
    body: subnet({ cidr: '178.1.5.1/24' }),
    status: 400,
    type: 'InvalidInput',
    says: ['cidr', '178.1.5.1/24', '178.1.5.0/24'],
  },
  {
    what: 'overlapping subnets',
    path: 'subnets',
    body: subnet({ cidr: '178.1.3.128/25' }),
    status: 400,
    type: 'InvalidInput',
    says: ['cidr', '178.1.3.128/25', '178.1.3.0/24'],
  },
  {
    what: 'a subnet outside its VPC',
    path: 'subnets',
    body: subnet({ cidr: '10.0.0.0/24' }),
    status: 400,
    type: 'InvalidInput',
    says: ['cidr', '10.0.0.0/24', '178.1.0.0/16'],
  },
  {
    what: 'an address outside its subnet',
    path: 'ports',
    body: port({ fixed_ips: [{ subnet_id: '$subnet', ip_address: '178.1.4.2' }] }),
    status: 400,
    type: 'InvalidIpForSubnet',
    says: ['178.1.4.2', '178.1.3.0/24'],
  },
  {
    what: 'an address in no subnet',
    path: 'ports',
    body: port({ fixed_ips: [{ ip_address: '10.0.0.1' }] }),
    status: 400,
    type: 'InvalidIpForNetwork',
    says: ['10.0.0.1'],
  },
  {
    what: 'a taken address',
    path: 'ports',
    body: port({ fixed_ips: [{ subnet_id: '$subnet', ip_address: '178.1.3.2' }] }),
    status: 409,
    type: 'IpAddressAlreadyAllocated',
    says: ['178.1.3.2'],
  },
  {
    what: 'an exhausted pool',
    path: 'ports',
    body: port({ fixed_ips: [{ subnet_id: '$full' }] }),
    status: 409,
    type: 'IpAddressGenerationFailure',
    says: ['$full'],
  },
  {
    what: 'an unknown network',
    path: 'ports',
    body: { port: { network_id: NOBODY } },
    status: 404,
    type: 'NetworkNotFound',
    says: ['network_id', NOBODY],
  },
  {
    what: 'a subnet as network',
    path: 'ports',
    body: { port: { network_id: '$subnet' } },
    status: 404,
    type: 'NetworkNotFound',
    says: ['network_id'],
  },
  {
    what: "another network's subnet",
    path: 'ports',
    body: port({ fixed_ips: [{ subnet_id: '$foreign' }] }),
    status: 400,
    type: 'InvalidInput',
    says: ['$foreign'],
  },
  {
    what: 'an unknown group',
    path: 'ports',
    body: port({ security_groups: [NOBODY] }),
    status: 404,
    type: 'SecurityGroupNotFound',
    says: [NOBODY],
  },
  {
    what: 'a network in use',
    method: 'DELETE',
    path: 'networks/$network',
    status: 409,
    type: 'NetworkInUse',
    says: ['$network'],
  },
  {
    what: 'a subnet in use',
    method: 'DELETE',
    path: 'subnets/$subnet',
    status: 409,
    type: 'SubnetInUse',
    says: ['$subnet'],
  },
  {
    what: 'a group in use',
    method: 'DELETE',
    path: 'security-groups/$group',
    status: 409,
    type: 'SecurityGroupInUse',
    says: ['$group'],
  },
  {
    what: 'ports without a protocol',
    path: 'security-group-rules',
    body: rule({ port_range_min: 80, port_range_max: 80 }),
    status: 400,
    type: 'SecurityGroupProtocolRequiredWithPorts',
    says: ['protocol', '80'],
  },
  {
    what: 'a range upside down',
    path: 'security-group-rules',
    body: rule({ protocol: 'tcp', port_range_min: 90, port_range_max: 80 }),
    status: 400,
    type: 'SecurityGroupInvalidPortRange',
    says: ['90', '80'],
  },
  {
    what: 'a v6 prefix in a v4 rule',
    path: 'security-group-rules',
    body: rule({ ethertype: 'IPv4', remote_ip_prefix: '2001:db8::/64' }),
    status: 400,
    type: 'SecurityGroupRuleParameterConflict',
    says: ['2001:db8::/64', 'IPv4'],
  },
  {
    what: 'a rule twice',
    path: 'security-group-rules',
    body: rule({ protocol: 'tcp', port_range_min: 22, port_range_max: 22 }),
    status: 409,
    type: 'SecurityGroupRuleExists',
    says: ['$rule'],
  },
  {
    what: 'bulk with one that is wrong',
    path: 'ports',
    body: {
      ports: [
        { network_id: '$network' },
        { network_id: '$network', fixed_ips: [{ ip_address: '178.1.3.2' }] },
      ],
    },
    status: 409,
    type: 'IpAddressAlreadyAllocated',
    says: ['178.1.3.2'],
  },
  {
    what: 'bulk whose items clash',
    path: 'ports',
    body: {
      ports: [
        port({ fixed_ips: [{ ip_address: '178.1.3.50' }] }).port,
        port({ fixed_ips: [{ ip_address: '178.1.3.50' }] }).port,
      ],
    },
    status: 409,
    type: 'IpAddressAlreadyAllocated',
    says: ['178.1.3.50'],
  },
];

describe.each([
  ['the form', form],
  ['the meaning', meaning],
])('what is wrong in %s', (_, refusals) => {
  test.each(refusals)('$what is refused and changes nothing', async (refusal) => {
    const before = api.store.revision;
    const { method = 'POST', path, body, status, type, says } = refusal;
    const payload = typeof body === 'string' || body === undefined ? body : filled(body);
    const answer = await api.ask(method, filled(path) as string, payload);
    expect(answer).toMatchObject({ status, body: { NeutronError: { type, detail: '' } } });
    const { message } = answer.body['NeutronError'] as { message: string };
    for (const word of says) expect(message).toContain(filled(word));
    expect(message.length).toBeLessThan(800);
    expect(api.store.revision).toBe(before);
  });
});
