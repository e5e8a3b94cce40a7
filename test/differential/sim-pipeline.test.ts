/**
 * What the compiler makes of the record's walkthrough, in a real switch: ofproto/trace takes the
 * path through br-int and br-phy that the simulated switch takes.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { FlowKey } from '../../src/openflow/fields.ts';
import { PORT } from '../../src/openflow/flow.ts';
import {
  formatFlow,
  formatGroup,
  formatMeter,
  parsePacket,
} from '../../src/openflow/text/index.ts';
import { compileAll } from '../../src/pipeline/compiler.ts';
import { execute, SimBridge, type SimPort } from '../../src/sim/index.ts';
import { Unixctl, controlSocket } from '../../src/net/unixctl.ts';
import { ovsAvailable, startOvs, type Sandbox } from '../support/ovs.ts';
import { requireOrSkip } from '../support/require.ts';
import { VMS, walkthroughNode, walkthroughTopology } from '../support/walkthrough.ts';
import { readTrace } from './sim-ofproto-trace.ts';
import { alike, always, ctNext } from './sim-states.ts';

const [vm1, vm2, vm3] = VMS;
const TUNNEL = 1;
const VTEP = { node1: '10.163.133.43', node2: '10.163.133.42' } as const;
const MAC = { node1: 'aa:00:00:00:00:01', node2: 'aa:00:00:00:00:02' } as const;

const ping = (to: string) =>
  `icmp,in_port=${vm1.ofport},eth_src=${vm1.mac},eth_dst=fe:ff:ff:ff:ff:ff,` +
  `ip_src=${vm1.ip},ip_dst=${to},nw_ttl=64,icmp_type=8,icmp_code=0`;
const fromTunnel = (source: string) =>
  `icmp,in_port=${TUNNEL},tun_id=0x170b,tun_src=${VTEP.node2},tun_dst=${VTEP.node1},` +
  `eth_src=${source},eth_dst=02:00:00:00:00:00,ip_src=${vm3.ip},ip_dst=${vm1.ip},nw_ttl=64,icmp_type=0,icmp_code=0`;

/** Packets into br-int of node1; br-phy follows when the tunnel is taken. */
const PACKETS = [
  { name: 'VM1 to VM2', packet: ping(vm2.ip), states: ['trk|new', 'trk|est'] },
  { name: 'VM1 to VM3, into the tunnel', packet: ping(vm3.ip), states: ['trk|new', 'trk|est'] },
  { name: 'VM1 to nobody', packet: ping('178.1.3.77'), states: ['trk|new'] },
  { name: 'VM1 to its gateway', packet: ping('178.1.3.1'), states: ['trk|new'] },
  { name: 'VM1 to itself', packet: ping(vm1.ip), states: ['trk|new'] },
  { name: 'VM1 to a floating ip', packet: ping(vm3.floating), states: ['trk|new'] },
  {
    name: 'an invalid packet of VM1',
    packet: ping(vm2.ip),
    states: ['trk|inv', 'trk|rel'],
  },
  {
    name: 'VM1 as somebody else',
    packet: ping(vm2.ip).replace(vm1.ip, '178.1.3.9'),
    states: ['trk|new'],
  },
  {
    name: 'VM3 to VM1, out of the tunnel',
    packet: fromTunnel(vm3.mac),
    states: ['trk|est', 'trk|new'],
  },
  { name: 'a custom route', packet: fromTunnel('02:00:00:00:00:01'), states: ['trk|new'] },
  { name: 'a load balancer', packet: fromTunnel('04:00:00:00:77:00'), states: ['trk|new'] },
  { name: 'the gateway', packet: fromTunnel('05:00:00:00:00:00'), states: ['trk|new'] },
] as const;

/** A node's bridges with the ports that its program names. */
function simulated(programs: ReturnType<typeof compileAll>) {
  const port = (ofport: number, kind: SimPort['kind']) => ({
    ofport,
    name: `${kind}${ofport}`,
    kind,
    up: true,
  });
  const intPorts = [port(TUNNEL, 'tunnel'), port(vm1.ofport, 'vm'), port(vm2.ofport, 'vm')];
  const int = new SimBridge('br-int', intPorts);
  const phy = new SimBridge('br-phy', [
    port(1, 'uplink'),
    port(2, 'uplink'),
    port(PORT.local, 'local'),
  ]);
  int.apply(programs['br-int']);
  phy.apply(programs['br-phy']);
  return { int, phy };
}

