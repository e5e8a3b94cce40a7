/** Actions that no generator should have to find again, as ovs-ofctl 3.1 prints or refuses them. */
import { describe, expect, test } from 'vitest';
import { formatActions, formatFlow, parseActions, parseFlow, parseFlows } from './index.ts';

describe('actions', () => {
  test.each([
    ['actions=enqueue:5:3', 'actions=set_queue:3,output:5,pop_queue'],
    ['actions=write_actions()', 'actions=drop'],
    ['actions=write_actions(mod_tp_src:80)', 'actions=write_actions(mod_tp_src:80)'],
    ['actions=clone(drop)', 'actions=clone(drop)'],
    ['actions=output_reg:xxreg0[]', 'actions=output:NXM_NX_XXREG0[1..64]'],
    ['actions=set_field:1/0->reg0', 'actions=drop'],
    ['actions=set_field:2/1->reg0', 'actions=load:0->NXM_NX_REG0[0]'],
    [
      'dl_type=0x894f,actions=load:3->nsh_spi[]',
      'dl_type=0x894f actions=set_field:0x3/0xffffff->nsh_spi',
    ],
    ['ip,actions=ct(nat,nat)', 'ip actions=ct(nat,exec(nat))'],
    [
      'ip,actions=ct(commit,exec(nat(src=1.1.1.1),set_field:1->ct_mark))',
      'ip actions=ct(commit,nat(src=1.1.1.1),exec(set_field:0x1->ct_mark))',
    ],
    ['ip,actions=ct(commit,nat(src,hash))', 'ip actions=ct(commit,nat(src))'],
    ['ip,actions=decap,dec_ttl', 'ip actions=decap(),dec_ttl'],
    [
      'tcp,nw_frag=later,actions=fin_timeout(idle_timeout=1)',
      'tcp,nw_frag=later actions=fin_timeout(idle_timeout=1)',
    ],
    [
      'tcp,nw_frag=later,actions=ct(commit,alg=ftp)',
      'tcp,nw_frag=later actions=ct(commit,alg=ftp)',
    ],
    ['actions=group:4294967297', 'actions=group:1'],
    ['actions=encap(nsh(tlv(0x77a03,125,0x1e)))', 'actions=encap(nsh(tlv(0x7a03,125,0x1e)))'],
    ['ip,actions=ct(commit,nat(src=1.2.1277.9))', 'ip actions=ct(commit,nat(src=1.2.253.9))'],
    ['actions=conjunction(7,19/557)', 'actions=conjunction(7,19/45)'],
    ['actions=resubmit(,1', 'actions=resubmit(,1)'],
    ['actions=debug_recirc,debug_slow', 'actions=debug_recirc,debug_slow'],
    ['ip,actions=learn(cookie=0x]9,dl_type=0x800)', 'ip actions=learn(table=1,eth_type=0x800)'],
  ])('%s', (given, printed) => {
    expect(formatFlow(parseFlow(given))).toBe(printed);
  });

  test('dec_ttl() of a dump, which tells no controller', () => {
    expect(parseFlow('ip,actions=dec_ttl()').actions).toMatchObject([{ silent: true }]);
    expect(parseFlow('ip,actions=dec_ttl').actions).not.toMatchObject([{ silent: true }]);
  });

  test('of Open vSwitch 3.4 sample by bits of fields', () => {
    const text =
      'sample(probability=1,collector_set_id=2,obs_domain_id=NXM_NX_REG0[],obs_point_id=3)';
    expect(formatActions(parseActions(text))).toBe(text);
  });

  test.each([
    ['actions=output:ANY', 16],
    ['actions=write_actions(note:00)', 23],
    ['actions=clone(meter:1)', 15],
    ['actions=conjunction(1,1/2),drop,output:1', 33],
    ['actions=encap(nsh),set_field:01:02:03:04:05:06->eth_src', 49],
    ['ip,actions=decap,decap,dec_ttl', 24],
    ['mpls,actions=load:1->vlan_vid[2..3]', 22],
    ['actions=delete_field:reg0', 22],
    ['actions=goto_table:5,output:1', 22],
    ['actions=set_field:5->in_port_oxm', 22],
    ['actions=nat', 9],
    ['actions=write_actions(encap(nsh),mod_vlan_vid:7)', 34],
  ])('%s is refused', (given, column) => {
    expect(parseFlows(given).errors).toMatchObject([{ line: 1, column }]);
  });
});
