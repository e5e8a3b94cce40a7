/** What random pipelines disagreed on once: each a pipeline and packets of its own. */

interface LanguageCase {
  readonly name: string;
  readonly flows: readonly string[];
  readonly groups?: readonly string[];
  readonly packets: readonly string[];
}

const LINK = 'eth_src=02:00:00:00:00:01,eth_dst=02:00:00:00:00:02';
const UDP = `udp,in_port=1,${LINK},ip_src=10.0.0.1,ip_dst=10.0.0.2,ip_dscp=10,nw_ecn=1,nw_ttl=64,udp_src=7,udp_dst=9`;
const ICMP = `icmp,in_port=1,${LINK},ip_src=10.0.0.1,ip_dst=10.0.0.2,nw_ttl=64,icmp_type=8,icmp_code=0`;
const NSH = `dl_type=0x894f,nsh_mdtype=1,in_port=1,${LINK},nsh_ttl=9,nsh_np=3,nsh_spi=0x5,nsh_si=255,nsh_c1=0x5`;
const MPLS = `mpls,in_port=1,${LINK},mpls_label=100,mpls_tc=5,mpls_bos=1,mpls_ttl=9`;
const ARP = `arp,in_port=1,${LINK},arp_op=2,arp_spa=10.0.0.1,arp_tpa=10.0.0.2`;
const SOLICIT = `icmp6,icmpv6_type=135,icmpv6_code=0,in_port=1,${LINK},ipv6_src=2001:db8::1,ipv6_dst=2001:db8::2,nd_target=2001:db8::2,nd_options_type=2`;
const OUT_OF_TUNNEL = 'tun_src=10.8.0.2,tun_dst=10.8.0.1,tun_tos=3';

