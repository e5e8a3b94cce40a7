import Fastify from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dumpOf } from '../../../test/support/dumps.ts';
import { Failure } from '../../base/failure.ts';
import type { Inputs } from '../../model/inputs.ts';
import type { Kind, Objects } from '../../model/objects.ts';
import { PLANNERS } from '../../model/plan.ts';
import type { AgentDump, AgentQuery, Plugged } from '../../model/stream.ts';
import { compileAll } from '../../pipeline/compiler.ts';
import { LocalState } from '../../pipeline/local-state.ts';
import type { SimNode } from '../../sim/fabric.ts';
import { openMemoryStore } from '../../store/index.ts';
import { imaginedIdentity, interfaceName, simNode } from '../../trace/imagined.ts';
import type { NodeState } from '../hub/index.ts';
import { openRuntime, type OpenRuntime } from '../runtime.ts';
import { renderMarkdown } from '../../trace/render/markdown.ts';
import { renderText } from '../../trace/render/text.ts';
import { Tracing, type TraceRequest } from './tracing.ts';

/** Agents that plug every bound port when told to, and answer as a simulated switch does. */
class Agents {
  readonly nodes = new Map<string, { sim: SimNode; local: LocalState }>();
  readonly asked: AgentQuery[] = [];
  /** By node its link, where it has come anew. */
  readonly links = new Map<string, object>();
  readonly #runtime: OpenRuntime;

  constructor(runtime: OpenRuntime) {
    this.#runtime = runtime;
  }

  /** Brings a node's switch up to the topology. */
  apply(name: string, first = { vid: 0x27, ofport: 136 }): void {
    const { topology } = this.#runtime;
    const vtep = topology.get('node', name)?.vtep ?? '';
    const local = new LocalState(imaginedIdentity(name, vtep, 0x63bfd884));
    const attachments = [...topology.find('port.by_host', name)].map((id, index) =>
      local.attach(id, {
        vid: first.vid + index,
        ofport: first.ofport + index,
        interface: interfaceName(id),
      }),
    );
    const sim = simNode(local.identity, attachments);
    const programs = compileAll(topology, local);
    const generation = this.nodes.get(name)?.sim.bridges['br-int'].generation ?? 0;
    for (const bridge of ['br-int', 'br-phy'] as const) {
      sim.bridges[bridge].apply(programs[bridge]);
      sim.bridges[bridge].generation = generation + 1;
    }
    this.nodes.set(name, { sim, local });
  }

  state(name: string): Promise<NodeState | undefined> {
    const local = this.nodes.get(name)?.local;
    if (local === undefined) return Promise.resolve(undefined);
    const ports: Plugged[] = [];
    for (const port_id of local.attached()) {
      const attachment = local.attachment(port_id);
      if (attachment !== undefined) ports.push({ port_id, ...attachment });
    }
    const { networkIds } = local.kept();
    return Promise.resolve({ plugged: ports, networkIds, epoch: local.identity.epoch });
  }

  link(name: string): object | undefined {
    return this.links.get(name) ?? (this.nodes.has(name) ? this.nodes : undefined);
  }

  async query(name: string, query: AgentQuery): Promise<AgentDump> {
    this.asked.push(query);
    const bridge =
      this.nodes.get(name)?.sim.bridges[query.bridge === 'br-phy' ? 'br-phy' : 'br-int'];
    if (bridge === undefined) throw new Failure('unavailable', 'AgentUnavailable', 'gone');
    const { generation } = bridge;
    return query.generation === generation
      ? { generation, unchanged: true }
      : { generation, text: dumpOf(query.what, bridge) };
  }

  settled(): Promise<void> {
    return Promise.resolve();
  }
}

let runtime: OpenRuntime;
let agents: Agents;
let tracing: Tracing;
let network: string;
let subnet: string;
let group: string;

const create = <K extends Kind>(kind: K, input: Inputs[K]['create']): Promise<Objects[K]> =>
  runtime.execute<Objects[K]>((topology, context) =>
    PLANNERS[kind].create(topology, input, context),
  );