requireOrSkip('Open vSwitch', ovsAvailable)('the walkthrough in a real switch', () => {
  const programs = compileAll(walkthroughTopology(), walkthroughNode('node1'));
  const { int, phy } = simulated(programs);
  let sandbox: Sandbox;
  let unixctl: Unixctl;

  beforeAll(async () => {
    sandbox = await startOvs();
    for (const bridge of ['br-int', 'br-phy'] as const) sandbox.addBridge(bridge);
    sandbox.addPort('br-int', 'vf', TUNNEL, 'vxlan', 'options:remote_ip=flow', 'options:key=flow');
    for (const vm of [vm1, vm2]) sandbox.addPort('br-int', `vhu${vm.ofport}`, vm.ofport);
    sandbox.addPort('br-phy', 'dpdk_phy0', 1);
    sandbox.addPort('br-phy', 'dpdk_phy1', 2);
    for (const bridge of ['br-int', 'br-phy'] as const) {
      const { flows, groups, meters } = programs[bridge];
      for (const meter of meters) {
        sandbox.ofctl(['-O', 'OpenFlow13', 'add-meter', bridge, formatMeter(meter)]);
      }
      const lines = (texts: readonly string[]) => texts.map((text) => `${text}\n`).join('');
      const version = ['-O', 'OpenFlow15'];
      sandbox.ofctl(
        [...version, 'add-groups', bridge, '-'],
        lines(groups.map((g) => formatGroup(g))),
      );
      sandbox.ofctl(
        ['-O', 'OpenFlow13', 'add-flows', bridge, '-'],
        lines(flows.map((f) => formatFlow(f))),
      );
    }
    unixctl = new Unixctl(controlSocket(sandbox.dir));
    await unixctl.call('netdev-dummy/ip4addr', 'br-phy', `${VTEP.node1}/24`);
    await unixctl.call('ovs/route/add', '10.163.133.0/24', 'br-phy');
    await unixctl.call('tnl/arp/set', 'br-phy', VTEP.node2, MAC.node2);
  });

  afterAll(() => {
    unixctl.close();
    sandbox.stop();
  });

  /** `table:cookie` of each flow met, a fork after all that its packet met. */
  function ours(key: FlowKey, state: string): string[] {
    const options = { conntrack: always(state), now: 0 };
    const visits = (bridge: SimBridge, packet: FlowKey): string[] => {
      const { steps } = execute(bridge, packet, options);
      const flows = steps.flatMap((step) =>
        step.kind === 'table' ? [`${step.table}:${step.flow?.cookie ?? 'none'}`] : [],
      );
      const tunnelled = steps.some((step) => step.kind === 'output' && step.port === TUNNEL);
      const outer = parsePacket(
        `udp,in_port=LOCAL,eth_src=${MAC.node1},eth_dst=${MAC.node2},ip_src=${VTEP.node1},ip_dst=${VTEP.node2},udp_dst=4789`,
      );
      return tunnelled && bridge === int ? [...flows, ...visits(phy, outer)] : flows;
    };
    return visits(int, key);
  }

  for (const { name, packet, states } of PACKETS) {
    it.each(states)(`${name}, %s`, async (state) => {
      const text = await unixctl.call('ofproto/trace', 'br-int', packet, ...ctNext(alike(state)));
      const expected = readTrace(text, new Map()).flatMap(({ flows }) => flows);
      expect(ours(parsePacket(packet), state)).toEqual(expected);
      expect(expected.length).toBeGreaterThan(0);
    });
  }

  it('takes the tunnel in both switches', async () => {
    const text = await unixctl.call('ofproto/trace', 'br-int', ping(vm3.ip));
    expect(text).toContain(`${VTEP.node1} to ${MAC.node2} ${VTEP.node2}`);
    expect(text).toContain('bridge("br-phy")');
  });
});