export const LANGUAGE_CASES: readonly LanguageCase[] = [
  {
    name: 'a part of NSH is written under a mask, its TTL as a whole',
    flows: ['dl_type=0x894f,nsh_mdtype=1,actions=load:0xf->nsh_c1[4..7],dec_nsh_ttl,output:2'],
    packets: [NSH],
  },
  {
    name: 'flags of a tunnel stand in the order of their bits',
    flows: ['actions=set_field:oam->tun_flags,output:14'],
    packets: [UDP],
  },
  {
    name: 'MPLS around MPLS in Ethernet forgets the labels',
    flows: [
      'mpls,actions=push_vlan:0x8100,set_field:4197->vlan_vid,output:2,encap(mpls),encap(ethernet),output:3',
    ],
    packets: [MPLS],
  },
  {
    name: 'controllers are told apart by the stack and by tunnel options',
    flows: [
      'actions=controller(id=5),controller(id=5),push:NXM_NX_REG0[],controller(id=5),set_field:5->tun_metadata0,controller(id=5)',
    ],
    packets: [UDP],
  },
  {
    name: 'NORMAL looks at both MACs',
    flows: ['actions=load:0x3->NXM_OF_ETH_SRC[4..5],NORMAL', 'priority=1,arp,actions=drop'],
    packets: [UDP, ARP],
  },
  {
    name: 'a first label looks at priority and TTL once what came before is written',
    flows: ['udp,actions=load:1->NXM_OF_IP_TOS[3],output:2,push_mpls:0x8847,output:3,group:1'],
    groups: ['group_id=1,type=all,bucket=bucket_id:1,actions=output:2'],
    packets: [UDP],
  },
  {
    name: 'a header that differs in what its tunnel does not carry is told again',
    flows: ['actions=output:14,output:14,set_field:5->tun_gbp_id,output:14'],
    packets: [UDP],
  },
  {
    name: 'a tunnel by both families bears both ends',
    flows: ['actions=set_field:10.0.0.2->tun_dst,set_field:2001:db8::1->tun_ipv6_dst,output:5'],
    packets: [UDP],
  },
  {
    name: 'a deleted tunnel option comes back with the bits that a write in part leaves',
    flows: [
      'actions=set_field:0xffffff00->tun_metadata0,delete_field:tun_metadata0,output:14,move:NXM_NX_REG0[0..3]->tun_metadata0[8..11],output:14',
    ],
    packets: [`reg0=0x5,${UDP}`],
  },
  {
    name: 'a move into the flags of a tunnel leaves those that no match sees',
    flows: ['actions=ALL,move:NXM_NX_REG9[29]->NXM_NX_TUN_FLAGS[],output:1'],
    packets: [`${UDP.replace('in_port=1', 'in_port=14')},${OUT_OF_TUNNEL}`],
  },
  {
    name: 'each bucket that waits for what a label hides waits on its own',
    flows: ['mpls,actions=pop_mpls:0x0800,group:1,output:3'],
    groups: [
      'group_id=1,type=all,bucket=bucket_id:1,actions=set_field:5->reg0,resubmit(,1),bucket=bucket_id:2,actions=resubmit(,1)',
    ],
    packets: [MPLS],
  },
  {
    name: 'a lookup by what began the connection exchanges what was looked at',
    flows: [
      'priority=2,ct_state=+est+trk,udp,actions=load:0x7->NXM_OF_IP_DST[4..6],resubmit(,1,ct),output:2',
      'table=1,tcp,ip_src=10.0.0.0/8,actions=output:3',
      'priority=1,actions=drop',
    ],
    packets: [
      `${UDP},ct_state=trk|est,ct_zone=1,ct_nw_proto=6,ct_nw_src=10.0.0.1,ct_nw_dst=10.0.0.2,ct_tp_src=7,ct_tp_dst=22`,
    ],
  },
  {
    name: 'a write to ARP looks at the whole of its operation',
    flows: ['arp,actions=load:0x6->arp_op[5..7],output:2'],
    packets: [ARP],
  },
  {
    name: 'a controller with a meter is told of an action, in an action set too',
    flows: [
      'actions=write_actions(resubmit(,1))',
      'table=1,actions=controller(meter_id=1),CONTROLLER:128',
    ],
    packets: [UDP],
  },
  {
    name: 'what a clone gives back is written only where it was looked at',
    flows: [
      'mpls,actions=clone(encap(mpls),encap(ethernet),output:2),load:1->NXM_OF_ETH_SRC[3],output:3',
    ],
    packets: [MPLS],
  },
  {
    name: 'a fork keeps the port by which the packet came in',
    flows: [
      'udp,actions=set_field:3->in_port,ct(table=1),goto_table:1',
      'table=1,udp,actions=ct(commit,table=2,zone=1)',
    ],
    packets: [UDP],
  },
  {
    name: 'a bare NSH packet that gets a label shows neither',
    flows: [
      'udp,actions=resubmit(,1),push_mpls:0x8847,set_field:5->reg0',
      'table=1,udp,actions=encap(nsh)',
    ],
    packets: [UDP],
  },
  {
    name: 'what a pause leaves over makes no new state for a controller',
    flows: [
      'actions=check_pkt_larger(1500)->NXM_NX_REG0[0],load:0->NXM_NX_REG0[],CONTROLLER:128,controller(pause,userdata=07)',
    ],
    packets: [UDP],
  },
  {
    name: 'a header of MPLS takes over nothing of what it is put around',
    flows: ['udp,actions=clone(encap(mpls),encap(ethernet),output:2),set_field:2->nw_ecn,output:3'],
    packets: [UDP],
  },
  {
    name: 'a second label hides no write that follows it',
    flows: [
      'udp,actions=push_mpls:0x8847,push_mpls:0x8847,set_field:02:00:00:00:00:09->eth_src,output:2',
      'arp,actions=load:0x3->NXM_OF_ETH_SRC[4..5]',
    ],
    packets: [UDP],
  },
  {
    name: 'the type of a neighbour option reads as zero',
    flows: [
      'icmp6,icmpv6_type=135,icmpv6_code=0,actions=move:ERICOXM_OF_ICMPV6_ND_OPTIONS_TYPE[1..5]->NXM_NX_IPV6_SRC[55..59],output:2',
    ],
    packets: [SOLICIT],
  },
  {
    name: 'a group that hashes fields looks at none that the packet lacks',
    flows: [
      'arp,actions=set_field:0.0.163.188/0.7.255.252->arp_spa,group:1,output:2',
      'udp,actions=set_field:1068/0xffe->udp_dst,group:1,output:2',
    ],
    groups: [
      'group_id=1,type=select,selection_method=hash,fields(ip_src,tcp_dst),bucket=bucket_id:1,actions=output:3',
    ],
    packets: [ARP, UDP],
  },
  {
    name: 'a symmetric hash of layer 4 looks at the ports of a fragment',
    flows: [
      'tcp,actions=set_field:28/0x1c->tcp_dst,bundle_load(symmetric_l4,31,hrw,ofport,NXM_NX_REG12[0..15],members:1,2,77),output:2',
    ],
    packets: [`${UDP.replaceAll('udp', 'tcp')},nw_frag=first`, UDP.replaceAll('udp', 'tcp')],
  },
  {
    name: 'a pause takes along what waits for a hash of the datapath',
    flows: [
      'actions=check_pkt_larger(100)->NXM_NX_REG5[31],resubmit(,1),output:2,group:1',
      'table=1,reg5=0x80000000,actions=controller(pause,userdata=07)',
    ],
    groups: ['group_id=1,type=select,selection_method=dp_hash,bucket=bucket_id:1,actions=output:3'],
    packets: [UDP],
  },
  {
    name: 'a group without weights looks at what it hashes',
    flows: ['icmp,actions=group:1,load:0x29677->NXM_OF_IP_DST[2..23],output:2'],
    groups: ['group_id=1,type=select,bucket=bucket_id:1,weight:0,actions=output:3'],
    packets: [ICMP],
  },
  {
    name: 'ports and the types of ICMP are searched together',
    flows: [
      'priority=3,udp,udp_src=40000,udp_dst=4789,actions=drop',
      'priority=2,icmp6,icmpv6_type=136,icmpv6_code=0,actions=drop',
      'priority=1,udp,actions=load:0x69->NXM_OF_UDP_SRC[0..7],output:2',
    ],
    packets: [UDP],
  },
  {
    name: 'a reserved port without a name has 16 bits',
    flows: ['actions=set_field:65307->in_port,NORMAL,output:2'],
    packets: [UDP],
  },
  {
    name: 'flags and option of neighbour discovery are written before its addresses',
    flows: [
      'priority=2,icmp6,icmpv6_type=135,icmpv6_code=0,actions=set_field:5->nd_reserved,set_field:1->nd_options_type,set_field:fe80::1->nd_target,output:2,move:ERICOXM_OF_ICMPV6_ND_OPTIONS_TYPE[1..3]->NXM_NX_REG0[0..2],load:6->ERICOXM_OF_ICMPV6_ND_RESERVED[8..15],output:3,load:0->ERICOXM_OF_ICMPV6_ND_RESERVED[8..15],set_field:3->nd_options_type,load:1->ERICOXM_OF_ICMPV6_ND_OPTIONS_TYPE[6..7],output:2',
    ],
    packets: [SOLICIT],
  },
  {
    name: 'NSH of type 2 has no context to write',
    flows: [
      'udp,actions=encap(nsh(md_type=2,tlv(0x1000,10,0x12345678))),encap(ethernet),output:2,set_field:0xffffffff->nsh_c4,output:3,set_field:7->nsh_spi,output:2',
    ],
    packets: [UDP],
  },
  {
    name: 'what was looked at of the type of a neighbour option is known from the last write',
    flows: [
      'icmp6,icmpv6_type=135,icmpv6_code=0,nd_options_type=2,actions=load:1->ERICOXM_OF_ICMPV6_ND_OPTIONS_TYPE[6..7],output:2,load:1->ERICOXM_OF_ICMPV6_ND_OPTIONS_TYPE[2..3],output:3',
    ],
    packets: [SOLICIT],
  },
  {
    name: 'an Ethernet header that a group gives back is written as far as it was looked at',
    flows: [
      'udp,actions=group:1,output:3',
      'table=1,udp,actions=encap(mpls),encap(ethernet),output:2',
    ],
    groups: ['group_id=1,type=all,bucket=bucket_id:1,actions=resubmit(,1)'],
    packets: [UDP],
  },
  {
    name: 'flags that are written leave of the mask of a neighbour option a byte',
    flows: [
      'icmp6,icmpv6_type=135,icmpv6_code=0,nd_options_type=2,actions=set_field:5->nd_reserved,output:2,load:0x5a->ERICOXM_OF_ICMPV6_ND_OPTIONS_TYPE[0..6],output:3',
    ],
    packets: [SOLICIT],
  },
  {
    name: 'a packet without Ethernet is looked at no further than that by flows of Ethernet',
    flows: [
      'table=0,icmp,actions=encap(nsh),resubmit(,3),encap(ethernet),output:2,load:0xa->nsh_c3[4..7],output:3',
      'table=3,dl_type=0x894f,nsh_si=1,actions=drop',
    ],
    packets: [ICMP],
  },
  {
    name: 'a comparison of lengths that freezes within another leaves itself over for what freezes next',
    flows: [
      'arp,actions=check_pkt_larger(1500)->NXM_NX_REG5[31],resubmit(,1)',
      'table=1,arp,actions=check_pkt_larger(100)->NXM_NX_REG5[31],push_mpls:0x8847,pop_mpls:0x0800,goto_table:2',
    ],
    packets: [ARP],
  },
  {
    name: 'what waits with the same actions left to run waits as one, whichever flow they are of',
    flows: [
      'mpls,actions=group:1,group:2',
      'table=1,mpls,actions=pop_mpls:0x0800,resubmit(,3),set_field:5->reg0',
      'table=2,mpls,priority=7,actions=pop_mpls:0x0800,resubmit(,3),set_field:5->reg0',
      'table=4,mpls,actions=pop_mpls:0x0800,dec_ttl,output:2',
      'table=5,mpls,priority=7,actions=pop_mpls:0x0800,dec_ttl,output:2',
    ],
    groups: [
      'group_id=1,type=all,bucket=bucket_id:1,actions=resubmit(,1),bucket=bucket_id:2,actions=resubmit(,2)',
      'group_id=2,type=all,bucket=bucket_id:1,actions=resubmit(,4),bucket=bucket_id:2,actions=resubmit(,5)',
    ],
    packets: [MPLS],
  },
  {
    name: 'a label that came and went leaves nothing of NSH to write',
    flows: [
      'udp,actions=resubmit(,1),push_mpls:0x8847,pop_mpls:0x0800,resubmit(,2)',
      'table=1,udp,actions=encap(nsh),set_field:0x1234->nsh_spi',
    ],
    packets: [UDP],
  },
];
