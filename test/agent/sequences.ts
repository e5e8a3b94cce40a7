/** Random lives of a small cloud, change by change, with agents that come and go. */
import * as fc from 'fast-check';
import type { Datapath } from '../../src/agent/datapath.ts';
import type { RunningAgent } from '../../src/agent/index.ts';
import { AgentHub } from '../../src/api/hub/index.ts';
import { openRuntime } from '../../src/api/runtime.ts';
import type { OpenRuntime } from '../../src/api/runtime.ts';
import { Failure } from '../../src/base/failure.ts';
import type { PortPatch } from '../../src/model/inputs.ts';
import type { Port } from '../../src/model/objects.ts';
import { BRIDGES, compileAll } from '../../src/pipeline/compiler.ts';
import { openMemoryStore } from '../../src/store/index.ts';
import { differences } from '../support/programs.ts';
import { Random } from '../support/random.ts';
import { RecordedDatapath, Writer, log, startNode } from './world.ts';

export const NODES = [
  ['node1', '10.163.133.43'],
  ['node2', '10.163.133.42'],
  ['node3', '10.163.133.44'],
] as const;

interface Seat {
  readonly name: string;
  readonly vtep: string;
  readonly datapath: Datapath;
  agent: RunningAgent;
}

type Deletable =
  | 'port'
  | 'security_group_rule'
  | 'security_group'
  | 'subnet'
  | 'network'
  | 'floatingip';

/** One step; numbers pick among what there is, so that any sequence means something. */
export type Step =
  | { readonly do: 'network'; readonly cidr: number }
  | { readonly do: 'subnet'; readonly network: number; readonly cidr: number }
  | { readonly do: 'router'; readonly network: number }
  | { readonly do: 'second_network'; readonly router: number }
  | { readonly do: 'group' }
  | { readonly do: 'rule'; readonly group: number; readonly remote: number; readonly shape: number }
  | {
      readonly do: 'port';
      readonly network: number;
      readonly host: number;
      readonly groups: readonly number[];
    }
  | { readonly do: 'bind'; readonly port: number; readonly host: number }
  | { readonly do: 'regroup'; readonly port: number; readonly groups: readonly number[] }
  | { readonly do: 'security'; readonly port: number; readonly on: boolean }
  | { readonly do: 'admin'; readonly port: number; readonly on: boolean }
  | { readonly do: 'pair'; readonly port: number; readonly address: number }
  | {
      readonly do: 'delete';
      readonly kind: Deletable;
      readonly which: number;
    }
  | { readonly do: 'again' }
  | { readonly do: 'gateway'; readonly router: number; readonly on: boolean }
  | { readonly do: 'floating_ip'; readonly port: number }
  | {
      readonly do: 'associate';
      readonly which: number;
      readonly port: number;
      readonly on: boolean;
    }
  | { readonly do: 'dhcp'; readonly subnet: number; readonly on: boolean }
  | {
      readonly do: 'restart';
      readonly node: number;
      readonly newEpoch: boolean;
      /** What changes while the agent is away. */
      readonly meanwhile: readonly Step[];
    };

const index = fc.nat({ max: 7 });
const one = (what: Step['do'], rest: Record<string, fc.Arbitrary<unknown>>) =>
  fc.record({ do: fc.constant(what), ...rest }) as fc.Arbitrary<unknown> as fc.Arbitrary<Step>;

const groups = fc.uniqueArray(index, { maxLength: 2 });

const oneChange: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: one('network', { cidr: fc.nat({ max: 3 }) }) },
  { weight: 2, arbitrary: one('subnet', { network: index, cidr: fc.nat({ max: 7 }) }) },
  { weight: 1, arbitrary: one('router', { network: index }) },
  { weight: 1, arbitrary: one('second_network', { router: index }) },
  { weight: 1, arbitrary: one('group', {}) },
  { weight: 3, arbitrary: one('rule', { group: index, remote: index, shape: index }) },
  { weight: 5, arbitrary: one('port', { network: index, host: index, groups }) },
  { weight: 9, arbitrary: one('again', {}) },
  { weight: 4, arbitrary: one('bind', { port: index, host: index }) },
  { weight: 3, arbitrary: one('regroup', { port: index, groups }) },
  { weight: 1, arbitrary: one('security', { port: index, on: fc.boolean() }) },
  { weight: 1, arbitrary: one('admin', { port: index, on: fc.boolean() }) },
  { weight: 1, arbitrary: one('pair', { port: index, address: index }) },
  { weight: 1, arbitrary: one('gateway', { router: index, on: fc.boolean() }) },
  { weight: 3, arbitrary: one('floating_ip', { port: index }) },
  { weight: 2, arbitrary: one('associate', { which: index, port: index, on: fc.boolean() }) },
  { weight: 1, arbitrary: one('dhcp', { subnet: index, on: fc.boolean() }) },
  {
    weight: 5,
    arbitrary: one('delete', {
      kind: fc.constantFrom(
        'port',
        'port',
        'port',
        'security_group_rule',
        'security_group',
        'security_group',
        'subnet',
        'network',
        'floatingip',
      ),
      which: index,
    }),
  },
);

