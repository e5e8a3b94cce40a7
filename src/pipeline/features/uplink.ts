/** br-phy: the node's own traffic, tunnels included, over its uplinks in the VLAN of the underlay. */
import {
  group,
  match,
  output,
  popVlan,
  pushVlan,
  setField,
  VLAN_PRESENT,
} from '../../openflow/build.ts';
import { PORT } from '../../openflow/flow.ts';
import type { Feature } from '../feature.ts';
import { PRIORITY } from '../priorities.ts';
import { UNTAGGED } from '../registers.ts';
import { cookie, dropFlow } from './shared.ts';

const UPLINK = 0;
const GROUP = 0;

export const uplink: Feature = {
  name: 'uplink',
  bridge: 'br-phy',
  over: { node: true },
  compile(_key, _view, local, emit) {
    const { uplinks, vlan } = local.identity;
    const base = cookie(local, 'base');
    const own = { table: UPLINK, priority: PRIORITY.uplink, cookie: base };
    emit.flow(dropFlow(UPLINK, 'not_underlay', base, match(null)));
    if (uplinks.length === 0) return;
    const tag = vlan === null ? [] : [pushVlan(), setField('vlan_vid', VLAN_PRESENT | vlan)];
    const untag = vlan === null ? [] : [popVlan()];
    const tagged = vlan === null ? { vlan_tci: UNTAGGED } : { vlan_vid: VLAN_PRESENT | vlan };
    emit.group({
      id: GROUP,
      type: 'select',
      selectionMethod: 'dp_hash',
      buckets: uplinks.map(({ ofport }, index) => ({
        id: index + 1,
        watchPort: ofport,
        actions: [...tag, output(ofport)],
      })),
    });
    emit.flow({ ...own, match: match(null, { in_port: PORT.local }), actions: [group(GROUP)] });
    for (const { ofport } of uplinks) {
      emit.flow({
        ...own,
        match: match(null, { in_port: ofport, ...tagged }),
        actions: [...untag, output(PORT.local)],
      });
    }
  },
};
