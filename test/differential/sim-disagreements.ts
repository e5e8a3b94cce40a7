/**
 * Where `ofproto/trace` of Open vSwitch 3.1 tells another way of a packet than the one that the
 * switch sends it, by name, each with flows that show it.
 */

export interface Disagreement {
  readonly name: string;
  readonly flows: readonly string[];
  readonly groups?: readonly string[];
  /** Ports of the trace's outputs, over all that it follows. */
  readonly traced: readonly number[];
  /** Ports by which the real packet leaves. */
  readonly sent: readonly number[];
}

/** The packet of every case: it comes in by port 1. */
export const PACKET = {
  flow: 'udp,in_port=1,eth_src=02:00:00:00:00:01,eth_dst=02:00:00:00:00:02,ip_src=10.0.0.1,ip_dst=10.0.0.2,nw_ttl=64,udp_src=7,udp_dst=9',
  datapath:
    'in_port(1),eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02),eth_type(0x0800),' +
    'ipv4(src=10.0.0.1,dst=10.0.0.2,proto=17,tos=0,ttl=64,frag=no),udp(src=7,dst=9)',
} as const;

export const DISAGREEMENTS: readonly Disagreement[] = [
  {
    name: 'a hash of the datapath is not awaited',
    flows: ['cookie=1,table=0,actions=group:1'],
    groups: ['group_id=1,type=select,selection_method=dp_hash,bucket=bucket_id:1,actions=output:2'],
    traced: [],
    sent: [2],
  },
  {
    name: 'what lies under a popped label is not looked at',
    flows: [
      'cookie=1,table=0,priority=1,udp,actions=push_mpls:0x8847,pop_mpls:0x0800,resubmit(,1)',
      'cookie=1,table=1,priority=1,udp,udp_dst=9,actions=output:3',
    ],
    traced: [],
    sent: [3],
  },
  {
    name: 'forks of a translation that fails are followed',
    flows: [
      'cookie=1,table=0,udp,actions=ct(table=1),output:3,resubmit(,0)',
      'cookie=1,table=1,actions=output:2',
    ],
    traced: Array.from({ length: 65 }, () => 2),
    sent: [],
  },
  {
    name: 'learn tells nothing of its result',
    flows: [
      'cookie=1,table=0,udp,actions=learn(table=9,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],limit=5,result_dst=NXM_NX_REG0[0]),resubmit(,1)',
      'cookie=1,table=1,priority=2,reg0=1,actions=output:2',
      'cookie=1,table=1,priority=1,actions=output:3',
    ],
    traced: [3],
    sent: [2],
  },
  {
    name: 'a pause takes later forks along',
    flows: [
      'cookie=1,table=0,actions=group:1',
      'cookie=1,table=1,udp,actions=ct(table=2)',
      'cookie=1,table=2,actions=output:2',
      'cookie=1,table=3,actions=controller(pause)',
    ],
    groups: [
      'group_id=1,type=all,bucket=bucket_id:1,actions=resubmit(,3),bucket=bucket_id:2,actions=resubmit(,1)',
    ],
    traced: [],
    sent: [2],
  },
];