export const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 16, arbitrary: oneChange },
  {
    weight: 1,
    arbitrary: one('restart', {
      node: fc.nat({ max: 2 }),
      newEpoch: fc.boolean(),
      meanwhile: fc.array(oneChange, { maxLength: 2 }),
    }),
  },
);

const SHAPES = [
  { protocol: 'icmp' },
  { protocol: 'tcp', port_range_min: 22, port_range_max: 22 },
  { protocol: 'tcp', port_range_min: 1000, port_range_max: 1999 },
  { protocol: 'udp', port_range_min: 53, port_range_max: 53 },
] as const;

/** A node, or now and then none. */
const hostOf = (which: number): string => NODES[which % 4]?.[0] ?? '';

/** A cloud of three nodes in this process, without sockets. */
export class Cloud {
  readonly runtime: OpenRuntime;
  readonly hub: AgentHub;
  readonly seats: Seat[] = [];
  readonly #api: Writer;
  readonly #deleted: Port[] = [];
  /** The external network and its subnet, which no step picks. */
  readonly #outside = new Set<string>();
  #external = '';

  private constructor(runtime: OpenRuntime) {
    this.runtime = runtime;
    this.hub = new AgentHub(runtime, log);
    this.#api = new Writer(runtime);
  }

  /** The same steps on a new cloud make the same history. */
  static async open(
    datapathOf: (node: string, vtep: string) => Datapath = (node, vtep) =>
      new RecordedDatapath(node, vtep),
  ): Promise<Cloud> {
    const random = new Random(1);
    let seconds = 0;
    const cloud = new Cloud(
      await openRuntime({
        newId: () => random.uuid(),
        random: () => random.next(),
        now: () => new Date(Date.UTC(2023, 0, 12) + (seconds += 1) * 1000),
        store: openMemoryStore(),
        defaultSecurityGroup: false,
        underlayMtu: 1500,
        onListenerError: (error) => {
          throw error;
        },
      }),
    );
    for (const [name, vtep] of NODES) {
      const datapath = datapathOf(name, vtep);
      const agent = await startNode(name, vtep, cloud.hub.connect, datapath);
      cloud.seats.push({ name, vtep, datapath, agent });
    }
    await cloud.#openOutside();
    return cloud;
  }

  async close(): Promise<void> {
    for (const { agent } of this.seats) await agent.close();
    this.hub.close();
    this.runtime.close();
  }

  /** @returns whether the change took place: it may be refused, and must then change nothing. */
  async take(step: Step): Promise<boolean> {
    try {
      const does = this.#does[step.do] as (step: Step) => Promise<unknown>;
      await does(step);
      return true;
    } catch (error) {
      if (error instanceof Failure) return false;
      throw error;
    }
  }

  /** What the switches hold otherwise than a full compilation of the whole topology gives. */
  async differences(): Promise<string[]> {
    await this.hub.settled();
    const found: string[] = [];
    for (const { name, agent, datapath } of this.seats) {
      const wanted = compileAll(this.runtime.topology, agent.local);
      for (const bridge of BRIDGES) {
        const unlike = differences(await datapath.program(bridge), wanted[bridge]);
        found.push(...unlike.map((line) => `${name} ${bridge} ${line}`));
      }
    }
    return found;
  }

