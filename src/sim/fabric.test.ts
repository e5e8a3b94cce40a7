import { describe, expect, it } from 'vitest';
import { PORT } from '../openflow/flow.ts';
import { parsePacket } from '../openflow/text/index.ts';
import { compileAll } from '../pipeline/compiler.ts';
import {
  VMS,
  walkthroughNode,
  walkthroughTopology,
  type NodeName,
} from '../../test/support/walkthrough.ts';
import { SimBridge } from './bridge.ts';
import { Conntrack } from './conntrack.ts';
import { dumpFlows, dumpGroups, dumpPorts } from './dump.ts';
import { Fabric, ownVtep, type FabricRun, type SimNode } from './fabric.ts';
import type { SimPort } from './types.ts';

const [vm1, vm2, vm3] = VMS;
const EGRESS = [0, 60, 65, 66, 67, 68, 70, 71, 72, 74, 80, 104, 105, 110, 115, 120];
const INGRESS = [133, 135, 140, 148, 150, 151, 152, 154, 155, 159, 160, 165, 180];

const up = (ofport: number, name: string, kind: SimPort['kind']): SimPort => ({
  ofport,
  name,
  kind,
  up: true,
});

function node(name: NodeName): SimNode {
  const local = walkthroughNode(name);
  const { vtep, tunnel, uplinks } = local.identity;
  const int = new SimBridge('br-int', [
    up(tunnel.ofport, tunnel.name, 'tunnel'),
    ...VMS.filter((vm) => vm.node === name).map((vm) =>
      up(vm.ofport, `vhu${vm.port.slice(0, 11)}`, 'vm'),
    ),
  ]);
  const phy = new SimBridge('br-phy', [
    { ...up(PORT.local, 'br-phy', 'local') },
    ...uplinks.map((uplink) => up(uplink.ofport, uplink.name, 'uplink')),
  ]);
  const programs = compileAll(walkthroughTopology(), local);
  int.apply(programs['br-int']);
  phy.apply(programs['br-phy']);
  const mac = name === 'node1' ? 'aa:00:00:00:00:01' : 'aa:00:00:00:00:02';
  return {
    name,
    vteps: [ownVtep(vtep, mac)],
    bridges: { 'br-int': int, 'br-phy': phy },
    conntrack: new Conntrack(),
  };
}

const fabric = () => new Fabric([node('node1'), node('node2')]);

type Vm = (typeof VMS)[number];
const echo = (from: Vm, to: string, type: number) =>
  parsePacket(
    `icmp,eth_src=${from.mac},eth_dst=fe:ff:ff:ff:ff:ff,ip_src=${from.ip},ip_dst=${to},nw_ttl=64,icmp_type=${type}`,
  );
const ping = (net: Fabric, from: Vm, to: string, type = 8, options = {}) =>
  net.send(from.node, from.ofport, echo(from, to, type), options);

const tables = ({ visits }: FabricRun) =>
  visits.map(({ node, bridge, execution }) => ({
    at: `${node} ${bridge}`,
    tables: execution.steps.flatMap((step) => (step.kind === 'table' ? [step.table] : [])),
  }));

function bridge(net: Fabric, name: NodeName, which: 'br-int' | 'br-phy'): SimBridge {
  const found = net.nodes.get(name)?.bridges[which];
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
}

