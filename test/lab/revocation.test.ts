/**
 * Conversations of real VMs whose rule is taken away are over within two seconds and for good, while
 * their neighbours go on. All cases run beside each other, so that they share one minute's wait.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Vm } from '../../src/lab/index.ts';
import type { Json } from '../cli/cloud.ts';
import { Bench, describeLab, eventually } from './harness.ts';
import type { Heard, Transport } from './prober.ts';
import { pause, SteadyPing } from './traffic.ts';

/** A revoked conversation may be heard for so long. */
const STOP_MS = 2000;
const STOPPED_MS = 60_000;
/** TCP waits longer after each attempt. */
const RESUME_SECONDS = 20;

/** What the server listens on, by what allows a client to begin. */
const PORTS = {
  /** A rule of the server's. */
  ingress: 1001,
  /** A rule of the client's. */
  egress: 1002,
  /** A group that the server's port is in. */
  group: 1003,
  /** The client's being in the remote group of a rule. */
  member: 1004,
  /** A rule that stays. */
  neighbour: 1005,
} as const;
type Case = keyof typeof PORTS;
const CASES = Object.keys(PORTS) as Case[];
const REVOKED = CASES.filter((it) => it !== 'neighbour');

const TRANSPORTS = ['tcp', 'udp'] as const;
const FAMILIES = ['IPv4', 'IPv6'] as const;
const PINGS = { IPv4: 'icmp', IPv6: 'ipv6-icmp' } as const;

/** A conversation, and how much of it each side has heard. */
interface Talk {
  readonly what: string;
  readonly protocol: Transport;
  readonly of: Case;
  readonly heard: readonly [client: number, server: number];
  readonly missed: number;
}

const isV6 = (address: string): boolean => address.includes(':');

