/**
 * Live traces over what a real Open vSwitch prints of itself: two nodes of a random world, programmed
 * with ovs-ofctl and read back with it, word for word as it answers.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Trace } from '../../src/trace/types.ts';
import { ovsAvailable, startOvs, type Sandbox } from '../support/ovs.ts';
import { program, VerbatimAgents } from '../support/programmed-ovs.ts';
import { questionWith, type Question } from '../support/questions.ts';
import { Random } from '../support/random.ts';
import { requireOrSkip } from '../support/require.ts';
import { World } from '../support/topology/world.ts';
import { liveNodes, tracerOf } from '../support/trace-bench.ts';

const TRACES = Number(process.env['TIANCHI_TRACES'] ?? 100);
const SEED = 4;

requireOrSkip('Open vSwitch', ovsAvailable)('a live trace over a real switch', () => {
  const { topology } = new World(SEED, { nodes: 2, vpcs: 2, ports: 16, groups: 4, rules: 30 });
  const nodes = liveNodes(topology);
  const switches = new Map<string, Sandbox>();
  let agents: VerbatimAgents;
  let ask: ReturnType<typeof tracerOf>;
  const end = (): void => {
    for (const ovs of switches.values()) ovs.stop();
    switches.clear();
  };
  const begin = async (): Promise<void> => {
    for (const [name, node] of nodes) {
      const ovs = await startOvs();
      switches.set(name, ovs);
      program(ovs, node);
    }
  };
  beforeAll(async () => {
    await begin();
    agents = new VerbatimAgents(switches);
    ask = tracerOf(topology, nodes, agents.query);
  }, 60_000);
  afterAll(end);

  const source = (trace: Trace): Trace => ({ ...trace, source: '' });

  it(`of ${TRACES} packets is the one by intent`, async () => {
    const random = new Random(SEED);
    const unlike: string[] = [];
    const met = new Map<string, number>();
    const count = (what: string): void => void met.set(what, (met.get(what) ?? 0) + 1);
    for (let traced = 0; traced < TRACES; traced += 1) {
      const asked = questionWith(traced % 3, random, topology);
      const live = await ask({ ...asked, source: 'live' });
      const intent = await ask({ ...asked, source: 'intent' });
      count(live.verdict);
      const bridges = live.legs[0]?.hops.filter(({ bridge }) => bridge === 'br-phy');
      if (live.verdict === 'delivered' && bridges?.length === 2) count('across nodes');
      if (JSON.stringify(source(live)) !== JSON.stringify(source(intent))) {
        unlike.push(JSON.stringify(asked));
      }
    }
    expect(unlike).toEqual([]);
    const rare = ['delivered', 'dropped', 'across nodes'].filter(
      (what) => (met.get(what) ?? 0) < TRACES / 20,
    );
    expect(rare).toEqual([]);
  }, 120_000);

  const first = (trace: Trace) => trace.legs[0];
  const switchOf = (node: string): Sandbox => {
    const ovs = switches.get(node);
    if (ovs === undefined) throw new Error(`no switch of ${node}`);
    return ovs;
  };

  /** A question whose packet is delivered, across nodes or on one, past the sender's rules. */
  async function delivered(across: boolean): Promise<{ asked: Question; trace: Trace }> {
    const random = new Random(SEED ^ 0xd0);
    for (;;) {
      const asked = questionWith(0, random, topology);
      const trace = await ask({ ...asked, source: 'live' });
      const hops = first(trace)?.hops ?? [];
      const crosses = hops.some(({ bridge }) => bridge === 'br-phy');
      const ends = trace.from.port !== null && trace.to.port !== null;
      const ruled = hops.some(({ table }) => table === 72);
      if (trace.verdict === 'delivered' && crosses === across && ends && ruled)
        return { asked, trace };
    }
  }

  /** The same question after a change of the switches. */
  async function after(asked: Question, change: () => void): Promise<Trace> {
    change();
    agents.generation += 1;
    return ask({ ...asked, source: 'live' });
  }

  it('follows links: the other uplink while one is down, none, and an interface', async () => {
    const { asked, trace } = await delivered(true);
    const { node } = trace.from.port ?? { node: '' };
    const uplink = (of: Trace) =>
      first(of)?.stops.find(({ kind }) => kind === 'uplink')?.name ?? '';
    const link = (name: string, state: 'up' | 'down') =>
      switchOf(node).appctl('netdev-dummy/set-admin-state', name, state);
    const taken = uplink(trace);
    const rerouted = await after(asked, () => link(taken, 'down'));
    expect(rerouted.verdict).toBe('delivered');
    expect(uplink(rerouted)).toMatch(/^dpdk_phy/);
    expect(uplink(rerouted)).not.toBe(taken);
    const none = await after(asked, () => link(uplink(rerouted), 'down'));
    expect(none.reason).toMatchObject({ code: 'uplinks_down', node });
    for (const name of [taken, uplink(rerouted)]) link(name, 'up');
    const { interface: vm } = trace.from.port ?? { interface: '' };
    expect((await after(asked, () => link(vm, 'down'))).reason?.code).toBe('link_down');
    expect((await after(asked, () => link(vm, 'up'))).verdict).toBe('delivered');
  });

  it('says where the switch is not as the topology asks, and reads rows that are not ours', async () => {
    const { asked, trace } = await delivered(true);
    const { node, vid } = trace.from.port ?? { node: '', vid: 0 };
    const family = trace.probe.family === 4 ? 'ip' : 'ipv6';
    const ofctl = (command: string, text: string) =>
      switchOf(node).ofctl(['-O', 'OpenFlow14', command, 'br-int', text]);
    // As a person leaves it, with what only other versions of OpenFlow and OVS print.
    const stray = `table=72,${family},reg12=${vid}`;
    const added = await after(asked, () =>
      ofctl(
        'add-flow',
        `${stray},priority=65000,idle_timeout=600,hard_timeout=900,importance=7,send_flow_rem actions=drop`,
      ),
    );
    expect(added.reason).toMatchObject({ code: 'foreign_drop', table: 72, node });
    expect(added.reason?.drift).toContain('it would be delivered');
    expect(added.reason?.drift).toContain(`table 72 of br-int on ${node}: it has priority=65000`);
    const held = first(trace)?.hops.find(
      ({ table, bridge }) => table === 105 && bridge === 'br-int',
    );
    switchOf(node).ofctl(['--strict', 'del-flows', 'br-int', `${stray},priority=65000`]);
    const missing = await after(asked, () => ofctl('del-flows', 'table=105'));
    expect(missing.reason).toMatchObject({ code: 'no_matching_flow', table: 105, node });
    expect(missing.reason?.drift).toContain(
      `it has no flow for it, where priority=${held?.priority}`,
    );
    const dump = switchOf(node).ofctl(['-O', 'OpenFlow13', '--no-names', 'dump-flows', 'br-int']);
    expect(dump).toContain(' cookie=');
  });

  it('says that a tunnel neighbour does not answer', async () => {
    const { asked, trace } = await delivered(true);
    const { from, to } = trace;
    const lines = (mac: string) => `${to.port?.vtep} ${mac}\n192.0.2.9 -\n`;
    agents.neighbours.set(from.port?.node ?? '', lines('-'));
    expect((await ask({ ...asked, source: 'live' })).reason).toMatchObject({
      code: 'cold_neighbour',
      node: from.port?.node,
    });
    agents.neighbours.set(from.port?.node ?? '', lines('aa:bb:cc:dd:ee:ff'));
    expect((await ask({ ...asked, source: 'live' })).verdict).toBe('delivered');
  });

  it('tells what each flow has counted', async () => {
    const { asked, trace } = await delivered(false);
    const { node, vid, interface: name } = trace.from.port ?? { node: '', vid: 0, interface: '' };
    const read = async () =>
      first(await ask({ ...asked, source: 'live', counters: true }))?.hops[0];
    const before = await read();
    const ofport = nodes.get(node)?.local.attachment(trace.from.port?.id ?? '')?.ofport;
    const packet = `in_port(${ofport}),eth(src=${trace.from.port?.mac},dst=fe:ff:ff:ff:ff:ff),eth_type(0x0800),ipv4(src=${trace.from.address},dst=${trace.to.address},proto=1,tos=0,ttl=64,frag=no),icmp(type=8,code=0)`;
    for (let sent = 0; sent < 3; sent += 1)
      switchOf(node).appctl('netdev-dummy/receive', name, packet);
    switchOf(node).appctl('revalidator/wait');
    expect(vid).toBeGreaterThan(0);
    expect(before?.n_packets).toBe(0);
    expect((await read())?.n_packets).toBe(3);
  });
});
