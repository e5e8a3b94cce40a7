/**
 * The record's topology with the record's own numbers: three VMs of one subnet on two nodes, each
 * with a floating ip, all in one security group that lets everything through.
 */
import type { Change } from '../../src/model/objects.ts';
import { Topology } from '../../src/model/topology.ts';
import { LocalState } from '../../src/pipeline/local-state.ts';
import {
  floatingIp,
  network,
  node,
  port,
  put,
  router,
  securityGroup,
  securityGroupRule,
  subnet,
} from './objects.ts';

const VPC = 'fa177aca-f909-4a77-9d7b-10551d105cb3';
const ROUTER = 'd35d9cd1-3d71-4ccb-a6c3-3ea22a7e111a';
export const NETWORK = 'cf4b66f8-00b2-43db-ac97-2b3df786c9df';
export const SUBNET = '56a84738-7ef6-49d5-a68b-bb745d482d50';
export const GROUP = 'f16f84a8-4250-4913-9d7d-08a584b630aa';
const EXTERNAL_NETWORK = 'c0e0d9bd-7a8e-4e7e-9f60-5b29f3c0a001';

export const VMS = [
  {
    port: '458ec446-9e78-40ab-a386-f2c29ee0a53b',
    device: '6c8d619f-7131-460f-8756-1d20fd7b746f',
    mac: 'fa:16:3e:98:90:e7',
    ip: '178.1.3.2',
    floating: '2.1.0.197',
    node: 'node1',
    vid: 0x27,
    ofport: 136,
  },
  {
    port: 'ff4028a6-4f26-471b-9d6c-346e23e7515e',
    device: '5ab7f4b4-48aa-4b4f-9c72-3e123a917e8a',
    mac: 'fa:16:3e:68:a5:98',
    ip: '178.1.3.3',
    floating: '2.1.0.205',
    node: 'node1',
    vid: 0x2d,
    ofport: 137,
  },
  {
    port: '6c0a14df-895b-4e38-9a0a-be99c923505e',
    device: 'f4b4655d-415d-44cb-9d80-16c0398cc6fd',
    mac: 'fa:16:3e:73:5d:00',
    ip: '178.1.3.6',
    floating: '2.1.0.229',
    node: 'node2',
    vid: 0x26,
    ofport: 41,
  },
] as const;

const NODES = {
  node1: { vtep: '10.163.133.43', tunnel: 'vf-10.163.133.4', epoch: 0x63bfd884, networkId: 0x60c },
  node2: { vtep: '10.163.133.42', tunnel: 'vf-10.163.133.4', epoch: 0x63bce2d1, networkId: 0x8a0 },
} as const;

export type NodeName = keyof typeof NODES;

const vpc = { id: VPC, vni: 0x170b };
const RULES = [
  { id: '825d1956-775a-4b01-a732-05d7a29f9708', direction: 'ingress', ethertype: 'IPv4' },
  { id: '6a9b2fdd-ee48-475f-90ba-6870cb03b048', direction: 'egress', ethertype: 'IPv4' },
  { id: '82bbe131-82d5-4e7d-b916-7af25ce214f2', direction: 'egress', ethertype: 'IPv6' },
  { id: 'e65e7619-023a-437b-a11c-14e18808090c', direction: 'ingress', ethertype: 'IPv6' },
] as const;

function walkthroughChanges(): Change[] {
  const externalVpc = { id: EXTERNAL_NETWORK, vni: 0x170c };
  return [
    put('node', node('node1', NODES.node1.vtep)),
    put('node', node('node2', NODES.node2.vtep)),
    put('network', network({ id: EXTERNAL_NETWORK, vpc: externalVpc, 'router:external': true })),
    put('network', network({ id: VPC, vpc, cidr: '178.1.0.0/16' })),
    put(
      'router',
      router({
        id: ROUTER,
        network_id: VPC,
        external_gateway_info: {
          network_id: EXTERNAL_NETWORK,
          enable_snat: false,
          external_fixed_ips: [],
        },
      }),
    ),
    put('network', network({ id: NETWORK, vpc, router_id: ROUTER })),
    put(
      'subnet',
      subnet({ id: SUBNET, network_id: NETWORK, cidr: '178.1.3.0/24', gateway_ip: '178.1.3.1' }),
    ),
    put('security_group', securityGroup({ id: GROUP, name: 'default' })),
    ...RULES.map((rule) =>
      put('security_group_rule', securityGroupRule({ ...rule, security_group_id: GROUP })),
    ),
    ...VMS.map((vm) =>
      put(
        'port',
        port({
          id: vm.port,
          network_id: NETWORK,
          mac_address: vm.mac,
          fixed_ips: [{ subnet_id: SUBNET, ip_address: vm.ip }],
          security_groups: [GROUP],
          device_id: vm.device,
          device_owner: 'compute:nova',
          'binding:host_id': vm.node,
        }),
      ),
    ),
    ...VMS.map((vm, index) =>
      put(
        'floatingip',
        floatingIp({
          id: `00000000-0000-4000-8000-00000000000${index}`,
          floating_network_id: EXTERNAL_NETWORK,
          floating_ip_address: vm.floating,
          port_id: vm.port,
          fixed_ip_address: vm.ip,
          router_id: ROUTER,
        }),
      ),
    ),
  ];
}

export function walkthroughTopology(): Topology {
  const topology = new Topology();
  for (const change of walkthroughChanges()) topology.apply(change);
  return topology;
}

/** A node with the record's vids, ofports, epoch and local network id, its ports plugged. */
export function walkthroughNode(name: NodeName): LocalState {
  const { vtep, tunnel, epoch, networkId } = NODES[name];
  const local = new LocalState(
    {
      node: name,
      vtep,
      tunnel: { ofport: 1, name: tunnel },
      uplinks: [
        { ofport: 1, name: 'dpdk_phy0' },
        { ofport: 2, name: 'dpdk_phy1' },
      ],
      vlan: 101,
      epoch,
    },
    { networkIds: { [VPC]: networkId }, vids: {} },
  );
  for (const vm of VMS.filter((vm) => vm.node === name)) {
    const { vid, ofport } = vm;
    local.attach(vm.port, { vid, ofport, interface: `vhu${vm.port.slice(0, 11)}` });
  }
  return local;
}
