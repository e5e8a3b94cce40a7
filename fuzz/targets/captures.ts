/** What an engineer's folder of dumps holds, and what `trace` takes beside it. */
import { parsePorts, tunnelOf } from '../../src/trace/offline/ports.ts';
import { readPacket } from '../../src/trace/offline/packet.ts';
import { BRIDGE_FILES, NODE_FILES, type CapturedFile } from '../../src/trace/capture/layout.ts';
import { readNode } from '../../src/trace/capture/node.ts';
import { readTopology, writeTopology } from '../../src/trace/capture/topology.ts';
import { walkthroughTopology } from '../../test/support/walkthrough.ts';
import { textTarget, type Target } from '../target.ts';
import { readOrRefused } from '../verdict.ts';
import { DUMPS, PORT_NAMES } from './dumps.ts';
import { FRAMES } from './frames.ts';

const pairs = (map: Readonly<Record<string, string>>): unknown => ['map', Object.entries(map)];

const INTERFACES = JSON.stringify({
  headings: ['name', 'type', 'ofport', 'mac_in_use', 'link_state', 'options', 'external_ids'],
  data: [
    [
      'vf-10.163.133.4',
      'vxlan',
      1,
      'aa:00:00:00:00:01',
      'up',
      pairs({ remote_ip: 'flow', key: 'flow', local_ip: '10.0.0.1' }),
      pairs({}),
    ],
    [
      'tap 1',
      '',
      2,
      'fe:16:3e:98:90:e7',
      'down',
      pairs({}),
      pairs({ 'iface-id': '7c0d7b11', 'attached-mac': 'fa:16:3e:98:90:e7' }),
    ],
    [
      'patch-a',
      'patch',
      ['set', []],
      'aa:00:00:00:00:03',
      'up',
      pairs({ peer: 'patch-b' }),
      pairs({}),
    ],
  ],
});
const BRIDGES = JSON.stringify({
  headings: ['name', 'datapath_type', 'external_ids'],
  data: [['br-int', 'netdev', pairs({ 'tianchi-net-31d5ba5e': '5' })]],
});
const ROUTES =
  'Route Table:\nCached: 10.0.0.1/32 dev br-phy SRC 10.0.0.1 local\nUser: 10.0.0.0/24 MARK 5 dev br-phy GW 10.0.0.254 SRC 10.0.0.1\nCached: fd00::/64 dev eth0 SRC fd00::1\nCached: 0.0.0.0/0 dev eth0 GW 192.168.0.1 SRC 192.168.0.5';
const NEIGHBOURS =
  'IP                                            MAC                 Bridge\n==========\n10.0.0.2       02:00:00:00:00:01   br-phy\nfd00::2       02:00:00:00:00:02   br-phy  STALE';
const ADDRESSES =
  '1: lo: <LOOPBACK,UP> mtu 65536\n    inet 127.0.0.1/8 scope host lo\n2: eth0@if3: <BROADCAST,UP> mtu 1500\n    link/ether 02:00:00:00:00:09 brd ff:ff:ff:ff:ff:ff\n    inet 192.168.0.5/24 scope global eth0\n    inet6 fe80::1/64 scope link';
const CONNTRACK =
  'tcp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=40000,dport=80),reply=(src=10.0.0.2,dst=10.0.0.9,sport=80,dport=40001),zone=5,mark=0x10,labels=0xffffffffffffffffffffffffffffffff,protoinfo=(state_orig=ESTABLISHED,state_reply=FIN_WAIT_2)\nudp,orig=(src=fd00::1,dst=fd00::2,sport=1,dport=2),reply=(src=fd00::2,dst=fd00::1,sport=2,dport=1),timeout=30\nicmp,orig=(src=10.0.0.1,dst=10.0.0.2,id=7,type=8,code=0),reply=(src=10.0.0.2,dst=10.0.0.1,id=7,type=0,code=0)\n47,orig=(src=10.0.0.1,dst=10.0.0.2),reply=(src=10.0.0.2,dst=10.0.0.1),zone=9';
const TLV_MAP =
  'NXT_TLV_TABLE_REPLY (xid=0x2):\n max option space=256 max fields=64\n\n mapping table:\n  class  type  length  match field\n ------  ----  ------  --------------\n  0x102  0x80       4  tun_metadata0\n  0xffff  0x1       124  tun_metadata63';

const LEARNT =
  ' port  VLAN  MAC                Age\n    1     0  aa:55:aa:55:00:01   12\nLOCAL    5  aa:55:aa:55:00:02   static';
const GROUPS =
  'NXST_GROUP_DESC reply (xid=0x2):\n group_id=1,type=select,selection_method=dp_hash,bucket=bucket_id:0,weight:100,watch_port:1,actions=output:1,bucket=bucket_id:1,actions=resubmit(,5)';
const VLANS = JSON.stringify({
  headings: ['name', 'tag', 'trunks', 'vlan_mode'],
  data: [
    ['tap1', 5, ['set', []], ['set', []]],
    ['tap2', ['set', []], ['set', [5, 7]], 'native-untagged'],
  ],
});

const NODE = 'node1';
const BRIDGE = `${NODE}/bridges/br-int`;
const [DESCRIPTION = '', DATAPATH = ''] = PORT_NAMES;
const FLOWS =
  'table=0,tun_metadata0=0x5/0xff,in_port=1 actions=output:"tap 1"\nip actions=set_field:7->tun_metadata0,output:1';

