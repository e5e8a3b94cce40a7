/**
 * Our reading and printing of matches against ovs-ofctl: lines over all fields and spellings, right
 * and slightly wrong. What it takes must print alike, what it refuses must be refused.
 * `TIANCHI_SEED` replays a run, `TIANCHI_CASES` says how many lines.
 */
import { expect, test } from 'vitest';
import { Failure } from '../../src/base/failure.ts';
import { FIELDS, formatFlow, parseFlow } from '../../src/openflow/index.ts';
import { ofctlVerdicts, type Verdict } from '../support/ofctl-verdicts.ts';
import { ovsAvailable } from '../support/ovs.ts';
import { requireOrSkip } from '../support/require.ts';
import { drawMatches } from './match-generator.ts';

const cases = Number(process.env['TIANCHI_CASES'] ?? 600);
const seed = Number(process.env['TIANCHI_SEED'] ?? 20260711);

/** Lines that once were read in another way than ovs-ofctl's. */
const kept = [
  'ct_state=+est,ct_nw_src=10.0.0.1',
  'ip,ct_state=+new+trk,ct_nw_proto=6,ct_ipv6_src=::1',
  'ct_state=+est,ct_tp_src=1',
  'tun_ipv6_dst=::/0:1f::ab5d',
  'tun_gtpu_flags=0x3/0x1',
  'tun_erspan_ver=2,tun_erspan_idx=7,tun_erspan_dir=1,tun_erspan_hwid=0x23',
  'tun_erspan_ver=1,tun_erspan_idx=7',
  'tun_gbp_id=5/7,tun_gbp_flags=0xed/0x7f',
  'tun_flags=oam',
  'tun_flags=0/0',
  'tun_metadata0=0x12/0xffff,tun_metadata1,tun_metadata2=0,tun_metadata3=0x123456789/0xfffffffff',
  'tun_metadata0=1,tun_metadata0=2',
  'dl_vlan=0177777',
  'dl_vlan=4096',
  'dl_vlan=5,dl_vlan=*',
  'dl_vlan=5,dl_vlan_pcp=3,dl_vlan=*',
  'dl_vlan=5/7',
  'vlan_vid[]=1',
  'vlan_tci=0x2000/0x2000',
  'dl_type=0x894f,nsh_flags=0/0x16,nsh_spi=0,nsh_c1=1',
  'dl_type=0x894f,nsh_mdtype=1,nsh_c1=0,nsh_c2=5/7',
  'dl_type=0x894f,nsh_mdtype=3',
  'packet_type=(1,0x894f),nsh_ttl=63',
  'packet_type=(1,0x800),nw_src=10.0.0.0/8,nw_proto=6,tp_src=80',
  'packet_type=(1,0x800),dl_src=00:00:00:00:00:01',
  'packet_type=(2,3)',
  'eth,recirc_id=1',
  'eth',
  'ip,arp',
  'tcp,arp',
  'ip,ipv6_label=5',
  'ipv6,ipv6_label=0x1fffff',
  'ipv6_label=0x1fffff',
  'ipv6,ipv6_label=5/0xf0000f',
  'ipv6,ipv6_label=0/0xfff00000',
  'ipv6,ipv6_label=0x100005/0x10000f',
  'ipv6,ipv6_label=5/0xf0000f,ipv6_label[4]=1',
  'dl_type=0x894f,nsh_spi=0X000 nsh_spi[]=8388607',
  'dl_type=0x894f,nsh_spi[]=8388607',
  'tcp,ip_frag=later,tp_src=1',
  'icmp,tp_src=300/0x100',
  'icmp6,icmp_type=135,nd_reserved=7,nd_options_type=2',
  'nw_tos_shifted=31',
  'NXM_NX_REG0=1',
  'NXM_NX_REG0_W[0..3]=1',
  'in_port=+1',
  'in_port=65280',
  'in_port[]=0xffff',
  'actset_output[]=0x7fffffff',
  'skb_priority=1',
  'skb_priority=0/0',
  'dl_src=0x1:2:3:4:5:606',
  'nw_src=1.2.3.4',
  'ip,nw_src=1.2.3.256',
  'ip,nw_src=1.2.3.4/33',
  'tcp,tcp_flags=1/3xyz',
  'tcp,tcp_flags=syn|2|[200]',
  'reg0=-1',
  'reg0=0x',
  'metadata=-1',
  'reg0',
  'nw_src',
  'gre_version=1',
];

const ours = (line: string): string | null => {
  try {
    return formatFlow(parseFlow(line));
  } catch (error) {
    if (error instanceof Failure) return null;
    throw error;
  }
};

const theirs = (verdict: Verdict | undefined): string | null =>
  verdict !== undefined && 'printed' in verdict ? verdict.printed : null;

requireOrSkip('Open vSwitch', ovsAvailable)('matches as text', () => {
  const unlike = (matches: readonly string[]): object[] => {
    const lines = matches.map((match) => `${match} actions=drop`);
    const verdicts = ofctlVerdicts(lines);
    return lines.flatMap((line, index) => {
      const [mine, given] = [ours(line), theirs(verdicts[index])];
      return mine === given ? [] : [{ seed, line, ours: mine, theirs: given }];
    });
  };

  test('are taken, printed and refused as by ovs-ofctl', () => {
    const drawn = drawMatches(cases, seed);
    const times = new Map<string, number>();
    for (const { fields } of drawn) {
      for (const { name } of fields) times.set(name, (times.get(name) ?? 0) + 1);
    }
    const least = Math.min(...[...FIELDS.keys()].map((name) => times.get(name) ?? 0));
    expect(least).toBeGreaterThanOrEqual(Math.floor(cases / FIELDS.size));
    expect(unlike(drawn.map(({ text }) => text))).toEqual([]);
  });

  test('that were once read otherwise', () => {
    expect(unlike(kept)).toEqual([]);
  });
});
