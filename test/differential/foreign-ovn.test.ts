/**
 * Traces over the dumps of a bridge that OVN programs against `ofproto/trace` of that very bridge:
 * the same flows on the way, the same packet in the end, the same datapath actions.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Unixctl, controlSocket } from '../../src/net/unixctl.ts';
import { loadBridge, type LoadedBridge } from '../../src/trace/offline/index.ts';
import { buildNetwork, ovnAvailable, startOvn, type Ovn } from '../support/ovn.ts';
import { ovsAvailable } from '../support/ovs.ts';
import { requireOrSkip } from '../support/require.ts';
import { connectionStates, ovnPacket, tunnelPorts } from './foreign-ovn-packets.ts';
import { compareTraces, dropAll, type Comparison } from './foreign-peer.ts';
import { dumpBridge } from './offline-switch.ts';
import { Random } from './sim-random.ts';

const SEED = Number(process.env['TIANCHI_SEED'] ?? 1);
const CASES = Number(process.env['TIANCHI_CASES'] ?? 400);

/** What we once got wrong. */
const ONCE = [
  {
    what: 'of flows of one priority the one whose mask the table has had for longer',
    packet:
      'in_port=12,dl_src=0a:00:00:00:00:0c,dl_dst=ff:ff:ff:ff:ff:ff,udp6,ipv6_src=fd00::12,ipv6_dst=ff02::1:2,nw_ttl=1,udp_src=546,udp_dst=547',
    states: [],
  },
  {
    what: 'an option of the tunnel written into a packet that came without any',
    packet:
      'in_port=13,dl_src=0a:00:00:00:00:0d,dl_dst=0a:00:00:00:00:0e,icmp,nw_src=10.0.1.13,nw_dst=10.0.1.14,nw_ttl=64,icmp_type=8',
    states: [],
  },
  {
    what: 'DSCP written without ECN, which the tunnel takes over',
    packet:
      'in_port=11,dl_src=0a:00:00:00:00:0b,dl_dst=0a:00:00:00:00:f1,icmp,nw_src=10.0.0.11,nw_dst=10.0.1.14,nw_ttl=64,icmp_type=8',
    states: ['trk|est', 'trk|est'],
  },
  {
    what: 'the end of a life of which no controller is told',
    packet:
      'in_port=1,dl_src=52:54:00:00:00:01,dl_dst=0a:00:00:00:00:f5,udp,nw_src=172.16.0.10,nw_dst=172.16.0.99,nw_ttl=1,udp_src=443,udp_dst=443',
    states: [],
  },
] as const;

requireOrSkip('Open vSwitch and OVN', ovsAvailable && ovnAvailable)('the bridge of OVN', () => {
  let ovn: Ovn;
  let unixctl: Unixctl;
  let bridge: LoadedBridge;

  beforeAll(async () => {
    ovn = await startOvn();
    buildNetwork(ovn);
    dropAll(ovn.ovs, 'br-phys');
    unixctl = new Unixctl(controlSocket(ovn.ovs.dir));
    // Tunnels as the kernel has them: no route is looked up, and no second bridge crossed.
    await unixctl.call('dpif/set-dp-features', 'br-int', 'tnl_push_pop', 'false');
    bridge = loadBridge(await dumpBridge(ovn.ovs, unixctl, 'br-int'));
  });

  afterAll(() => {
    unixctl.close();
    ovn.stop();
  });

  test.each(ONCE)('traces $what', async ({ packet, states }) => {
    const found = await compareTraces(unixctl, 'br-int', bridge, packet, states);
    expect(found.ours, found.label).toEqual(found.theirs);
  });

  test(`traces ${CASES} packets as the switch does (seed ${SEED})`, async () => {
    const random = new Random(SEED);
    const known = tunnelPorts(ovn);
    const packets = new Set<string>();
    const outcomes = new Map<string, number>();
    const tables = new Set<number>();
    let forks = 0;
    while (packets.size < CASES) {
      const packet = ovnPacket(random, known);
      const states = connectionStates(random);
      if (packets.has(packet)) continue;
      packets.add(packet);
      const found: Comparison = await compareTraces(unixctl, 'br-int', bridge, packet, states);
      expect(found.ours, found.label).toEqual(found.theirs);
      outcomes.set(found.outcome, (outcomes.get(found.outcome) ?? 0) + 1);
      forks += found.theirs.length - 1;
      for (const { path } of found.theirs) for (const { table } of path) tables.add(table);
    }
    process.stdout.write(
      `packets through OVN: ${[...outcomes].map(([name, count]) => `${count} ${name}`).join(', ')}; ${forks} forks, ${tables.size} tables\n`,
    );
    expect(outcomes.get('output')).toBeGreaterThan(CASES / 10);
    expect(outcomes.get('controller')).toBeGreaterThan(CASES / 20);
    expect(forks).toBeGreaterThan(CASES / 4);
    expect(tables.size).toBeGreaterThan(40);
  });
});