const update = <K extends Kind>(kind: K, id: string, patch: Inputs[K]['update']) =>
  runtime.execute((topology, context) => PLANNERS[kind].update(topology, id, patch, context));

const boot = (name: string, node: string, more: Partial<Inputs['port']['create']> = {}) =>
  create('port', {
    network_id: network,
    name,
    device_id: `device-${name}`,
    'binding:host_id': node,
    security_groups: [group],
    ...more,
  });

const trace = (request: TraceRequest) => tracing.trace(request);
const failureOf = async (request: TraceRequest): Promise<Failure> => {
  try {
    await trace(request);
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('the trace did not fail');
};

beforeEach(async () => {
  runtime = await openRuntime({
    store: openMemoryStore(),
    defaultSecurityGroup: false,
    underlayMtu: 1500,
    onListenerError: (error) => {
      throw error;
    },
  });
  agents = new Agents(runtime);
  tracing = new Tracing(runtime, agents);
  await create('node', { name: 'node1', vtep: '10.163.133.43' });
  await create('node', { name: 'node2', vtep: '10.163.133.42' });
  network = (await create('network', { name: 'net', cidr: '178.1.0.0/16' })).id;
  subnet = (await create('subnet', { network_id: network, cidr: '178.1.3.0/24' })).id;
  group = (await create('security_group', { name: 'default' })).id;
  for (const direction of ['ingress', 'egress'] as const) {
    for (const ethertype of ['IPv4', 'IPv6'] as const) {
      await create('security_group_rule', { security_group_id: group, direction, ethertype });
    }
  }
});

afterEach(() => runtime.close());

describe('what is asked', () => {
  beforeEach(async () => {
    await boot('vm1', 'node1');
    await boot('vm2', 'node1');
    await boot('vm3', 'node2');
  });

  it.each([
    ['vm1', 'vm3'],
    ['device-vm1', 'device-vm3'],
    ['178.1.3.2', '178.1.3.4'],
  ])('takes %s and %s for the same two', async (from, to) => {
    const traced = await trace({ from, to, source: 'intent' });
    expect(traced).toMatchObject({
      verdict: 'delivered',
      from: { asked: from, address: '178.1.3.2', port: { name: 'vm1', node: 'node1' } },
      to: { asked: to, address: '178.1.3.4', port: { name: 'vm3', node: 'node2' } },
      source: 'intent',
    });
  });

  it('takes a port by its uuid', async () => {
    const [id = ''] = runtime.topology.find('port.by_name', 'vm1');
    expect(await trace({ from: id, to: 'vm2', source: 'intent' })).toMatchObject({
      verdict: 'delivered',
      from: { port: { id } },
    });
  });

  it('lists the candidates of a name that several ports have', async () => {
    await boot('vm1', 'node2');
    const failure = await failureOf({ from: 'vm1', to: 'vm2', source: 'intent' });
    expect(failure.kind).toBe('invalid');
    for (const id of runtime.topology.find('port.by_name', 'vm1')) {
      expect(failure.message).toContain(id);
    }
  });

  it('lists the owners of an address that several VPCs have', async () => {
    const other = await create('network', { name: 'other', cidr: '178.1.0.0/16' });
    await create('subnet', { network_id: other.id, cidr: '178.1.3.0/24' });
    const twin = await create('port', { network_id: other.id });
    expect(twin.fixed_ips[0]?.ip_address).toBe('178.1.3.2');
    const failure = await failureOf({ from: '178.1.3.2', to: 'vm2', source: 'intent' });
    expect(failure.message).toContain(twin.id);
    expect(failure.message).toContain('in VPC other');
    expect(await trace({ from: 'vm2', to: '178.1.3.2', source: 'intent' })).toMatchObject({
      verdict: 'delivered',
      to: { port: { name: 'vm1' } },
    });
  });

  it.each([
    [{ from: 'nobody', to: 'vm1' }, 'from "nobody"'],
    [{ from: 'vm1', to: 'nobody' }, 'to "nobody"'],
    [{ from: '178.1.3.77', to: 'vm1' }, '178.1.3.77'],
    [{ from: 'vm1', to: 'vm2', protocol: 'tcp' }, '"tcp"'],
    [{ from: 'vm1', to: 'vm2', protocol: 'tcp/65536' }, '65535'],
    [{ from: 'vm1', to: 'vm2', protocol: 'icmp6', family: 4 as const }, 'icmp6'],
  ])('refuses %j and says why', async (request, words) => {
    expect((await failureOf({ ...request, source: 'intent' })).message).toContain(words);
  });

  it('pings over IPv6 where only that is shared, or where it is asked for', async () => {
    const { id } = await create('subnet', { network_id: network, cidr: '2001:db8::/64' });
    await boot('six', 'node1', { fixed_ips: [{ subnet_id: id }] });
    await boot('both', 'node2', { fixed_ips: [{ subnet_id: id }, { subnet_id: subnet }] });
    const ping = await trace({ from: 'six', to: 'both', source: 'intent' });
    expect(ping).toMatchObject({ verdict: 'delivered', probe: { protocol: 'icmp6', family: 6 } });
    expect(await trace({ from: 'vm1', to: 'both', source: 'intent' })).toMatchObject({
      probe: { protocol: 'icmp', family: 4 },
    });
    expect(await trace({ from: 'vm1', to: 'six', source: 'intent' })).toMatchObject({
      verdict: 'dropped',
      reason: { code: 'families_differ' },
      legs: [{ hops: [] }],
    });
  });

  it('is served by POST /tianchi/v1/traces', async () => {
    const app = Fastify();
    void app.register(tracing.plugin);
    const payload = { from: 'vm1', to: 'vm2', protocol: 'udp/53', source: 'intent' };
    const answer = await app.inject({ method: 'POST', url: '/tianchi/v1/traces', payload });
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({ verdict: 'delivered', probe: { destination_port: 53 } });
    const bad = await app.inject({
      method: 'POST',
      url: '/tianchi/v1/traces',
      payload: { from: 1 },
    });
    expect(bad.statusCode).toBe(400);
    await app.close();
  });
});

describe('the intent', () => {
  it('follows the topology from trace to trace', async () => {
    const vm1 = await boot('vm1', 'node1');
    const vm2 = await boot('vm2', 'node1');
    const ask = async () =>
      (await trace({ from: 'vm1', to: vm2.id, source: 'intent' })).reason?.code;
    expect(await ask()).toBeUndefined();
    await update('port', vm2.id, { security_groups: [] });
    expect(await ask()).toBe('no_ingress_rule');
    await update('port', vm2.id, { security_groups: [group], 'binding:host_id': 'node2' });
    expect(await ask()).toBeUndefined();
    await update('port', vm2.id, { 'binding:host_id': null });
    expect(await ask()).toBe('port_unbound');
    await update('port', vm1.id, { 'binding:host_id': null });
    expect((await trace({ from: 'vm1', to: 'vm2', source: 'intent' })).reason).toMatchObject({
      code: 'port_unbound',
      object: 'port vm1',
    });
  });

  it('uses the numbers that the agent reports', async () => {
    await boot('vm1', 'node1');
    const before = await trace({ from: 'vm1', to: '178.1.3.9', source: 'intent' });
    expect(before.from.port?.vid).toBe(1);
    agents.apply('node1');
    const traced = await trace({ from: 'vm1', to: '178.1.3.9', source: 'intent' });
    expect(traced.from.port?.vid).toBe(0x27);
    expect(traced.legs[0]?.hops[0]).toMatchObject({
      cookie: '0x63bfd88400100127',
      match: expect.stringContaining('in_port=136') as unknown,
    });
  });
});

describe('live switches', () => {
  beforeEach(async () => {
    await boot('vm1', 'node1');
    await boot('vm2', 'node1');
    await boot('vm3', 'node2');
    agents.apply('node1');
    agents.apply('node2', { vid: 0x26, ofport: 41 });
  });

  it('shows what the intent shows', async () => {
    const live = await trace({ from: 'vm1', to: 'vm3', source: 'live' });
    const intent = await trace({ from: 'vm1', to: 'vm3', source: 'intent' });
    expect(live.legs).toHaveLength(3);
    expect(live).toEqual({ ...intent, source: 'live' });
  });

  it('reads again only what changed', async () => {
    await trace({ from: 'vm1', to: 'vm3' });
    expect(agents.asked).toHaveLength(14);
    await trace({ from: 'vm1', to: 'vm3' });
    expect(agents.asked).toHaveLength(20);
    agents.apply('node2', { vid: 0x26, ofport: 41 });
    await trace({ from: 'vm1', to: 'vm3' });
    expect(agents.asked).toHaveLength(20 + 3 + 7);
  });

  it('reads everything again from an agent that has come anew', async () => {
    await trace({ from: 'vm1', to: 'vm3' });
    const [vm3 = ''] = runtime.topology.find('port.by_name', 'vm3');
    await update('port', vm3, { security_groups: [] });
    const node2 = agents.nodes.get('node2');
    agents.apply('node2', { vid: 0x26, ofport: 41 });
    // Its generations begin anew, and happen to be what they were.
    for (const bridge of ['br-int', 'br-phy'] as const) {
      const { generation } = node2?.sim.bridges[bridge] ?? { generation: 0 };
      const again = agents.nodes.get('node2')?.sim.bridges[bridge];
      if (again !== undefined) again.generation = generation;
    }
    agents.links.set('node2', {});
    expect((await trace({ from: 'vm1', to: 'vm3' })).reason?.code).toBe('no_ingress_rule');
  });

  it('tells what each flow has counted, where that is asked for', async () => {
    const traced = await trace({ from: 'vm1', to: 'vm3', counters: true });
    const hops = traced.legs.flatMap((leg) => leg.hops);
    expect(hops.map(({ n_packets }) => n_packets)).toEqual(hops.map(() => 0));
    expect(renderText(traced, { color: false, columns: 100 })).toContain('n_packets=0');
    expect(renderMarkdown(traced)).toMatch(/table=0, n_packets=0, priority=30,ip/);
    const failure = await failureOf({ from: 'vm1', to: 'vm3', source: 'intent', counters: true });
    expect(failure.message).toContain('no counters');
  });

  it('tells what the switches hold, not what they should', async () => {
    const [vm3 = ''] = runtime.topology.find('port.by_name', 'vm3');
    await update('port', vm3, { security_groups: [] });
    expect((await trace({ from: 'vm1', to: 'vm3' })).verdict).toBe('delivered');
    agents.apply('node2', { vid: 0x26, ofport: 41 });
    expect(await trace({ from: 'vm1', to: 'vm3' })).toMatchObject({
      reason: { code: 'no_ingress_rule', node: 'node2' },
      fix: ['tianchi port-update vm3 --security-group default'],
    });
  });

  it('names the node whose agent is missing, where the packet gets so far', async () => {
    agents.nodes.delete('node2');
    const failure = await failureOf({ from: 'vm1', to: 'vm3' });
    expect(failure.kind).toBe('unavailable');
    expect(failure.message).toContain('node2');
    expect(failure.details.remedy).toContain('--source intent');
    const [vm1 = ''] = runtime.topology.find('port.by_name', 'vm1');
    await update('port', vm1, { security_groups: [] });
    agents.apply('node1');
    expect((await trace({ from: 'vm1', to: 'vm3' })).reason?.code).toBe('no_egress_rule');
  });

  it('says that a bound port is not plugged', async () => {
    await boot('late', 'node1');
    expect((await trace({ from: 'late', to: 'vm1' })).reason).toMatchObject({
      code: 'port_not_plugged',
      object: 'port late',
    });
  });
});
