import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestApi, type Json, type TestApi } from './api.ts';

export const NOBODY = '00000000-0000-4000-8000-000000000000';

/** A request that must be refused, and how. `$name` stands for the id of what `furnish` made. */
export interface Refusal {
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

let api: TestApi;
/** Ids of what is there, by the names that the table uses as `$name`. */
const ids = new Map<string, string>();

/** One object of each kind, and some in each other's way. */
async function furnish(): Promise<void> {
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
  await api.make('subnets', { network_id, cidr: '2001:db8::/64' });
  await api.make('ports', {
    network_id,
    mac_address: 'fa:16:3e:00:00:ab',
    fixed_ips: [{ ip_address: '2001:db8::ab' }],
  });
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
}

/** A test for each: refused with the field, the value and the remedy, and nothing has changed. */
export function refuses(refusals: readonly Refusal[]): void {
  beforeAll(async () => {
    api = await openTestApi();
    await furnish();
  });
  afterAll(() => api.close());

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
}
