/** Legal texts that no generator makes: dumps of flows, groups, meters and ports. */
import { readFileSync } from 'node:fs';

/** Beside the sources, not beside what they are compiled to. */
const RECORD = 'test/golden/record.json';

const lines = JSON.parse(readFileSync(RECORD, 'utf8')) as readonly {
  readonly kind: 'flow' | 'group';
  readonly text: string;
}[];
const recorded = (kind: 'flow' | 'group'): string[] =>
  lines.filter((line) => line.kind === kind).map(({ text }) => text);

const COUNTED = 'cookie=0x0, duration=1.5s, table=3, n_packets=7, n_bytes=490, ';

export const DUMPS: readonly string[] = [
  ...recorded('flow'),
  `OFPST_FLOW reply (OF1.3) (xid=0x2):\n ${COUNTED}priority=5,ip actions=output:1\n ${COUNTED}arp actions=drop`,
  `NXST_FLOW reply (xid=0x4): flags=[more]\n ${COUNTED}idle_age=3, hard_age=65534, priority=5 actions=NORMAL\n`,
  `[root@node1 ~]# ovs-ofctl dump-flows br-int\n ${COUNTED}tcp,tp_dst=80 actions=resubmit(,9)\nINPUT(table=0)\n\nHere the packet is looked up.\n${COUNTED}priority=1 actions=drop`,
  `# a comment\ntable=1,priority=2,"port-a"\n,in_port="tap 1",ip actions=output:"tap \\"2"\nadd table=2 actions=drop # another`,
  `${COUNTED}priority=200,ct_state=+est+trk,ct_mark=0/0x1,ip,metadata=0x9,nw_src=10.0.0.0/255.255.0.\n255 actions=ct(commit,table=4,zone=NXM_NX_REG13[0..15],nat(src=10.0.0.1-10.0.0.9:1-99),\n exec(load:0x1->NXM_NX_CT_MARK[0],move:NXM_NX_REG0[]->NXM_NX_CT_LABEL[0..31])),clone(output:1)`,
  'cookie=0x1,table=5,conj_id=7,ip actions=learn(table=6,idle_timeout=9,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],load:NXM_OF_IN_PORT[]->NXM_NX_REG0[0..15]),goto_table:7',
];

export const GROUPS: readonly string[] = [
  ...recorded('group'),
  'group_id=1,type=all,bucket=output:1,bucket=push_vlan:0x8100,output:2',
  'group_id=2,type=select,selection_method=hash,fields(ip_src,ip_dst=255.255.0.0),bucket=bucket_id:0,weight:100,actions=output:1,bucket=bucket_id:1,weight:50,actions=resubmit(,3)',
  'group_id=3,type=select,selection_method=dp_hash,selection_method_param=7,bucket=weight:1,watch_port:2,actions=set_field:1->reg0,output:2',
  'group_id=4,type=ff,bucket=watch_port:1,actions=output:1,bucket=watch_group:2,actions=group:2\ngroup_id=5,type=indirect,bucket=actions=output:"tap 1"',
  'OFPST_GROUP_DESC reply (OF1.5) (xid=0x2):\n group_id=6,type=all,bucket=bucket_id:0,actions=clone(ct(commit,zone=1,nat(dst=10.0.0.1)))\n group_id=7,type=indirect,bucket=bucket_id:4294967040,actions=drop',
  'NXST_GROUP_DESC reply (xid=0x2):\n group_id=1234,type=all,bucket=bucket_id:1,actions=output:10,bucket=bucket_id:2,\nactions=output:11',
];

export const METERS: readonly string[] = [
  'meter=1 pktps bands=type=drop rate=100',
  'meter=2 kbps burst stats bands=type=drop rate=1000 burst_size=200',
  'meter=3,kbps,bands=type=dscp_remark,rate=5,prec_level=2',
  'OFPST_METER_CONFIG reply (OF1.3) (xid=0x2):\nmeter=1 pktps burst stats bands=\ntype=drop rate=3 burst_size=3\ntype=drop rate=5 burst_size=5\n\nmeter=controller kbps bands=\ntype=drop rate=7',
  'meter=slowpath pktps bands=type=drop rate=4294967295\nmeter=4294901760 kbps band=type=drop rate=1',
];

export const PORT_NAMES: readonly string[] = [
  'OFPST_PORT_DESC reply (OF1.3) (xid=0x2):\n 1(vhu7c0d7b11): addr:fe:16:3e:98:90:e7\n     config:     0\n     state:      LINK_DOWN\n     speed: 0 Mbps now, 0 Mbps max\n LOCAL(br-int): addr:62:2f:0e:00:00:41\n     config:     PORT_DOWN\n     state:      LIVE',
  'system@ovs-system: hit:12 missed:3\n  br-int:\n    br-int 65534/1: (internal)\n    vf-10.163.133.4 1/4789: (vxlan: key=flow, remote_ip=flow, local_ip=10.0.0.1)\n    "tap 1" 2/3: (system)\n    patch-a 3/none: (patch: peer=patch-b)\n  br-phy:\n    br-phy 65534/2: (internal)\n    gre0 9/none: (gre: key=7, remote_ip=fd00::1, tos=inherit, ttl=9, df_default=false, csum=true)',
  '# tlv-map {class=0x102,type=0x80,len=4}->tun_metadata0\nbr0:\n p1 1/1: (dummy)\n p2 65534/100: (dummy-internal)\n g 4/6081: (geneve: out_key=0x10, in_key=flow, dst_port=6081)',
];
