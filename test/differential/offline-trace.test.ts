/**
 * Traces over dumped text against `ofproto/trace` of the switch that the text was dumped from: the
 * same flows in the same order, the same packet in the end, the same datapath actions, byte by byte.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { formatFlow, formatGroup, formatMeter } from '../../src/openflow/text/index.ts';
import { compileAll } from '../../src/pipeline/compiler.ts';
import type { Unixctl } from '../../src/net/unixctl.ts';
import {
  loadBridge,
  parseCtState,
  readPacket,
  traceOffline,
  type LoadedBridge,
} from '../../src/trace/offline/index.ts';
import { ovsAvailable, type Sandbox } from '../support/ovs.ts';
import { requireOrSkip } from '../support/require.ts';
import { startTracedSwitch } from '../support/traced-switch.ts';
import { VMS, walkthroughNode, walkthroughTopology } from '../support/walkthrough.ts';
import { flatten, outcomeOf, readSections } from './offline-peer.ts';
import { dumpBridge } from './offline-switch.ts';
import { PORTS } from './sim-generator-fields.ts';
import { randomPacket, randomProgram } from './sim-generator.ts';
import { Random } from './sim-random.ts';
import { alike, ctNext, STATES } from './sim-states.ts';

const SEED = Number(process.env['TIANCHI_SEED'] ?? 1);
const CASES = Number(process.env['TIANCHI_CASES'] ?? 100);
/** Of each program: loading one costs as much as tracing many. */
const PACKETS = 5;
requireOrSkip('Open vSwitch', ovsAvailable)('traces over dumped text', () => {
  let sandbox: Sandbox;
  let unixctl: Unixctl;
  let stop: () => void;

  beforeAll(async () => {
    ({ sandbox, unixctl, stop } = await startTracedSwitch(PORTS));
  });

  afterAll(() => stop());

  function program(name: string, flows: readonly string[], groups: readonly string[] = []): void {
    sandbox.ofctl(['del-flows', name]);
    sandbox.ofctl(['-O', 'OpenFlow15', 'del-groups', name]);
    const lines = (texts: readonly string[]) => texts.map((text) => `${text}\n`).join('');
    sandbox.ofctl(['-O', 'OpenFlow15', 'add-groups', name, '-'], lines(groups));
    sandbox.ofctl(['-O', 'OpenFlow15', 'add-flows', name, '-'], lines(flows));
  }

  const dumped = async (name: string): Promise<LoadedBridge> =>
    loadBridge(await dumpBridge(sandbox, unixctl, name));

  async function compare(
    bridge: LoadedBridge,
    packet: string,
    states: readonly string[],
    label: string,
  ) {
    const { name } = bridge.sim;
    const text = await unixctl.call('ofproto/trace', name, packet, ...ctNext(states));
    const expected = readSections(text);
    const { section } = traceOffline(
      bridge,
      readPacket(packet, bridge.textOptions, null),
      states.map(parseCtState),
    );
    const found = flatten(section);
    expect(found, `${label}\n${text}`).toEqual(expected);
    expect(section.outcome, `${label}\n${text}`).toBe(outcomeOf(expected));
    return { sections: expected.length, outcome: section.outcome };
  }

  it(`agrees on ${CASES} random packets (seed ${SEED})`, async () => {
    const outcomes = new Map<string, number>();
    let forks = 0;
    for (let index = 0; index * PACKETS < CASES; index += 1) {
      const random = new Random(SEED * 1000 + index);
      const { flows, groups } = randomProgram(random);
      program(
        'br0',
        flows.map(({ text }) => text),
        groups.map(({ text }) => text),
      );
      const bridge = await dumped('br0');
      for (let number = 0; number < PACKETS; number += 1) {
        const packet = randomPacket(random);
        const state = random.pick([...STATES, 'trk|rpl|est|dnat']);
        const label = `seed ${SEED}, program ${index}, packet ${number}: ${packet.text} --ct-next ${state}`;
        const { sections, outcome } = await compare(bridge, packet.text, alike(state), label);
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        forks += sections - 1;
      }
    }
    // A comparison of nothing but drops would prove nothing.
    expect(outcomes.get('output')).toBeGreaterThan(CASES / 8);
    expect(forks).toBeGreaterThan(CASES / 40);
  });

  it("takes the record's VMs and what comes out of its tunnel through the record's pipeline", async () => {
    const [vm1, vm2, vm3] = VMS;
    const { flows, groups, meters } = compileAll(walkthroughTopology(), walkthroughNode('node1'))[
      'br-int'
    ];
    sandbox.addBridge('br-int');
    await unixctl.call('dpif/set-dp-features', 'br-int', 'tnl_push_pop', 'false');
    sandbox.addPort('br-int', 'vf', 1, 'vxlan', 'options:remote_ip=flow', 'options:key=flow');
    for (const vm of [vm1, vm2]) sandbox.addPort('br-int', `vhu${vm.ofport}`, vm.ofport);
    for (const meter of meters) {
      sandbox.ofctl(['-O', 'OpenFlow13', 'add-meter', 'br-int', formatMeter(meter)]);
    }
    program(
      'br-int',
      flows.map((flow) => formatFlow(flow)),
      groups.map((group) => formatGroup(group)),
    );
    const bridge = await dumped('br-int');
    const from1 = (rest: string) =>
      `in_port=${vm1.ofport},dl_src=${vm1.mac},dl_dst=fe:ff:ff:ff:ff:ff,nw_src=${vm1.ip},nw_ttl=64,${rest}`;
    const tunnelled = (mac: string) =>
      `in_port=1,tun_id=0x170b,tun_src=10.163.133.42,tun_dst=10.163.133.43,dl_src=${mac},dl_dst=02:00:00:00:00:00,icmp,nw_src=${vm3.ip},nw_dst=${vm1.ip},nw_ttl=64`;
    const packets = [
      ...[vm2.ip, vm3.ip, vm3.floating, '178.1.3.1', '178.1.3.77', vm1.ip].flatMap((to) => [
        from1(`nw_dst=${to},icmp,icmp_type=8`).replace(/^(.*),(icmp),/, '$2,$1,'),
        from1(`nw_dst=${to},tp_src=40000,tp_dst=22`).replace(/^/, 'tcp,'),
      ]),
      `arp,in_port=${vm1.ofport},dl_src=${vm1.mac},dl_dst=ff:ff:ff:ff:ff:ff,arp_op=1,arp_spa=${vm1.ip},arp_tpa=${vm2.ip},arp_sha=${vm1.mac}`,
      ...[vm3.mac, '02:00:00:00:00:01', '04:00:00:00:77:00'].map((mac) =>
        tunnelled(mac).replace(/^(.*),icmp,/, 'icmp,$1,'),
      ),
    ];
    const ends = new Set<string>();
    for (const packet of packets) {
      for (const state of ['trk|new', 'trk|est', 'trk|inv', 'trk|est|rpl']) {
        const states = Array.from({ length: 4 }, () => state);
        const { outcome } = await compare(bridge, packet, states, `${packet} ${state}`);
        ends.add(outcome);
      }
    }
    expect(ends).toEqual(new Set(['output', 'drop']));
  });

  it('writes the headers of tunnels', async () => {
    sandbox.addBridge('br-tun');
    await unixctl.call('dpif/set-dp-features', 'br-tun', 'tnl_push_pop', 'false');
    const tunnels: readonly (readonly [name: string, type: string, ...options: string[]])[] = [
      ['vx', 'vxlan', 'remote_ip=10.8.0.2', 'local_ip=10.8.0.1', 'key=5', 'ttl=9', 'tos=0x20'],
      ['vr', 'vxlan', 'remote_ip=flow', 'key=flow', 'dst_port=4790', 'tos=inherit', 'ttl=inherit'],
      ['gb', 'vxlan', 'remote_ip=10.8.0.3', 'key=flow', 'exts=gbp', 'dst_port=4791'],
      ['gn', 'geneve', 'remote_ip=flow', 'key=flow', 'csum=true', 'df_default=false'],
      ['g6', 'geneve', 'remote_ip=2001:db8::2', 'out_key=flow', 'in_key=3'],
      ['gr', 'gre', 'remote_ip=10.8.0.4'],
    ];
    for (const [index, [name, type, ...options]] of tunnels.entries()) {
      const given = options.map((option) => `options:${option}`);
      sandbox.addPort('br-tun', name, 10 + index, type, ...given);
    }
    sandbox.addPort('br-tun', 'pt', 1);
    sandbox.ofctl(['add-tlv-map', 'br-tun', '{class=0x102,type=0x80,len=4}->tun_metadata0']);
    sandbox.ofctl(['add-tlv-map', 'br-tun', '{class=0x103,type=0x1,len=8}->tun_metadata3']);
    const options = 'set_field:0x1234->tun_metadata0,set_field:0x99->tun_metadata3';
    program('br-tun', [
      'table=0,priority=5,tcp,actions=output:10,mod_nw_src:10.0.0.9,output:10,output:12,output:15',
      `table=0,priority=4,udp,actions=set_field:0x17->tun_id,set_field:10.8.0.7->tun_dst,output:11,${options},output:13,output:14`,
      'table=0,priority=3,icmp,actions=set_field:7->tun_gbp_id,set_field:0x8->tun_gbp_flags,output:12,output:11',
      'table=0,priority=2,arp,actions=set_field:10.8.0.7->tun_dst,ALL',
    ]);
    const bridge = await dumped('br-tun');
    const packets = [
      'in_port=1,tcp,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_tos=40,nw_ecn=3,nw_ttl=7',
      'in_port=1,udp,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_tos=40,nw_ecn=1,nw_ttl=7',
      'in_port=1,icmp,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=7',
      'in_port=11,udp,tun_id=3,tun_src=10.8.0.7,tun_dst=10.8.0.1,nw_src=10.0.0.1,nw_ttl=3',
      'in_port=13,tun_id=3,tun_src=10.8.0.7,tun_dst=10.8.0.1,tun_metadata0=0x5,udp,nw_ttl=3',
    ];
    for (const packet of packets) await compare(bridge, packet, [], packet);
  });
});
