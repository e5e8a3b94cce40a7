/** Where packets from other nodes come in: the VNI says which VPC they are in. */
import { gotoTable, match } from '../../openflow/build.ts';
import { vniOf, vpcIsHere } from '../facts.ts';
import type { Feature } from '../feature.ts';
import { PRIORITY } from '../priorities.ts';
import { METADATA, setMetadata, setVni, setVpc } from '../registers.ts';
import { cookie, dropFlow } from './shared.ts';

const INPUT = 0;

export const tunnelEntry: Feature = {
  name: 'tunnelEntry',
  bridge: 'br-int',
  over: { index: 'network.by_vpc' },
  compile(vpc, view, local, emit) {
    if (!view.fact(vpcIsHere, vpc)) return;
    const vni = view.fact(vniOf, vpc);
    if (vni === undefined) return;
    emit.flow({
      table: INPUT,
      priority: PRIORITY.input.tunnel,
      cookie: cookie(local, 'tunnel', { vpc }),
      match: match(null, { tun_id: vni, in_port: local.identity.tunnel.ofport }),
      actions: [setVpc(vpc), setVni(vni), setMetadata(METADATA.fromRemote), gotoTable(100)],
    });
  },
};

export const unknownTunnels: Feature = {
  name: 'unknownTunnels',
  bridge: 'br-int',
  over: { node: true },
  compile(_key, _view, local, emit) {
    const fromTunnel = match(null, { in_port: local.identity.tunnel.ofport });
    emit.flow(dropFlow(INPUT, 'unknown_vni', cookie(local, 'base'), fromTunnel));
  },
};
