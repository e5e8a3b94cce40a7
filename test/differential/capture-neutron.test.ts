/**
 * A cloud that is not ours, in the shape that Neutron's Open vSwitch agent gives it: br-int with a
 * conntrack firewall, br-tun with VXLAN, patch ports between them, the tunnels over a third bridge.
 * Two real switches, wired together, are collected by the shell script; what a trace over that
 * folder says is compared with what real packets do.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TraceJson } from '../../src/trace/render/json.ts';
import { tianchi } from '../cli/cloud.ts';
import { ovsAvailable, startOvs, type Sandbox } from '../support/ovs.ts';
import { requireOrSkip } from '../support/require.ts';

const describeOvs = requireOrSkip('Open vSwitch', ovsAvailable);
const SCRIPT = fileURLToPath(new URL('../../packaging/capture.sh', import.meta.url));

interface Guest {
  readonly name: string;
  readonly ofport: number;
  readonly mac: string;
  readonly ip: string;
  /** The VNI of its network. */
  readonly network: number;
}

interface Compute {
  readonly name: string;
  readonly vtep: string;
  /** MAC of the bridge under the tunnels. */
  readonly mac: string;
  readonly guests: readonly Guest[];
  /** The node's own VLAN of a network. */
  vlan(network: number): number;
}

const guest = (index: number, network: number): Guest => ({
  name: `tap0000000${index}-0${index}`,
  ofport: 10 + index,
  mac: `fa:16:3e:00:00:0${index}`,
  ip: `10.${network}.0.${index}`,
  network,
});
const [A, B, C, D] = [guest(1, 1), guest(2, 1), guest(3, 1), guest(4, 2)];
/** On a network without a firewall: br-int leaves it to NORMAL and the VLAN of the port. */
const [E, F] = [guest(5, 3), guest(6, 3)];
const plain = ({ network }: Guest): boolean => network === 3;
const ONE: Compute = {
  name: 'compute1',
  vtep: '198.51.100.1',
  mac: 'aa:00:00:00:00:01',
  guests: [A, B, E],
  vlan: (network) => network,
};
const TWO: Compute = {
  name: 'compute2',
  vtep: '198.51.100.2',
  mac: 'aa:00:00:00:00:02',
  guests: [C, D, F],
  vlan: (network) => network + 4,
};
const VNI = (network: number): number => 0x500 + network;
const hex = (number: number): string => `0x${number.toString(16)}`;
/** Where Neutron puts the port and the network. */
const LOADED = ({ ofport }: Guest, vlan: number): string =>
  `set_field:${hex(ofport)}->reg5,set_field:${hex(vlan)}->reg6`;

/** The rules: a guest lets pings and ssh in, everything out, and what belongs to a connection. */
function integration(node: Compute): string[] {
  const flows = [
    'table=0,priority=0 actions=resubmit(,60)',
    'table=60,priority=3 actions=NORMAL',
    'table=71,priority=10,ct_state=-trk actions=drop',
    'table=72,priority=50,ct_state=+inv+trk actions=drop',
    'table=72,priority=40,ct_state=+est actions=resubmit(,94)',
    'table=72,priority=0 actions=drop',
    'table=82,priority=50,ct_state=+inv+trk actions=drop',
    'table=82,priority=0 actions=drop',
    'table=94,priority=1 actions=drop',
  ];
  for (const it of node.guests) {
    const { ofport, mac, ip } = it;
    const vlan = node.vlan(it.network);
    const here = `reg5=${hex(ofport)}`;
    const zone = 'zone=NXM_NX_REG6[0..15]';
    if (plain(it)) continue;
    flows.push(
      `table=60,priority=100,in_port=${ofport} actions=${LOADED(it, vlan)},resubmit(,71)`,
      `table=60,priority=90,dl_vlan=${vlan},dl_dst=${mac} actions=${LOADED(it, vlan)},strip_vlan,resubmit(,81)`,
      `table=71,priority=95,arp,${here},in_port=${ofport},dl_src=${mac},arp_spa=${ip} actions=resubmit(,94)`,
      `table=71,priority=65,ip,${here},in_port=${ofport},dl_src=${mac},nw_src=${ip} actions=ct(table=72,${zone})`,
      `table=72,priority=74,ct_state=+new-est,ip,${here} actions=ct(commit,${zone}),resubmit(,94)`,
      `table=94,priority=12,reg6=${hex(vlan)},dl_dst=${mac} actions=set_field:${hex(ofport)}->reg5,resubmit(,81)`,
      `table=94,priority=10,reg6=${hex(vlan)} actions=mod_vlan_vid:${vlan},output:1`,
      `table=81,priority=100,arp,${here} actions=output:${ofport}`,
      `table=81,priority=90,ct_state=-trk,ip,${here} actions=ct(table=82,${zone})`,
      `table=81,priority=80,ct_state=+trk,${here} actions=resubmit(,82)`,
      `table=82,priority=50,ct_state=+est,ip,${here} actions=output:${ofport}`,
      `table=82,priority=77,ct_state=+new-est,icmp,${here} actions=ct(commit,${zone}),output:${ofport}`,
      `table=82,priority=77,ct_state=+new-est,tcp,${here},tp_dst=22 actions=ct(commit,${zone}),output:${ofport}`,
    );
  }
  return flows;
}