  readonly #does: {
    readonly [D in Step['do']]: (step: Extract<Step, { do: D }>) => Promise<unknown>;
  } = {
    network: ({ cidr }) => this.#api.create('network', { name: 'vpc', cidr: `10.${cidr}.0.0/16` }),
    subnet: async ({ network, cidr }) => {
      const network_id = this.#pick('network', network);
      const vpc = this.runtime.topology.get('network', network_id)?.vpc.id ?? '';
      const range = this.runtime.topology.get('network', vpc)?.cidr?.split('.')[1] ?? '9';
      return this.#api.create('subnet', {
        network_id,
        cidr: cidr < 2 ? `fd00:${cidr}::/64` : `10.${range}.${cidr}.0/24`,
      });
    },
    router: async ({ network }) =>
      this.#api.create('router', { network_id: this.#pick('network', network) }),
    second_network: async ({ router }) =>
      this.#api.create('network', { router_id: this.#pick('router', router) }),
    group: () => this.#api.create('security_group', { name: 'group' }),
    rule: async ({ group, remote, shape }) =>
      this.#api.create('security_group_rule', {
        security_group_id: this.#pick('security_group', group),
        direction: shape % 2 === 0 ? 'ingress' : 'egress',
        ethertype: 'IPv4',
        ...SHAPES[shape % SHAPES.length],
        ...(shape < 5
          ? { remote_group_id: this.#pick('security_group', remote) }
          : { remote_ip_prefix: '10.0.0.0/8' }),
      }),
    port: async ({ network, host, groups }) =>
      this.#api.create('port', {
        network_id: this.#pick('network', network),
        'binding:host_id': hostOf(host),
        device_owner: 'compute:nova',
        security_groups: this.#groups(groups),
      }),
    bind: ({ port, host }) => this.#port(port, { 'binding:host_id': hostOf(host) }),
    regroup: ({ port, groups }) => this.#port(port, { security_groups: this.#groups(groups) }),
    security: ({ port, on }) =>
      this.#port(port, {
        port_security_enabled: on,
        ...(on ? {} : { security_groups: [], allowed_address_pairs: [] }),
      }),
    admin: ({ port, on }) => this.#port(port, { admin_state_up: on }),
    pair: ({ port, address }) =>
      this.#port(port, {
        allowed_address_pairs:
          address < 2 ? [] : [{ ip_address: `10.${address % 4}.2.${address}` }],
      }),
    gateway: async ({ router, on }) =>
      this.#api.update('router', this.#pick('router', router), {
        external_gateway_info: on ? { network_id: this.#external } : null,
      }),
    floating_ip: async ({ port }) =>
      this.#api.create('floatingip', {
        floating_network_id: this.#external,
        port_id: this.#pick('port', port),
      }),
    associate: async ({ which, port, on }) =>
      this.#api.update('floatingip', this.#pick('floatingip', which), {
        port_id: on ? this.#pick('port', port) : null,
      }),
    dhcp: async ({ subnet, on }) =>
      this.#api.update('subnet', this.#pick('subnet', subnet), { enable_dhcp: on }),
    delete: ({ kind, which }) => this.#delete(kind, which),
    again: () => this.#again(),
    restart: (step) => this.#restart(step),
  };

  async #delete(kind: Deletable, which: number): Promise<void> {
    const id = this.#pick(kind, which);
    const port = this.runtime.topology.get('port', id);
    await this.#api.delete(kind, id);
    if (port !== undefined) this.#deleted.push(port);
  }

  /** Creates the port that was deleted last once more: its addresses, its groups, its node. */
  async #again(): Promise<void> {
    const port = this.#deleted.pop();
    if (port === undefined) throw new Failure('not_found', 'None', 'no port was deleted');
    await this.#api.create('port', {
      network_id: port.network_id,
      mac_address: port.mac_address,
      fixed_ips: port.fixed_ips,
      allowed_address_pairs: port.allowed_address_pairs,
      port_security_enabled: port.port_security_enabled,
      security_groups: port.security_groups,
      device_owner: port.device_owner,
      'binding:host_id': port['binding:host_id'],
    });
  }

  async #restart({ node, newEpoch, meanwhile }: Extract<Step, { do: 'restart' }>): Promise<void> {
    const seat = this.seats[node];
    if (seat === undefined) return;
    await seat.agent.close();
    for (const step of meanwhile) await this.take(step);
    const { name, vtep, datapath } = seat;
    seat.agent = await startNode(name, vtep, this.hub.connect, datapath, { newEpoch });
  }

  async #openOutside(): Promise<void> {
    const { id } = await this.#api.create('network', { name: 'outside', 'router:external': true });
    const subnet = await this.#api.create('subnet', { network_id: id, cidr: '203.0.113.0/24' });
    this.#outside.add(id).add(subnet.id);
    this.#external = id;
  }

  async #port(which: number, patch: PortPatch) {
    return this.#api.update('port', this.#pick('port', which), patch);
  }

  #groups(which: readonly number[]): string[] {
    const known = this.runtime.topology.count('security_group');
    return known === 0
      ? []
      : [...new Set(which.map((number) => this.#pick('security_group', number)))];
  }

  #pick(kind: Deletable | 'router', which: number): string {
    const ids = [...this.runtime.topology.all(kind)]
      .map(({ id }) => id)
      .filter((id) => !this.#outside.has(id));
    const id = ids[which % Math.max(ids.length, 1)];
    if (id === undefined) throw new Failure('not_found', 'None', `there is no ${kind} yet`);
    return id;
  }
}

/** What every sequence begins with, so that its changes find something to change. */
export const PRELUDE: readonly Step[] = [
  { do: 'network', cidr: 0 },
  { do: 'network', cidr: 0 },
  { do: 'subnet', network: 0, cidr: 2 },
  { do: 'subnet', network: 1, cidr: 2 },
  { do: 'router', network: 0 },
  { do: 'second_network', router: 0 },
  { do: 'subnet', network: 2, cidr: 5 },
  { do: 'group' },
  { do: 'group' },
  { do: 'rule', group: 0, remote: 1, shape: 0 },
  { do: 'port', network: 0, host: 0, groups: [0] },
  { do: 'port', network: 0, host: 1, groups: [1] },
  { do: 'port', network: 1, host: 1, groups: [] },
  { do: 'gateway', router: 0, on: true },
];