describe('the fabric', () => {
  it('takes a ping within a node through the tables of the record', () => {
    const run = ping(fabric(), vm1, vm2.ip);
    expect(tables(run)).toEqual([{ at: 'node1 br-int', tables: [...EGRESS, ...INGRESS] }]);
    expect(run.deliveries).toMatchObject([{ node: 'node1', ofport: vm2.ofport }]);
    expect(run.losses).toEqual([]);
  });

  it('takes a ping between nodes through the tunnel', () => {
    const run = ping(fabric(), vm1, vm3.ip);
    expect(tables(run)).toEqual([
      { at: 'node1 br-int', tables: EGRESS },
      { at: 'node1 br-phy', tables: [0] },
      { at: 'node2 br-phy', tables: [0] },
      { at: 'node2 br-int', tables: [0, 100, 101, 120, ...INGRESS] },
    ]);
    expect(run.deliveries).toMatchObject([{ node: 'node2', ofport: vm3.ofport }]);
    expect(run.crossings).toMatchObject([
      { kind: 'encapsulated', visit: 0, node: 'node1', vni: 0x170bn, destination: '10.163.133.42' },
      { kind: 'wire', visit: 1, node: 'node1', peer: 'node2', vlan: 101 },
      { kind: 'decapsulated', visit: 2, node: 'node2', vni: 0x170bn },
    ]);
  });

  it('lets the reply through as established, and leaves the nodes untouched by a trace on scratch', () => {
    const net = fabric();
    const conntrack = net.scratch();
    const options = { conntrack };
    expect(ping(net, vm1, vm3.ip, 8, options).deliveries).toHaveLength(1);
    const reply = ping(net, vm3, vm1.ip, 0, options);
    expect(reply.deliveries).toMatchObject([{ node: 'node1', ofport: vm1.ofport }]);
    expect(tables(reply).flatMap((visit) => visit.tables)).not.toContain(72);
    expect(
      tables(ping(net, vm1, vm3.ip, 8, options)).flatMap((visit) => visit.tables),
    ).not.toContain(152);
    expect(tables(ping(net, vm1, vm3.ip)).flatMap((visit) => visit.tables)).toContain(152);
    expect(ping(fabric(), vm3, vm1.ip, 0).deliveries).toEqual([]);
  });

  it('counts only what it is told to count', () => {
    const net = fabric();
    const int = bridge(net, 'node1', 'br-int');
    ping(net, vm1, vm2.ip);
    expect(int.counters().every(({ packets }) => packets === 0)).toBe(true);
    ping(net, vm1, vm2.ip, 8, { count: true, length: 98 });
    const counted = int.counters().filter(({ packets }) => packets === 1);
    expect(counted.map(({ flow }) => flow.table).sort((a, b) => a - b)).toEqual([
      ...EGRESS,
      ...INGRESS,
    ]);
    expect(counted.every(({ bytes }) => bytes === 98)).toBe(true);
    expect(int.groupEntries().map(({ packets }) => packets)).toContain(1);
  });

  it('explains what is lost beneath the tables', () => {
    const codes = (run: FabricRun) => run.losses.map(({ node, code }) => `${node} ${code}`);
    const alone = fabric();
    alone.nodes.delete('node2');
    expect(codes(ping(alone, vm1, vm3.ip))).toEqual(['node1 no_vtep']);

    const down = (net: Fabric, name: NodeName) => {
      const { ports } = bridge(net, name, 'br-phy');
      for (const port of ports.values()) {
        if (port.kind === 'uplink') ports.set(port.ofport, { ...port, up: false });
      }
      return net;
    };
    expect(codes(ping(down(fabric(), 'node1'), vm1, vm3.ip))).toEqual(['node1 no_uplink']);
    expect(codes(ping(down(fabric(), 'node2'), vm1, vm3.ip))).toEqual(['node2 no_uplink']);

    const untagged = fabric();
    bridge(untagged, 'node2', 'br-phy').apply({ flows: [], groups: [], meters: [] });
    const dropped = ping(untagged, vm1, vm3.ip);
    expect(codes(dropped)).toEqual(['node2 underlay_drop']);
    expect(dropped.losses[0]?.why).toContain('VLAN 101');

    const unplugged = fabric();
    bridge(unplugged, 'node2', 'br-int').ports.delete(1);
    expect(codes(ping(unplugged, vm1, vm3.ip))).toEqual(['node2 no_tunnel_port']);
  });

  it('takes the other uplink when one is down', () => {
    const net = fabric();
    const { ports } = bridge(net, 'node1', 'br-phy');
    const first = ports.get(1);
    if (first !== undefined) ports.set(1, { ...first, up: false });
    const run = ping(net, vm1, vm3.ip);
    expect(run.deliveries).toHaveLength(1);
    expect(run.crossings).toMatchObject([{}, { kind: 'wire', port: { ofport: 2 } }, {}]);
  });
});

describe('the dumps', () => {
  it('have the form of ovs-ofctl', () => {
    const net = fabric();
    ping(net, vm1, vm2.ip, 8, { count: true, length: 98 });
    const int = bridge(net, 'node1', 'br-int');
    const flows = dumpFlows(int, 12_345).split('\n');
    expect(flows[0]).toBe('OFPST_FLOW reply (OF1.3) (xid=0x2):');
    expect(flows).toContain(
      ' cookie=0x63bfd88400160c2d, duration=12.345s, table=180, n_packets=1, n_bytes=98, priority=20,reg13=0x2d actions=set_field:fe:ff:ff:ff:ff:ff->eth_src,set_field:fa:16:3e:68:a5:98->eth_dst,output:137',
    );
    expect(dumpGroups(bridge(net, 'node1', 'br-phy'))).toMatch(
      /^OFPST_GROUP_DESC reply \(OF1\.5\) \(xid=0x2\):\n group_id=0,type=select,selection_method=dp_hash,bucket=bucket_id:1,watch_port:1,actions=.*\n$/,
    );
    expect(dumpPorts(bridge(net, 'node1', 'br-phy'))).toBe(
      [
        'OFPST_PORT_DESC reply (OF1.3) (xid=0x2):',
        ...['1(dpdk_phy0)', '2(dpdk_phy1)', 'LOCAL(br-phy)'].flatMap((port) => [
          ` ${port}: addr:00:00:00:00:00:00`,
          '     config:     0',
          '     state:      LIVE',
          '     speed: 0 Mbps now, 0 Mbps max',
        ]),
        '',
      ].join('\n'),
    );
  });
});
