/**
 * The record's VM1 → VM3, over two nodes: whole traces a second, bare packets through the simulated
 * switches, and Open vSwitch's own ofproto/trace over the same flows in the same run, by one
 * lasting connection to its control socket.
 */
import { formatFlow, formatGroup, formatMeter, parsePacket } from '../src/openflow/text/index.ts';
import { compileAll } from '../src/pipeline/compiler.ts';
import { Conntrack } from '../src/sim/index.ts';
import { imagine, trace } from '../src/trace/index.ts';
import { Unixctl, controlSocket } from '../src/net/unixctl.ts';
import { ovsAvailable, startOvs, type Sandbox } from '../test/support/ovs.ts';
import { allowAll, subjectOf, walkthrough } from '../test/support/traced.ts';
import { VMS, walkthroughNode, walkthroughTopology } from '../test/support/walkthrough.ts';
import { rate, round } from './measure.ts';

const SECONDS = 4;
const [vm1, vm2, vm3] = VMS;
const TUNNEL = 1;
const NODE = {
  node1: { bridge: 'br-int', vtep: '10.163.133.43' },
  node2: { bridge: 'br-int2', vtep: '10.163.133.42' },
} as const;
const NEXT_HOP = 'aa:00:00:00:00:02';

export interface TraceFigures {
  /** Request, answer and established request, each over both nodes, hops explained. */
  readonly tracesPerSecond: number;
  readonly legsPerSecond: number;
  /** The request alone from VM1 to VM3, br-phy included on both nodes, unexplained. */
  readonly packetsPerSecond: number;
  /** Null without Open vSwitch: the same request, a call for each node. */
  readonly ofprotoTracePacketsPerSecond: number | null;
  /** Legs of ours, all explained, to ofproto/trace's. */
  readonly legsRatio: number | null;
  readonly packetsRatio: number | null;
}

const request = (source: string): string =>
  `icmp,${source},ip_src=${vm1.ip},ip_dst=${vm3.ip},nw_ttl=64,icmp_type=8,icmp_code=0`;
const atVm1 = (ofport: number, mac: string): string =>
  request(`in_port=${ofport},eth_src=${mac},eth_dst=fe:ff:ff:ff:ff:ff`);
const OUT_OF_TUNNEL = request(
  `in_port=${TUNNEL},tun_id=0x170b,tun_src=${NODE.node1.vtep},tun_dst=${NODE.node2.vtep},` +
    `eth_src=${vm1.mac},eth_dst=02:00:00:00:00:00`,
);

function fill(sandbox: Sandbox, node: keyof typeof NODE): void {
  const programs = compileAll(walkthroughTopology(), walkthroughNode(node));
  const bridges = { 'br-int': NODE[node].bridge, 'br-phy': 'br-phy' } as const;
  for (const [name, bridge] of Object.entries(bridges) as [keyof typeof bridges, string][]) {
    if (name === 'br-phy' && node !== 'node1') continue;
    const { flows, groups, meters } = programs[name];
    for (const meter of meters) {
      sandbox.ofctl(['-O', 'OpenFlow13', 'add-meter', bridge, formatMeter(meter)]);
    }
    const lines = (texts: readonly string[]) => texts.map((text) => `${text}\n`).join('');
    const groupLines = lines(groups.map((group) => formatGroup(group)));
    sandbox.ofctl(['-O', 'OpenFlow15', 'add-groups', bridge, '-'], groupLines);
    const flowLines = lines(flows.map((flow) => formatFlow(flow)));
    sandbox.ofctl(['-O', 'OpenFlow13', 'add-flows', bridge, '-'], flowLines);
  }
}

