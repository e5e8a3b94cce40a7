import { describe, expect, test } from 'vitest';
import { sameGroup } from '../identity.ts';
import { formatGroup, formatMeter, parseGroups, parseMeters } from './index.ts';

/** add-group lines, and what `-O OpenFlow15 --no-names dump-groups` of Open vSwitch 3.1 printed. */
const pairs: readonly (readonly [given: string, printed: string])[] = [
  [
    'group_id=638320642,type=all,bucket=bucket_id:1,actions=load:0x2d->NXM_NX_REG13[],resubmit(0,133)',
    'group_id=638320642,type=all,bucket=bucket_id:1,actions=set_field:0x2d->reg13,resubmit(0,133)',
  ],
  [
    'group_id=0,type=select,selection_method=dp_hash,bucket=bucket_id:1,watch_port:1,actions=mod_vlan_vid:101,output:1,bucket=bucket_id:2,watch_port:2,weight:5,actions=mod_vlan_vid:101,output:2',
    'group_id=0,type=select,selection_method=dp_hash,bucket=bucket_id:1,watch_port:1,actions=push_vlan:0x8100,set_field:4197->vlan_vid,output:1,bucket=bucket_id:2,weight:5,watch_port:2,actions=push_vlan:0x8100,set_field:4197->vlan_vid,output:2',
  ],
  [
    'group_id=3,type=ff,bucket=watch_port:1,actions=output:1,bucket=watch_group:0,output:2,load:5->NXM_NX_REG0[0..3]',
    'group_id=3,type=ff,bucket=bucket_id:0,watch_port:1,actions=output:1,bucket=bucket_id:1,watch_group:0,actions=output:2,set_field:0x5/0xf->reg0',
  ],
  [
    'group_id=4,type=indirect,bucket=actions=set_field:1.2.3.4->ip_dst,load:0x102->NXM_OF_IP_SRC[0..15],load:5->NXM_OF_ETH_SRC[0..7],load:5->reg0,load:1->tun_id[0..7],load:0->in_port',
    'group_id=4,type=indirect,bucket=bucket_id:0,actions=set_field:1.2.3.4->ip_dst,set_field:0.0.1.2/0.0.255.255->ip_src,set_field:00:00:00:00:00:05/00:00:00:00:00:ff->eth_src,set_field:0x5->reg0,set_field:0x1/0xff->tun_id,set_field:0->in_port',
  ],
  ['group_id=5,type=all', 'group_id=5,type=all'],
];

describe('a group', () => {
  test.each(pairs)('%s', (given, printed) => {
    const { groups, errors } = parseGroups(
      `OFPST_GROUP_DESC reply (OF1.5) (xid=0x2):\n ${given}\n`,
    );
    expect(errors).toEqual([]);
    expect(groups.map((group) => formatGroup(group))).toEqual([printed]);
  });

  test('of the OpenFlow 1.0 form keeps names that are not resolved', () => {
    const { groups, errors, unresolved } = parseGroups(
      'NXST_GROUP_DESC reply (xid=0x2):\ngroup_id=0,type=select,selection_method=dp_hash,bucket=bucket_id:1,watch_port:"dpdk_phy0",actions=mod_vlan_vid:101,output:"dpdk_phy0"',
    );
    expect(errors).toEqual([]);
    expect(groups.map((group) => formatGroup(group, { unresolved }))).toEqual([
      'group_id=0,type=select,selection_method=dp_hash,bucket=bucket_id:1,watch_port:"dpdk_phy0",actions=push_vlan:0x8100,set_field:4197->vlan_vid,output:"dpdk_phy0"',
    ]);
  });

  test('a bad one does not stop the rest', () => {
    const { groups, errors } = parseGroups(
      [
        'group_id=1,type=some,bucket=actions=drop',
        'group_id=2,type=all,bucket=actions=drop',
        'type=all',
        'group_id=3,type=all,bucket=weight:3,actions=drop',
        'group_id=3,type=all,bucket=bucket_id:1,actions=drop,bucket=bucket_id:1,actions=drop',
        'group_id=3,type=all,bucket=weight:3',
        'group_id=4,type=all,bucket=actions=goto_table:3',
        'group_id=5,type=indirect,bucket=output:1,bucket=output:2',
      ].join('\n'),
    );
    expect(groups.map(({ id }) => id)).toEqual([2]);
    expect(errors.map(({ line }) => line)).toEqual([1, 3, 4, 5, 6, 7, 8]);
    expect(errors[0]?.column).toBe(17);
  });

  test('is itself by id, type and buckets in order', () => {
    const [a, b] = parseGroups(
      'group_id=1,type=all,bucket=output:1,bucket=output:2\ngroup_id=1,type=all,bucket=output:2,bucket=output:1',
    ).groups;
    expect(sameGroup(a!, a!)).toBe(true);
    expect(sameGroup(a!, b!)).toBe(false);
  });
});

describe('a meter', () => {
  test('is read from add-meter and from a dump, and printed as in one', () => {
    const dump =
      'OFPST_METER_CONFIG reply (OF1.3) (xid=0x2):\nmeter=1 pktps bands=\ntype=drop rate=100\n\nmeter=2 kbps burst bands=\ntype=drop rate=100 burst_size=5\n';
    const { meters, errors } = parseMeters(dump);
    expect(errors).toEqual([]);
    expect(meters).toEqual([
      { id: 1, unit: 'pktps', rate: 100 },
      { id: 2, unit: 'kbps', rate: 100, burst: 5 },
    ]);
    expect(meters.map(formatMeter).join('\n\n')).toBe(dump.split('\n').slice(1, -1).join('\n'));
    expect(parseMeters('meter=2,kbps,burst,band=type=drop,rate=100,burst_size=5').meters).toEqual([
      meters[1],
    ]);
  });

  test('says what is missing, and where', () => {
    expect(
      parseMeters('meter=1 pktps bands=\ntype=drop rate=1\n\nmeter=2 pktps').errors,
    ).toMatchObject([{ line: 4, column: 14 }]);
  });
});