function tunnels(node: Compute, peer: Compute): string[] {
  const networks = [...new Set([...node.guests, ...peer.guests].map(({ network }) => network))];
  return [
    'table=0,priority=1,in_port=1 actions=resubmit(,2)',
    'table=0,priority=1,in_port=2 actions=resubmit(,4)',
    'table=0,priority=0 actions=drop',
    'table=2,priority=1,dl_dst=00:00:00:00:00:00/01:00:00:00:00:00 actions=resubmit(,20)',
    'table=2,priority=0 actions=drop',
    'table=4,priority=0 actions=drop',
    'table=10,priority=1 actions=output:1',
    'table=20,priority=0 actions=drop',
    ...networks.map(
      (it) =>
        `table=4,priority=1,tun_id=${hex(VNI(it))} actions=mod_vlan_vid:${node.vlan(it)},resubmit(,10)`,
    ),
    ...peer.guests.map(
      ({ network, mac }) =>
        `table=20,priority=2,dl_vlan=${node.vlan(network)},dl_dst=${mac} actions=strip_vlan,set_tunnel:${hex(VNI(network))},output:2`,
    ),
  ];
}

const UNDERLAY = ['in_port=LOCAL actions=output:1', 'in_port=1 actions=LOCAL'];

describeOvs('a cloud in the shape of Neutron', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'tianchi-neutron-'));
  const folder = join(scratch, 'cloud');
  const switches = new Map<Compute, Sandbox>();
  const seen = ({ name }: Guest): string => join(scratch, `${name}.pcap`);

  /** Makes the switch of a node; the second one's uplink connects to the first's. */
  async function raise(node: Compute, peer: Compute): Promise<void> {
    const ovs = await startOvs();
    switches.set(node, ovs);
    for (const bridge of ['br-int', 'br-tun', 'br-ex']) ovs.addBridge(bridge);
    ovs.vsctl('set', 'bridge', 'br-ex', `other-config:hwaddr="${node.mac}"`);
    ovs.addPort('br-int', 'patch-tun', 1, 'patch', 'options:peer=patch-int');
    ovs.addPort('br-tun', 'patch-int', 1, 'patch', 'options:peer=patch-tun');
    const key = ['options:in_key=flow', 'options:out_key=flow'];
    // Without local_ip, which Neutron sets: the switch wants that on an interface of the machine itself.
    const remote = `options:remote_ip=${peer.vtep}`;
    ovs.addPort('br-tun', `vxlan-${peer.name}`, 2, 'vxlan', remote, ...key);
    const wire = join(scratch, 'wire');
    const link = node === ONE ? `options:pstream=punix:${wire}` : `options:stream=unix:${wire}`;
    ovs.addPort('br-ex', 'eth1', 1, 'dummy', link);
    for (const it of node.guests) {
      ovs.addPort('br-int', it.name, it.ofport, 'dummy', `options:tx_pcap=${seen(it)}`);
      const ids = [
        `external_ids:iface-id=port-${it.ofport}`,
        `external_ids:attached-mac="${it.mac}"`,
      ];
      ovs.vsctl('set', 'interface', it.name, ...ids);
      ovs.vsctl('set', 'port', it.name, `tag=${node.vlan(it.network)}`);
    }
    ovs.appctl('netdev-dummy/ip4addr', 'br-ex', `${node.vtep}/24`);
    ovs.appctl('ovs/route/add', '198.51.100.0/24', 'br-ex');
    ovs.appctl('tnl/arp/set', 'br-ex', peer.vtep, peer.mac);
    const add = (bridge: string, flows: readonly string[]) =>
      ovs.ofctl(['-O', 'OpenFlow13', 'add-flows', bridge, '-'], flows.join('\n'));
    add('br-int', integration(node));
    add('br-tun', tunnels(node, peer));
    add('br-ex', UNDERLAY);
  }

  /** Runs the script as an administrator would on the node: its tools find the switch by themselves. */
  function collect(node: Compute, into: string): void {
    const ovs = switches.get(node);
    if (ovs === undefined) throw new Error(`${node.name} is not up`);
    const bin = join(scratch, `bin-${node.name}`);
    const real = execFileSync('sh', ['-c', 'command -v ovs-appctl'], { encoding: 'utf8' }).trim();
    execFileSync('mkdir', ['-p', bin]);
    const appctl = join(bin, 'ovs-appctl');
    writeFileSync(appctl, `#!/bin/sh\nexec ${real} -t ${ovs.dir}/ovs-vswitchd.ctl "$@"\n`);
    chmodSync(appctl, 0o755);
    const env = { ...process.env, OVS_RUNDIR: ovs.dir, PATH: `${bin}:${process.env['PATH']}` };
    execFileSync('sh', [SCRIPT, into, node.name], { env, stdio: 'pipe' });
  }

  beforeAll(async () => {
    await raise(ONE, TWO);
    await raise(TWO, ONE);
    collect(ONE, folder);
    collect(TWO, folder);
  });
  afterAll(() => {
    for (const ovs of switches.values()) ovs.stop();
    rmSync(scratch, { recursive: true, force: true });
  });

  const packets = (it: Guest): number => (existsSync(seen(it)) ? statSync(seen(it)).size : 0);

  /** Whether a packet that `from` sends comes out of the port of `to` within so many ms. */
  async function arrives(from: Guest, to: Guest, rest: string, patience: number): Promise<boolean> {
    const node = [ONE, TWO].find(({ guests }) => guests.includes(from));
    const ovs = node && switches.get(node);
    const before = packets(to);
    const ends = `eth(src=${from.mac},dst=${to.mac}),eth_type(0x0800),ipv4(src=${from.ip},dst=${to.ip},tos=0,ttl=64,frag=no,${rest}`;
    ovs?.appctl('netdev-dummy/receive', from.name, `in_port(1),${ends}`);
    for (let waited = 0; waited < patience; waited += 25) {
      if (packets(to) > before) return true;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    return false;
  }

  const PING = 'proto=1),icmp(type=8,code=0)';
  const tcp = (port: number) => `proto=6),tcp(src=40000,dst=${port}),tcp_flags(0x002)`;
  const over = (from: string, to: string, ...rest: readonly string[]) =>
    tianchi(['trace', from, to, ...rest, '--source', folder]);
  async function traced(from: string, to: string, protocol: string): Promise<TraceJson> {
    const { status, out, err } = await over(from, to, protocol, '--json');
    expect({ status, err }).toEqual({ status: 0, err: '' });
    return JSON.parse(out) as TraceJson;
  }

  test.each([
    ['a ping to the other node', A, C, PING, 'icmp', 'delivered'],
    ['a ping within a node', A, B, PING, 'icmp', 'delivered'],
    ['ssh to the other node', A, C, tcp(22), 'tcp/22', 'delivered'],
    ['what no rule lets in', A, C, tcp(80), 'tcp/80', 'dropped'],
    ['what no rule lets in on its own node', B, A, tcp(80), 'tcp/80', 'dropped'],
    ['another network', A, D, PING, 'icmp', 'dropped'],
    ['a network that is left to NORMAL', E, F, tcp(80), 'tcp/80', 'delivered'],
    ['the other way', C, B, tcp(22), 'tcp/22', 'delivered'],
  ] as const)('%s', async (_what, from, to, packet, protocol, verdict) => {
    const node = from === C ? TWO : ONE;
    // Where nothing guards against spoofing, nothing tells whose an address is.
    const told = ({ ip }: Guest) => (plain(from) ? `,ip=${ip}` : '');
    const ends = [`${node.name}:${from.name}${told(from)}`, `${to.mac}${told(to)}`] as const;
    const trace = await traced(...ends, protocol);
    expect(trace.verdict).toBe(verdict);
    const due = verdict === 'delivered';
    expect(await arrives(from, to, packet, due ? 5000 : 300)).toBe(due);
  });

  test('each hop is a flow of the bridge that it is told of, through patches and tunnel', async () => {
    const { legs } = await traced(`compute1:${A.name}`, C.ip, 'tcp/22');
    expect(legs.map(({ verdict }) => verdict)).toEqual(['delivered', 'delivered', 'delivered']);
    const [first] = legs;
    const ways = (first?.hops ?? []).map(({ node, bridge, table, name }) => {
      expect(name).toBe('');
      return `${node} ${bridge} ${table}`;
    });
    expect(ways).toEqual([
      ...[0, 60, 71, 72, 94].map((table) => `compute1 br-int ${table}`),
      ...[0, 2, 20].map((table) => `compute1 br-tun ${table}`),
      'compute1 br-ex 0',
      'compute2 br-ex 0',
      ...[0, 4, 10].map((table) => `compute2 br-tun ${table}`),
      ...[0, 60, 81, 82].map((table) => `compute2 br-int ${table}`),
    ]);
  });

  test('the other printers tell the way', async () => {
    const text = await over(`compute1:${A.ofport}`, C.mac);
    expect(text.out).toContain('patch-tun leads to br-tun');
    expect(text.out).toContain('wraps it in VXLAN to 198.51.100.2, VNI 0x501');
    for (const format of ['markdown', 'svg', 'html']) {
      const { status, out } = await over(`port-${A.ofport}`, C.mac, '--format', format);
      expect(status).toBe(0);
      expect(out).toContain('br-tun');
    }
  });

  test('a drop is told by its flow', async () => {
    const { reason } = await traced(A.mac, C.mac, 'tcp/80');
    expect(reason).toMatchObject({ code: 'dropped_by_flow', node: 'compute2', table: 82 });
    expect(reason?.message).toContain('table=82, priority=0 actions=drop');
  });

  test('a connection that the switches have gone through stands', async () => {
    expect((await traced(A.mac, C.mac, 'tcp/8022')).verdict).toBe('dropped');
    const connection = [22, 8022].map((port) => [
      `tcp,orig=(src=${A.ip},dst=${C.ip},sport=40000,dport=${port})`,
      `reply=(src=${C.ip},dst=${A.ip},sport=${port},dport=40000)`,
    ]);
    const later = join(scratch, 'later');
    collect(ONE, later);
    collect(TWO, later);
    const file = join(later, 'compute2/conntrack.txt');
    const dump = readFileSync(file, 'utf8');
    // The switch itself tells of the ssh above.
    expect(dump).toContain(`${connection[0]?.join(',')},zone=5`);
    writeFileSync(
      file,
      `${dump}${connection[1]?.join(',')},zone=5,protoinfo=(state=ESTABLISHED)\n`,
    );
    const { out } = await tianchi(['trace', A.mac, C.mac, 'tcp/8022', '--source', later, '--json']);
    expect(JSON.parse(out)).toMatchObject({ verdict: 'delivered' });
  });

  test('a MAC that NORMAL has learnt elsewhere goes there', async () => {
    const ovs = switches.get(ONE);
    const entry = [String(ONE.vlan(F.network)), F.mac];
    ovs?.appctl('fdb/add', 'br-int', B.name, ...entry);
    const learnt = join(scratch, 'learnt');
    collect(ONE, learnt);
    collect(TWO, learnt);
    expect(await arrives(E, F, tcp(81), 300)).toBe(false);
    const ends = [`${E.mac},ip=${E.ip}`, `${F.mac},ip=${F.ip}`];
    const args = ['trace', ...ends, 'tcp/81', '--source', learnt, '--json'];
    expect(JSON.parse((await tianchi(args)).out)).toMatchObject({ verdict: 'dropped' });
    ovs?.appctl('fdb/del', 'br-int', ...entry);
    expect(await arrives(E, F, tcp(82), 5000)).toBe(true);
  });

  test.each([
    ['nobody', 'compute1:tapx', C.mac, /no captured port is called that/],
    ['a port whose address nobody says', 'compute1:br-int:LOCAL', C.mac, /no captured port/],
    ['an address that nobody has, and no MAC for it', A.mac, '10.9.9.9', /,mac=MAC/],
    ['an extra that is none', `${A.mac},colour=red`, C.mac, /ip=ADDRESS or mac=MAC/],
  ])('asked for %s says what would be right', async (_what, from, to, words) => {
    const { status, err } = await over(from, to);
    expect(status).toBe(1);
    expect(err).toMatch(words);
  });
});