/** Two nodes' bridges in one Open vSwitch, which keeps apart what their tunnels listen on. */
async function openVSwitch(): Promise<Sandbox> {
  const sandbox = await startOvs();
  for (const bridge of ['br-int', 'br-int2', 'br-phy']) sandbox.addBridge(bridge);
  const tunnel = ['options:remote_ip=flow', 'options:key=flow'];
  sandbox.addPort('br-int', 'vf', TUNNEL, 'vxlan', ...tunnel);
  sandbox.addPort('br-int2', 'vf2', TUNNEL, 'vxlan', ...tunnel, 'options:dst_port=4790');
  for (const vm of [vm1, vm2]) sandbox.addPort('br-int', `vhu${vm.ofport}`, vm.ofport);
  sandbox.addPort('br-int2', `vhu${vm3.ofport}`, vm3.ofport);
  sandbox.addPort('br-phy', 'dpdk_phy0', 1);
  sandbox.addPort('br-phy', 'dpdk_phy1', 2);
  fill(sandbox, 'node1');
  fill(sandbox, 'node2');
  return sandbox;
}

async function ofprotoTraces(): Promise<number> {
  const sandbox = await openVSwitch();
  const unixctl = new Unixctl(controlSocket(sandbox.dir));
  try {
    await unixctl.call('netdev-dummy/ip4addr', 'br-phy', `${NODE.node1.vtep}/24`);
    await unixctl.call('ovs/route/add', '10.163.133.0/24', 'br-phy');
    await unixctl.call('tnl/arp/set', 'br-phy', NODE.node2.vtep, NEXT_HOP);
    const states = ['--ct-next', 'trk,new'];
    const atNode1 = atVm1(vm1.ofport, vm1.mac);
    const once = async (): Promise<string[]> => [
      await unixctl.call('ofproto/trace', NODE.node1.bridge, atNode1, ...states),
      await unixctl.call('ofproto/trace', NODE.node2.bridge, OUT_OF_TUNNEL, ...states),
    ];
    const [sent = '', received = ''] = await once();
    if (!sent.includes('bridge("br-phy")')) throw new Error(`no tunnel was taken:\n${sent}`);
    if (!received.includes(`output:${vm3.ofport}`))
      throw new Error(`VM3 got nothing:\n${received}`);
    return await rate(SECONDS, once);
  } finally {
    unixctl.close();
    sandbox.stop();
  }
}

export async function benchTrace(): Promise<TraceFigures> {
  const { world, group, vm1: from, vm3: to } = walkthrough();
  allowAll(world, group);
  for (const id of world.topology.find('port.by_host', 'node1')) {
    world.update('port', id, { security_groups: [group] });
  }
  world.update('port', to, { security_groups: [group] });
  const nodes = imagine(world.topology);
  const subject = subjectOf(world, from, to, {}, nodes);
  const { verdict, legs } = trace(subject);
  if (verdict !== 'delivered') throw new Error(`VM1 does not reach VM3: ${verdict}`);
  const traces = await rate(SECONDS, () => trace(subject));

  const ofport = nodes.numbers('node1')?.attachment(from)?.ofport ?? 0;
  const key = parsePacket(atVm1(ofport, world.get('port', from).mac_address));
  const send = () => {
    const trackers = new Map<string, Conntrack>();
    const conntrack = (node: string): Conntrack => {
      const found = trackers.get(node) ?? new Conntrack();
      trackers.set(node, found);
      return found;
    };
    return nodes.fabric.send('node1', ofport, key.slice(), { conntrack });
  };
  const { deliveries } = send();
  if (deliveries[0]?.node !== 'node2') throw new Error('the bare packet does not reach VM3');
  const packets = await rate(SECONDS, send);
  const peer = ovsAvailable ? await ofprotoTraces() : null;
  return {
    tracesPerSecond: round(traces),
    legsPerSecond: round(traces * legs.length),
    packetsPerSecond: round(packets),
    ofprotoTracePacketsPerSecond: peer === null ? null : round(peer),
    legsRatio: peer === null ? null : round((traces * legs.length) / peer),
    packetsRatio: peer === null ? null : round(packets / peer),
  };
}
