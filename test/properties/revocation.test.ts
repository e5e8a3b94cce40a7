/** A connection whose rule is removed is over, for good, and no other is: real frames, real conntrack. */
import { afterEach, expect, it } from 'vitest';
import { ovsAvailable } from '../support/ovs.ts';
import { requireOrSkip } from '../support/require.ts';
import { Bench, eventually, Talk, type Wrap } from '../support/revocation/bench.ts';
import {
  CLIENT,
  FRIEND,
  FRIENDS,
  OFFICE,
  SERVER,
  type ChangingWorld,
} from '../support/revocation/world.ts';

const ROUNDS = 6;
const BOTH = Array.from({ length: ROUNDS }, (_, n) => [`${n} server`, `${n} client`]).flat();

interface Rules {
  tcp: string;
  udp: string;
}

const ports = (port: number) => ({ port_range_min: port, port_range_max: port });

requireOrSkip('Open vSwitch', ovsAvailable)('a connection whose rule is removed', () => {
  let bench: Bench;
  const rules: Rules = { tcp: '', udp: '' };

  const start = async (wrap?: Wrap, more: (world: ChangingWorld) => void = () => undefined) => {
    bench = await Bench.start((world) => {
      rules.tcp = world.rule({ protocol: 'tcp', ...ports(22) });
      rules.udp = world.rule({ protocol: 'udp', ...ports(5000) });
      world.rule({ protocol: 'tcp', ...ports(80) });
      more(world);
    }, wrap);
  };

  afterEach(() => bench.stop());

  it(
    'stops both ways and stays stopped, while its neighbours go on',
    { timeout: 120_000 },
    async () => {
      await start();
      const tcp = new Talk(bench, 'tcp', 22);
      const udp = new Talk(bench, 'udp', 5000);
      const neighbour = new Talk(bench, 'tcp', 80);
      const outward = new Talk(bench, 'tcp', 22, { client: SERVER, server: CLIENT });
      for (const talk of [tcp, udp, neighbour, outward]) {
        expect(await talk.open()).toBe(true);
        expect(await talk.heard(ROUNDS)).toEqual(BOTH);
      }
      await bench.change((world) => {
        world.revoke(rules.tcp);
        world.revoke(rules.udp);
      });
      for (let times = 0; times < 3; times += 1) {
        expect(await tcp.heard(ROUNDS)).toEqual([]);
        expect(await udp.heard(ROUNDS)).toEqual([]);
        expect(await neighbour.heard(1)).toEqual(['0 server', '0 client']);
        expect(await outward.heard(1)).toEqual(['0 server', '0 client']);
      }
      expect(await udp.fragments('server')).toBe(0);
      expect(await udp.fragments('client')).toBe(0);
      expect(await new Talk(bench, 'tcp', 22, { from: 50_000 }).open()).toBe(false);
      expect(await bench.holds()).toBe(2);

      await bench.change((world) => {
        rules.tcp = world.rule({ protocol: 'tcp', ...ports(22) });
      });
      expect(await bench.holds()).toBe(1);
      expect(await new Talk(bench, 'tcp', 22, { from: 50_001 }).open()).toBe(true);
      expect(await tcp.heard(1)).toEqual(['0 server', '0 client']);
      expect(await udp.heard(1)).toEqual([]);
    },
  );

  it('would begin anew if it were only forgotten', { timeout: 120_000 }, async () => {
    let forgotten = false;
    await start((datapath) => ({
      connections: (zones) => (forgotten ? Promise.resolve([]) : datapath.connections(zones)),
      forget: (connections) => {
        forgotten = true;
        return datapath.forget(connections);
      },
      program: (bridge) => datapath.program(bridge),
      apply: () => Promise.resolve(),
    }));
    const talks = [new Talk(bench, 'tcp', 22), new Talk(bench, 'udp', 5000)];
    for (const talk of talks) expect(await talk.open()).toBe(true);
    await bench.change((world) => {
      world.revoke(rules.tcp);
      world.revoke(rules.udp);
    });
    expect(forgotten).toBe(true);
    for (const talk of talks) {
      expect(await talk.heard(2)).toEqual(['0 server', '0 client', '1 server', '1 client']);
    }
  });

  it('would go on if nothing were done', { timeout: 120_000 }, async () => {
    await start((datapath) => ({
      connections: () => Promise.resolve([]),
      forget: () => Promise.resolve(),
      program: (bridge) => datapath.program(bridge),
      apply: (bridge, delta) => datapath.apply(bridge, delta),
    }));
    const tcp = new Talk(bench, 'tcp', 22);
    expect(await tcp.open()).toBe(true);
    await bench.change((world) => world.revoke(rules.tcp));
    expect(await tcp.heard(1)).toEqual(['0 server', '0 client']);
  });

  it(
    'is cut if it began while the switch still went by the rule',
    { timeout: 120_000 },
    async () => {
      let looks = 0;
      await start((datapath) => ({
        // The first look comes too early to see it.
        connections: (zones) => {
          looks += 1;
          return looks <= 2 ? Promise.resolve([]) : datapath.connections(zones);
        },
        forget: (connections) => datapath.forget(connections),
        program: (bridge) => datapath.program(bridge),
        apply: (bridge, delta) => datapath.apply(bridge, delta),
      }));
      const tcp = new Talk(bench, 'tcp', 22);
      expect(await tcp.open()).toBe(true);
      looks = 1;
      await bench.change((world) => world.revoke(rules.tcp));
      await eventually('held', async () => (await bench.holds()) === 1);
      expect(await tcp.heard(2)).toEqual([]);
    },
  );

  it(
    'stays stopped when the agent is started again, and the switch',
    { timeout: 120_000 },
    async () => {
      await start();
      const [tcp, later] = [new Talk(bench, 'tcp', 22), new Talk(bench, 'udp', 5000)];
      for (const talk of [tcp, later]) expect(await talk.open()).toBe(true);
      await bench.change((world) => world.revoke(rules.tcp));
      await bench.restartAgent((world) => world.revoke(rules.udp));
      expect(await bench.holds()).toBe(2);
      for (const talk of [tcp, later]) expect(await talk.heard(2)).toEqual([]);
      await bench.restartSwitch();
      expect(await bench.holds()).toBe(2);
      for (const talk of [tcp, later]) expect(await talk.heard(2)).toEqual([]);
      await bench.restartAgent((world) => {
        world.rule({ protocol: 'tcp', ...ports(22) });
        world.port(SERVER, { security_groups: [] });
      });
      expect(await bench.holds()).toBe(2);
      await bench.change((world) => world.local.detach(SERVER.id), [SERVER]);
      expect(await bench.holds()).toBe(0);
    },
  );

  it('is forgiven by time: at once for none, soon for udp', { timeout: 120_000 }, async () => {
    await start();
    const [tcp, udp] = [new Talk(bench, 'tcp', 22), new Talk(bench, 'udp', 5000)];
    for (const talk of [tcp, udp]) expect(await talk.open()).toBe(true);
    await bench.change((world) => {
      world.revoke(rules.tcp);
      world.revoke(rules.udp);
    });
    await bench.pass(60);
    expect(await bench.holds()).toBe(2);
    await bench.pass(9000);
    await eventually('the hold of udp expired', async () => (await bench.holds()) === 1);
    expect(await tcp.heard(2)).toEqual([]);
  });

  it.each([
    [
      'a member leaves the remote group',
      (world: ChangingWorld) =>
        world.port(FRIEND, { security_groups: [], port_security_enabled: false }),
      true,
      { remote_group_id: FRIENDS },
    ],
    [
      'an address leaves the address group',
      (world: ChangingWorld) => world.addresses(OFFICE, ['192.0.2.0/24']),
      true,
      { remote_address_group_id: OFFICE },
    ],
    [
      'the group leaves the port',
      (world: ChangingWorld) => world.port(SERVER, { security_groups: [] }),
      false,
      { remote_group_id: FRIENDS },
    ],
  ] as const)('stops when %s', { timeout: 120_000 }, async (_what, change, others, remote) => {
    await start(undefined, (world) => {
      world.addresses(OFFICE, [`${FRIEND[4]}/32`, `${FRIEND[6]}/127`]);
      for (const ethertype of ['IPv4', 'IPv6'] as const) {
        const rule = { ethertype, ...remote };
        world.rule({ ...rule, protocol: 'tcp', ...ports(443) });
        world.rule({ ...rule, protocol: ethertype === 'IPv4' ? 'icmp' : 'ipv6-icmp' });
      }
      world.rule({ protocol: 'tcp', ...ports(443), remote_ip_prefix: `${CLIENT[4]}/32` });
    });
    const talks = ([4, 6] as const).map(
      (version) => new Talk(bench, 'tcp', 443, { client: FRIEND, version }),
    );
    const other = new Talk(bench, 'tcp', 443, { client: CLIENT });
    for (const talk of [...talks, other]) expect(await talk.open()).toBe(true);
    await bench.change(change);
    for (const talk of talks) expect(await talk.heard(2)).toEqual([]);
    expect(await other.heard(1)).toEqual(others ? ['0 server', '0 client'] : []);
  });

  it('is not looked for where nothing was taken away', { timeout: 120_000 }, async () => {
    const asked: number[][] = [];
    await start((datapath) => ({
      connections: (zones) => {
        asked.push([...zones]);
        return datapath.connections(zones);
      },
      forget: (connections) => datapath.forget(connections),
      program: (bridge) => datapath.program(bridge),
      apply: (bridge, delta) => datapath.apply(bridge, delta),
    }));
    await eventually('looked twice', () => asked.length === 2);
    await bench.change((world) => world.rule({ protocol: 'udp', ...ports(53) }));
    await bench.change((world) => world.port(FRIEND, { security_groups: [FRIENDS] }));
    expect(asked.slice(2)).toEqual([[bench.world.vid(FRIEND)]]);
  });
});