/** A node's folder, whole. */
const texts = new Map<string, string>([
  [`${NODE}/${NODE_FILES.interfaces.name}`, INTERFACES],
  [`${NODE}/${NODE_FILES.bridges.name}`, BRIDGES],
  [`${NODE}/${NODE_FILES.dpif.name}`, DATAPATH],
  [`${NODE}/${NODE_FILES.routes.name}`, ROUTES],
  [`${NODE}/${NODE_FILES.neighbours.name}`, NEIGHBOURS],
  [`${NODE}/${NODE_FILES.addresses.name}`, ADDRESSES],
  [`${NODE}/${NODE_FILES.conntrack.name}`, CONNTRACK],
  [`${BRIDGE}/${BRIDGE_FILES.flows.name}`, FLOWS],
  [`${NODE}/${NODE_FILES.ports.name}`, VLANS],
  [`${BRIDGE}/${BRIDGE_FILES.groups.name}`, GROUPS],
  [`${BRIDGE}/${BRIDGE_FILES.learnt.name}`, LEARNT],
  [`${BRIDGE}/${BRIDGE_FILES.ports.name}`, DESCRIPTION],
  [`${BRIDGE}/${BRIDGE_FILES.tlvMap.name}`, TLV_MAP],
]);

/** A node is read whatever one of its files says; every fault stands in a file. */
function fileTarget(
  file: CapturedFile,
  at: string,
  share: number,
  more: readonly string[],
  kept: Readonly<Record<string, string>> = {},
): Target {
  const path = `${at}/${file.name}`;
  // A bridge is the dear part, so it is there only where its files are what is read.
  const beside = [...texts].filter(([other]) => at === BRIDGE || !other.startsWith(BRIDGE));
  return textTarget({
    name: `${file.name} of a capture`,
    share,
    kept,
    samples: () => [texts.get(path) ?? '', ...more],
    judge: (text) => {
      const { faults, sim } = readNode(new Map([...beside, [path, text]]), NODE);
      for (const destination of ['10.0.0.7', '192.0.2.1']) sim.route?.(destination);
      const lost = faults.find(({ line, column }) => !(line >= 1 && column >= 1));
      return lost === undefined
        ? faults.length > 0
          ? 'refused'
          : 'taken'
        : { fault: `a fault stands nowhere: ${JSON.stringify(lost)}` };
    },
  });
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

export const captureTargets = [
  fileTarget(NODE_FILES.interfaces, NODE, 1, []),
  fileTarget(NODE_FILES.bridges, NODE, 0.4, []),
  fileTarget(NODE_FILES.ports, NODE, 0.4, []),
  fileTarget(NODE_FILES.dpif, NODE, 0.4, PORT_NAMES),
  fileTarget(NODE_FILES.routes, NODE, 0.4, [], {
    'a prefix of 56 bits': 'Cached: 0.0.0.0/56 dev 0 GW 1 SRC 2.8.0.5',
    'a prefix with bits of a host': 'User: 2.8.0.5/4 dev 4 SRC 0.0.0.1',
  }),
  fileTarget(NODE_FILES.neighbours, NODE, 0.4, []),
  fileTarget(NODE_FILES.addresses, NODE, 0.4, []),
  fileTarget(NODE_FILES.conntrack, NODE, 1, []),
  fileTarget(BRIDGE_FILES.flows, BRIDGE, 0.4, DUMPS),
  fileTarget(BRIDGE_FILES.groups, BRIDGE, 0.4, []),
  fileTarget(BRIDGE_FILES.learnt, BRIDGE, 0.4, []),
  fileTarget(BRIDGE_FILES.ports, BRIDGE, 0.4, PORT_NAMES),
  fileTarget(BRIDGE_FILES.tlvMap, BRIDGE, 0.4, [], {
    'an option of 700 MB': '0xf 0x1 737095516 tun_metadata6',
  }),
  textTarget({
    name: 'topologies of a capture',
    share: 2,
    kept: {
      'a network without a VPC': '{"kind":"network","id":"","object":{}}',
      'a port without addresses': '{"kind":"port","id":"","object":{}}',
      'a floating ip that is no address':
        '{"kind":"floatingip","id":"","object":{"floating_ip_address":""}}',
    },
    samples: () => writeTopology(walkthroughTopology()).split('\n'),
    judge: (text) => (readTopology('topology', text).faults.length > 0 ? 'refused' : 'taken'),
  }),
  textTarget({
    name: 'ports of a bridge',
    share: 2,
    samples: () => PORT_NAMES,
    judge: (text) =>
      readOrRefused(() => {
        for (const { ports } of parsePorts(text).bridges) ports.forEach(tunnelOf);
        return 'taken';
      }),
  }),
  textTarget({
    name: 'packets to trace',
    share: 3,
    samples: () => [
      ...FRAMES.map(hex),
      ...FRAMES.map((frame) => `0x${hex(frame).replaceAll(/..../g, '$& ')}`),
      'in_port=1,tcp,nw_src=10.0.0.1,nw_dst=10.0.0.2,tp_dst=80',
      'in_port=2,icmp6,icmp_type=135,nd_target=fd00::1,dl_vlan=5',
    ],
    judge: (text) =>
      readOrRefused(() => {
        readPacket(text, { ports: new Map([['tap', 1]]) }, null);
        return 'taken';
      }),
  }),
];
