import { beforeEach, describe, expect, test } from 'vitest';
import type { Port } from '../../model/objects.ts';
import { Topology } from '../../model/topology.ts';
import { localCaller } from '../auth/caller.ts';
import { ports } from '../resources/ports.ts';
import { parseListQuery, runListQuery } from './query.ts';
import { Sight } from './sight.ts';
import { atOnce } from './slices.ts';

const NETWORK = '11111111-1111-4111-8111-111111111111';

function port(n: number, changes: Partial<Port> = {}): Port {
  return {
    id: `00000000-0000-4000-8000-00000000000${n}`,
    name: `p${n}`,
    project_id: 'default',
    description: '',
    created_at: '2026-01-01T00:00:00Z',
    updated_at: '2026-01-01T00:00:00Z',
    revision_number: n,
    tags: [],
    network_id: NETWORK,
    admin_state_up: true,
    mac_address: `fa:16:3e:00:00:0${n}`,
    fixed_ips: [{ subnet_id: NETWORK, ip_address: `10.0.0.${n}` }],
    allowed_address_pairs: [],
    port_security_enabled: true,
    security_groups: [],
    device_id: '',
    device_owner: '',
    'binding:host_id': '',
    'binding:vnic_type': 'normal',
    'binding:profile': {},
    'binding:vif_type': 'unbound',
    standby_bindings: [],
    extra_dhcp_opts: [],
    dns_name: '',
    dns_domain: '',
    status: 'DOWN',
    ...changes,
  };
}

let topology: Topology;
beforeEach(() => {
  topology = new Topology();
  const objects = [
    port(3, { name: 'web', tags: ['a', 'b'] }),
    port(1, { admin_state_up: false, device_id: 'vm1' }),
    port(2, { name: 'web', device_id: 'vm1', tags: ['a'] }),
    port(4, { created_at: '2025-01-01T00:00:00Z', status: 'ACTIVE' }),
  ];
  for (const object of objects) topology.apply({ kind: 'port', id: object.id, object });
});

function run(text: string) {
  const params = new URLSearchParams(text);
  const caller = localCaller('test');
  const sight = new Sight(ports, topology, { caller, parent: '' });
  const query = parseListQuery(ports, params, caller);
  const page = atOnce(runListQuery(sight, query, params));
  return { ...page, items: page.objects.map((object) => sight.present(object, query.fields)) };
}

const numbers = (query: string): string =>
  run(query)
    .items.map((item) => String(item['id']).at(-1))
    .join('');

const id = (n: number): string => port(n).id;

describe('a list', () => {
  test.each([
    ['', '4123'],
    ['name=web', '23'],
    ['name=web&name=p1', '123'],
    ['device_id=vm1&name=web', '2'],
    ['device_id=', '43'],
    [`id=${id(3)}&id=${id(1)}&id=${id(1)}`, '13'],
    ['admin_state_up=False', '1'],
    ['revision_number=3', '3'],
    ['status=ACTIVE', '4'],
    ['tenant_id=default&name=p1', '1'],
    ['binding:vif_type=unbound&name=p1', '1'],
    ['fixed_ips=ip_address=10.0.0.2', '2'],
    ['fixed_ips=ip_address_substr=0.0.&fixed_ips=ip_address=10.0.0.1', '4123'],
    ['fixed_ips=colour=red', ''],
    ['fixed_ips=constructor=x', ''],
    ['tags=a', '23'],
    ['tags=a,b', '3'],
    ['tags-any=b,c', '3'],
    ['not-tags=a,b', '412'],
    ['not-tags-any=a', '41'],
    ['sort_key=revision_number&sort_dir=desc', '4321'],
    ['sort_key=name&sort_dir=desc&sort_key=revision_number&sort_dir=asc', '2341'],
    ['sort_key=name&sort_dir=asc&sort_key=mac_address&sort_dir=asc', '1423'],
    ['limit=2', '41'],
    [`limit=2&marker=${id(1)}`, '23'],
    [`marker=${id(1)}`, '23'],
    [`limit=2&marker=${id(3)}&page_reverse=True`, '12'],
    ['limit=3&page_reverse=True', '123'],
    ['limit=0', '4123'],
  ])('%s gives %s', (query, expected) => {
    expect(numbers(query)).toBe(expected);
  });

  test('shows only the asked fields', () => {
    expect(run('fields=name&fields=tenant_id&name=p1').items).toEqual([
      { name: 'p1', tenant_id: 'default' },
    ]);
  });

  test('its pages link to each other, in both directions, until the end', () => {
    const seen: string[] = [];
    let params: URLSearchParams | null = new URLSearchParams('limit=3&sort_key=name&sort_dir=asc');
    let last = params;
    while (params !== null) {
      const page = run(params.toString());
      seen.push(page.items.map((item) => String(item['id']).at(-1)).join(''));
      last = params;
      params = page.next;
    }
    expect(seen).toEqual(['142', '3']);
    const back = run(last.toString()).previous;
    expect(numbers(String(back))).toBe('142');
    const beyond = run(String(run(String(back)).previous));
    expect(beyond).toMatchObject({ items: [], previous: null });
    expect(numbers(String(beyond.next))).toBe('142');
  });

  test('without a limit there are no links', () => {
    expect(run('name=web')).toMatchObject({ next: null, previous: null });
  });

  test.each([
    ['colour=red', "['colour'] is invalid attribute for filtering"],
    ['colour=red&shape=round', "['colour', 'shape'] is invalid attribute for filtering"],
    ['binding:profile={}', "['binding:profile'] is invalid attribute for filtering"],
    ['sort_key=colour&sort_dir=asc', "['colour'] is invalid attribute for sorting"],
    ['sort_key=name&sort_dir=asc&sort_dir=asc', '1 sort_key and 2 sort_dir'],
    ['sort_key=name&sort_dir=up', '"up" is not asc or desc'],
    ['limit=-1', '"-1" is not an integer of 0 or more'],
    ['limit=ten', '"ten" is not an integer of 0 or more'],
    [`marker=${NETWORK}`, 'could not be found'],
    [`name=web&marker=${id(1)}`, 'is not among what the filters select'],
    ['sort_key=constructor&sort_dir=asc', "['constructor'] is invalid attribute for sorting"],
    ['constructor=x', "['constructor'] is invalid attribute for filtering"],
  ])('%s is refused', (query, message) => {
    expect(() => run(query)).toThrow(message);
  });
});
