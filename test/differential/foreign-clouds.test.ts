/**
 * Traces over the dumps of bridges as other clouds program them against `ofproto/trace` of those
 * bridges: conntrack firewalls with conjunctions, tunnels with learnt addresses, services by groups.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Unixctl, controlSocket } from '../../src/net/unixctl.ts';
import { loadBridge } from '../../src/trace/offline/index.ts';
import {
  clusterBridge,
  GUESTS,
  INTEGRATION,
  integrationBridge,
  TUNNELS,
  tunnelBridge,
  type CloudBridge,
} from '../support/cloud-flows.ts';
import { ovsAvailable, startOvs, type Sandbox } from '../support/ovs.ts';
import { requireOrSkip } from '../support/require.ts';
import { clusterPacket, integrationPacket, tunnelPacket } from './foreign-cloud-packets.ts';
import { connectionStates } from './foreign-ovn-packets.ts';
import { compareTraces, dropAll } from './foreign-peer.ts';
import { dumpBridge } from './offline-switch.ts';
import { Random } from './sim-random.ts';

const SEED = Number(process.env['TIANCHI_SEED'] ?? 1);
const CASES = Number(process.env['TIANCHI_CASES'] ?? 200);
const PACKETS_A_PROGRAM = 100;

const FAR = 'br-far';

interface Cloud {
  readonly bridge: string;
  readonly program: (random: Random) => CloudBridge;
  readonly packet: (random: Random) => string;
}

const CLOUDS: readonly Cloud[] = [
  { bridge: 'br-int', program: integrationBridge, packet: integrationPacket },
  { bridge: 'br-tun', program: tunnelBridge, packet: tunnelPacket },
  { bridge: 'br-k8s', program: clusterBridge, packet: clusterPacket },
];

requireOrSkip('Open vSwitch', ovsAvailable)("others' bridges", () => {
  let sandbox: Sandbox;
  let unixctl: Unixctl;

  /** A patch port into the bridge that drops all. */
  function lead(bridge: string, name: string, ofport: number): void {
    sandbox.addPort(bridge, name, ofport, 'patch', `options:peer=far-${name}`);
    sandbox.addPort(
      FAR,
      `far-${name}`,
      ofport + (bridge === 'br-tun' ? 10 : 0),
      'patch',
      `options:peer=${name}`,
    );
  }

  beforeAll(async () => {
    sandbox = await startOvs();
    for (const bridge of [FAR, ...CLOUDS.map((cloud) => cloud.bridge)]) sandbox.addBridge(bridge);
    for (const { port } of GUESTS) {
      sandbox.addPort('br-int', `tap${port}`, port);
      sandbox.addPort('br-k8s', `pod${port}`, port);
    }
    lead('br-int', 'int-br-ex', INTEGRATION.physical);
    lead('br-int', 'patch-tun', INTEGRATION.tunnels);
    lead('br-tun', 'patch-int', TUNNELS.integration);
    for (const [index, port] of [TUNNELS.first, TUNNELS.second].entries()) {
      const options = [`options:remote_ip=192.0.2.${index + 1}`, 'options:key=flow'];
      sandbox.addPort('br-tun', `vxlan-${index}`, port, 'vxlan', ...options);
    }
    dropAll(sandbox, FAR);
    sandbox.ofctl([
      '-O',
      'OpenFlow13',
      'add-meter',
      'br-k8s',
      'meter=1,pktps,bands=type=drop,rate=100',
    ]);
    unixctl = new Unixctl(controlSocket(sandbox.dir));
    // Tunnels as the kernel has them: no route is looked up, and no second bridge crossed.
    await unixctl.call('dpif/set-dp-features', 'br-tun', 'tnl_push_pop', 'false');
  });

  afterAll(() => {
    unixctl.close();
    sandbox.stop();
  });

  function program(bridge: string, { flows, groups }: CloudBridge): void {
    const lines = (texts: readonly string[]) => texts.map((text) => `${text}\n`).join('');
    sandbox.ofctl(['-O', 'OpenFlow13', 'del-flows', bridge]);
    sandbox.ofctl(['-O', 'OpenFlow15', 'del-groups', bridge]);
    sandbox.ofctl(['-O', 'OpenFlow15', 'add-groups', bridge, '-'], lines(groups));
    sandbox.ofctl(['-O', 'OpenFlow13', 'add-flows', bridge, '-'], lines(flows));
  }

  describe.each(CLOUDS)('$bridge', (cloud) => {
    test(`traces ${CASES} packets as the switch does (seed ${SEED})`, async () => {
      const outcomes = new Map<string, number>();
      const flows = new Set<string>();
      let forks = 0;
      for (let first = 0; first < CASES; first += PACKETS_A_PROGRAM) {
        const random = new Random(SEED * 1000 + first);
        program(cloud.bridge, cloud.program(random));
        const bridge = loadBridge(await dumpBridge(sandbox, unixctl, cloud.bridge));
        for (let count = 0; count < Math.min(PACKETS_A_PROGRAM, CASES - first); count += 1) {
          const packet = cloud.packet(random);
          const found = await compareTraces(
            unixctl,
            cloud.bridge,
            bridge,
            packet,
            connectionStates(random),
          );
          expect(found.ours, found.label).toEqual(found.theirs);
          outcomes.set(found.outcome, (outcomes.get(found.outcome) ?? 0) + 1);
          forks += found.theirs.length - 1;
          for (const { path } of found.theirs) {
            for (const { table, match } of path) flows.add(`${table} ${match}`);
          }
        }
      }
      process.stdout.write(
        `packets through ${cloud.bridge}: ${[...outcomes].map(([name, count]) => `${count} ${name}`).join(', ')}; ${forks} forks, ${flows.size} flows\n`,
      );
      expect(outcomes.get('output')).toBeGreaterThan(CASES / 10);
      expect(flows.size).toBeGreaterThan(15);
    });
  });
});
