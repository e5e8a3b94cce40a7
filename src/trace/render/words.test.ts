import { beforeEach, describe, expect, it } from 'vitest';
import {
  allowAll,
  subjectOf,
  walkthrough,
  type Walkthrough,
} from '../../../test/support/traced.ts';
import { parseFlow } from '../../openflow/text/index.ts';
import { compileAll } from '../../pipeline/compiler.ts';
import { FEATURES } from '../../pipeline/features/index.ts';
import type { NodeIdentity } from '../../pipeline/local.ts';
import { LocalState } from '../../pipeline/local-state.ts';
import type { SimNode } from '../../sim/fabric.ts';
import { explain } from '../explain.ts';
import { imagine, imaginedIdentity } from '../imagined.ts';
import { stepsOf } from './words.ts';

describe('a trace in words', () => {
  let it1: Walkthrough;

  beforeEach(() => {
    it1 = walkthrough();
    allowAll(it1.world, it1.group);
    for (const port of [it1.vm1, it1.vm3]) {
      it1.world.update('port', port, { security_groups: [it1.group] });
    }
  });

  /** The steps from VM1 to VM3 over nodes that are changed before. */
  const told = (change: (node: SimNode) => void = () => {}) => {
    const nodes = imagine(it1.world.topology);
    for (const node of nodes.fabric.nodes.values()) change(node);
    const [leg] = explain(subjectOf(it1.world, it1.vm1, it1.vm3, {}, nodes)).legs;
    const steps = leg === undefined ? [] : stepsOf(leg);
    return {
      others: (leg?.stops ?? []).filter(({ kind }) => kind === 'uplink').map((s) => s.others),
      step: (number: number) => steps.find((step) => step.number === number)?.text,
    };
  };
  /** br-phy as the agent of a node with other uplinks or VLAN makes it. */
  const underlay = (different: Partial<NodeIdentity>) => (node: SimNode) => {
    const identity = {
      ...imaginedIdentity(node.name, node.vteps[0]?.address ?? ''),
      ...different,
    };
    const bridge = node.bridges['br-phy'];
    const { topology } = it1.world;
    bridge.apply(compileAll(topology, new LocalState(identity), FEATURES)['br-phy']);
    const kept = new Set(identity.uplinks.map((uplink) => uplink.ofport));
    for (const { ofport, kind } of bridge.ports.values())
      if (kind === 'uplink' && !kept.has(ofport)) bridge.ports.delete(ofport);
  };

  it('names the bond, the VLAN, LOCAL and the MACs, as the record does', () => {
    const { step, others } = told();
    expect(step(5)).toMatch(
      /^br-phy of node1: table 0; group 0 picks dpdk_phy([01]) of 2 uplinks and adds VLAN 101\.$/,
    );
    expect(step(6)).toMatch(
      /^Crosses the underlay in VLAN 101; arrives by dpdk_phy([01]) of node2; br-phy of node2: table 0; it strips the VLAN and hands the packet to LOCAL\.$/,
    );
    const { mac_address } = it1.world.get('port', it1.vm3);
    expect(step(10)).toContain(
      `receives it on eth0, with source MAC fe:ff:ff:ff:ff:ff and destination MAC ${mac_address}.`,
    );
    const used = /dpdk_phy[01]/.exec(step(5) ?? '')?.[0];
    const other = used === 'dpdk_phy0' ? 'dpdk_phy1' : 'dpdk_phy0';
    expect(others).toEqual([[other], [other]]);
  });

  it('counts no uplinks where there is one', () => {
    const { step, others } = told(underlay({ uplinks: [{ ofport: 2, name: 'dpdk_phy1' }] }));
    expect(step(5)).toBe('br-phy of node1: table 0; group 0 picks dpdk_phy1 and adds VLAN 101.');
    expect(others).toEqual([undefined, undefined]);
  });

  it('names no VLAN where the underlay has none', () => {
    const { step } = told(underlay({ vlan: null }));
    expect(step(5)).toMatch(/picks dpdk_phy[01] of 2 uplinks\.$/);
    expect(step(6)).toMatch(
      /^Crosses the underlay untagged; .* table 0; it hands the packet to LOCAL\.$/,
    );
  });

  it('names no group where none is asked', () => {
    const flow = parseFlow('priority=30,in_port=LOCAL actions=mod_vlan_vid:101,output:2');
    const { step } = told(({ bridges }) => {
      const program = bridges['br-phy'].program();
      bridges['br-phy'].apply({ ...program, flows: [...program.flows, flow] });
    });
    expect(step(5)).toBe('br-phy of node1: table 0; leaves the node by dpdk_phy1.');
  });

  it('names the MAC alone that the last table writes', () => {
    const { step } = told(({ bridges }) => {
      const program = bridges['br-int'].program();
      const kept = program.flows.map((flow) => ({
        ...flow,
        actions: flow.actions.filter(
          (action) =>
            flow.table !== 180 || action.kind !== 'set_field' || action.field.name !== 'eth_dst',
        ),
      }));
      bridges['br-int'].apply({ ...program, flows: kept });
    });
    expect(step(10)).toMatch(/receives it on eth0, with source MAC fe:ff:ff:ff:ff:ff\.$/);
  });
});