describeLab('a conversation that a rule allowed', () => {
  let bench: Bench;
  let server: Vm;
  let clients: Vm[];
  const rules: Record<'ingress' | 'egress', string[]> = { ingress: [], egress: [] };
  const groups: Record<string, string> = {};

  const group = (name: string): string => {
    const id = groups[name];
    if (id === undefined) throw new Error(`no group ${name}`);
    return id;
  };

  async function rule(name: string, more: Json): Promise<string> {
    const security_group_rule = { security_group_id: group(name), ...more };
    return (await bench.rest('POST', 'security-group-rules', { security_group_rule })).id;
  }

  /** Lets conversations of a case begin, over both transports and families. */
  const allow = (name: string, direction: 'ingress' | 'egress', of: Case, more: Json = {}) =>
    Promise.all(
      FAMILIES.flatMap((ethertype) =>
        TRANSPORTS.map((protocol) => {
          const range = { port_range_min: PORTS[of], port_range_max: PORTS[of] };
          return rule(name, { direction, ethertype, protocol, ...range, ...more });
        }),
      ),
    );

  const setGroups = (vm: Vm, names: readonly string[]) =>
    bench.rest('PUT', `ports/${vm.port}`, { port: { security_groups: names.map(group) } });

  const OF_CLIENT = ['pings', 'out', 'egress'];
  const OF_SERVER = ['pings', 'begins', 'in', 'ingress'];

  beforeAll(async () => {
    bench = await Bench.up();
    const names = [...OF_CLIENT, ...OF_SERVER, 'group', 'member', 'friends'];
    for (const name of new Set(names)) {
      groups[name] = await bench.ok('security-group-create', name);
    }
    for (const ethertype of FAMILIES) {
      for (const direction of ['ingress', 'egress']) {
        await rule('pings', { direction, ethertype, protocol: PINGS[ethertype] });
      }
      // With it, what the server goes on sending could begin a conversation anew, from its end.
      await rule('begins', { direction: 'egress', ethertype });
    }
    for (const of of CASES) if (of !== 'egress') await allow('out', 'egress', of);
    for (const of of ['egress', 'neighbour'] as const) await allow('in', 'ingress', of);
    rules.ingress = await allow('ingress', 'ingress', 'ingress');
    rules.egress = await allow('egress', 'egress', 'egress');
    await allow('group', 'ingress', 'group');
    await allow('member', 'ingress', 'member', { remote_group_id: group('friends') });

    const network = await bench.vpc('talks', '10.1.0.0/16');
    const stateful = { ipv6_ra_mode: 'dhcpv6-stateful', ipv6_address_mode: 'dhcpv6-stateful' };
    const subnets = [
      await bench.subnet(network, '10.1.1.0/24'),
      await bench.subnet(network, 'fd00:1::/64', stateful),
    ];
    const fixed_ips = subnets.map((subnet_id) => ({ subnet_id }));
    const boot = async (name: string, node: string, of: readonly string[]) => {
      const security_groups = of.map(group);
      return bench.boot(name, await bench.port(network, { fixed_ips, security_groups }), node);
    };
    [server, ...clients] = await Promise.all([
      boot('server', 'node1', [...OF_SERVER, 'group', 'member']),
      boot('near', 'node1', [...OF_CLIENT, 'friends']),
      boot('far', 'node2', [...OF_CLIENT, 'friends']),
    ]);
    const prober = await bench.prober(server);
    for (const protocol of TRANSPORTS) {
      for (const of of CASES) await prober.listen(protocol, PORTS[of]);
    }
    for (const client of clients) {
      const asking = await bench.prober(client);
      for (const of of CASES) {
        for (const protocol of TRANSPORTS) {
          for (const host of server.addresses) {
            await asking.converse({ protocol, host, port: PORTS[of] });
          }
        }
      }
    }
  });
  afterAll(() => bench?.down());

  /** All conversations, as both sides tell of them. */
  async function talks(): Promise<Talk[]> {
    const [atServer, ...atClients] = await Promise.all(
      [server, ...clients].map(async (vm) => (await bench.prober(vm)).heard()),
    );
    return clients.flatMap(({ name, addresses }, index) =>
      (atClients[index] ?? []).map((mine): Talk => {
        const { protocol, peer, peerPort, localPort } = mine;
        const address = addresses.find((it) => isV6(it) === isV6(peer));
        const isTheirs = (ear: Heard) =>
          ear.protocol === protocol &&
          ear.peer === address &&
          ear.peerPort === localPort &&
          ear.localPort === peerPort;
        const theirs = atServer?.find(isTheirs);
        const of = CASES.find((it) => PORTS[it] === peerPort) ?? 'neighbour';
        return {
          what: `${name} > ${peer} ${protocol}, ${of}`,
          protocol,
          of,
          heard: [mine.received, theirs?.received ?? 0],
          missed: mine.missed + (theirs?.missed ?? 0),
        };
      }),
    );
  }

  /** Of those that are compared, the ones in which a side has heard something since. */
  const grown = (before: readonly Talk[], now: readonly Talk[], least = 1): string[] =>
    now
      .filter(({ heard }, index) =>
        heard.some((count, side) => count >= (before[index]?.heard[side] ?? 0) + least),
      )
      .map(({ what }) => what);

  const stuck = (before: readonly Talk[], now: readonly Talk[]): string[] =>
    now
      .filter(({ heard }, index) =>
        heard.some((count, side) => count <= (before[index]?.heard[side] ?? 0)),
      )
      .map(({ what }) => what);

  const onlyOf = (all: readonly Talk[], wanted: readonly Case[]): Talk[] =>
    all.filter(({ of }) => wanted.includes(of));

  /** Waits until both sides of each have heard more. */
  async function goOn(wanted: readonly Case[], seconds: number): Promise<void> {
    const before = onlyOf(await talks(), wanted);
    let silent: string[] = [];
    await eventually(
      'all conversations go on',
      async () => {
        silent = stuck(before, onlyOf(await talks(), wanted));
        return silent.length === 0;
      },
      seconds,
    ).catch(() => undefined);
    expect(silent).toEqual([]);
  }

  /** Whether new ones can begin: an outcome each, of all clients, transports and families. */
  async function beginnings(wanted: readonly Case[]): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for (const client of clients) {
      const prober = await bench.prober(client);
      await Promise.all(
        wanted.flatMap((of) =>
          TRANSPORTS.flatMap((protocol) =>
            server.addresses.map(async (host) => {
              const outcome = await prober.probe({ protocol, host, port: PORTS[of] }, 1000);
              found[`${client.name} > ${host} ${protocol}, ${of}`] = outcome;
            }),
          ),
        ),
      );
    }
    return found;
  }

  const count = CASES.length * 2 * TRANSPORTS.length * FAMILIES.length;

  test(
    'stops when that goes, and stays stopped, and its neighbours do not notice',
    { timeout: 180_000 },
    async () => {
      expect(await talks()).toHaveLength(count);
      await goOn(CASES, 20);
      const pings = clients.map(
        ({ netns }) => new SteadyPing(netns, server.addresses[0] ?? '', 20),
      );
      await Promise.all(pings.map((ping) => ping.more(20)));

      await Promise.all([
        ...[...rules.ingress, ...rules.egress].map((id) =>
          bench.request('DELETE', `/v2.0/security-group-rules/${id}`),
        ),
        setGroups(server, [...OF_SERVER, 'member']),
        ...clients.map((client) => setGroups(client, OF_CLIENT)),
      ]);
      await pause(STOP_MS);
      const stopped = await talks();
      expect(new Set(Object.values(await beginnings(REVOKED)))).toEqual(new Set(['silent']));

      await pause(STOPPED_MS);
      const later = await talks();
      expect(grown(onlyOf(stopped, REVOKED), onlyOf(later, REVOKED))).toEqual([]);
      const [before, now] = [stopped, later].map((all) => onlyOf(all, ['neighbour']));
      expect(stuck(before ?? [], now ?? [])).toEqual([]);
      expect(now?.map(({ missed }) => missed)).toEqual(now?.map(() => 0));
      await Promise.all(pings.map((ping) => ping.more(20)));
      for (const ping of pings) expect((await ping.stop()).lost).toBe(0);
      await goOn(['neighbour'], 5);
    },
  );

  test('may begin anew when that is given back', async () => {
    rules.ingress = await allow('ingress', 'ingress', 'ingress');
    rules.egress = await allow('egress', 'egress', 'egress');
    await setGroups(server, [...OF_SERVER, 'group', 'member']);
    for (const client of clients) await setGroups(client, [...OF_CLIENT, 'friends']);
    let outcomes: Record<string, string> = {};
    await eventually('all can begin', async () => {
      outcomes = await beginnings(CASES);
      return Object.values(outcomes).every((outcome) => outcome === 'answered');
    }).catch(() => undefined);
    const notAnswered = Object.entries(outcomes).filter(([, outcome]) => outcome !== 'answered');
    expect(notAnswered).toEqual([]);
  });

  test.each(['node1', 'node2'])(
    'goes on after a restart of ovs-vswitchd of %s, which forgets it',
    async (node) => {
      await goOn(['neighbour'], 5);
      await bench.lab.restartSwitch(node);
      await goOn(['neighbour'], RESUME_SECONDS);
    },
  );
});
