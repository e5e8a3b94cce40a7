/**
 * Who has an address, and the last steps to a port here. An address belongs to the port that it is
 * fixed in, else to the port that has claimed it as an address pair for the longest time.
 */
import {
  formatPrefix,
  parseIp,
  parseMac,
  prefixOf,
  type Ip,
  type Prefix,
} from '../../address/index.ts';
import type { Port } from '../../model/objects.ts';
import { INTERFACE_OWNER } from '../../model/topology.ts';
import { gotoTable, group, match, output, resubmit, setField } from '../../openflow/build.ts';
import type { Action } from '../../openflow/flow.ts';
import { groupId } from '../cookies.ts';
import type { DropCode } from '../drops.ts';
import { isUp, vniOf, vpcIsHere, vtepOf } from '../facts.ts';
import type { Feature, View } from '../feature.ts';
import type { LocalReader } from '../local.ts';
import { PREFIX_DEPTHS, PRIORITY } from '../priorities.ts';
import { inVpc, MAC, METADATA, metadataClear, setOutputVid, setSubnet } from '../registers.ts';
import {
  cookie,
  dropFlow,
  familyOf,
  isSingle,
  localPort,
  parseAddressOrPrefix,
  prefixValue,
  subnetFor,
} from './shared.ts';

const FORWARD = 120;
const FILTER = 133;

function isFixedIn(port: Port, address: Prefix): boolean {
  return (
    isSingle(address) &&
    port.fixed_ips.some(({ ip_address }) => {
      const ip = parseIp(ip_address);
      return ip.version === address.version && ip.value === address.value;
    })
  );
}

/** Negative when `a` has claimed longer than `b`. */
function byAge(a: Port, b: Port): number {
  const [age, other] = [`${a.created_at} ${a.id}`, `${b.created_at} ${b.id}`];
  return Number(age > other) - Number(age < other);
}

const lives = (port: Port, view: View): boolean =>
  isUp(port, view) && port['binding:host_id'] !== '';

/**
 * The port that packets to an address go to. Of the ports that share an address as a pair one that
 * lives is preferred; a prefix is nobody's while none does, so that a shorter one may serve.
 */
function ownerOf(key: string, address: Prefix, view: View): Port | undefined {
  const claimants = [...view.find('port.by_address', key)]
    .flatMap((id) => view.get('port', id) ?? [])
    .filter((port) => subnetFor(port, address, view) !== undefined);
  const fixed = claimants.find((port) => isFixedIn(port, address));
  if (fixed !== undefined) return fixed;
  const living = claimants.filter((port) => lives(port, view));
  const candidates = living.length > 0 || !isSingle(address) ? living : claimants;
  return candidates.toSorted(byAge)[0];
}

/** How many other claimed prefixes of the VPC contain this one. */
function depthOf(vpc: string, prefix: Prefix, view: View): number {
  let depth = 0;
  for (let length = 0; length < prefix.length; length += 1) {
    const around = formatPrefix(prefixOf(prefix, length));
    if (view.find('port.by_address', `${vpc} ${around}`).size > 0) depth += 1;
  }
  return depth;
}

/** Where a node sends what is for a port. */
export type Delivery =
  | { readonly to: 'here'; readonly vid: number }
  | { readonly to: 'tunnel'; readonly vtep: Ip }
  | { readonly to: 'nowhere'; readonly why: DropCode };

export function deliveryTo(port: Port, view: View, local: LocalReader): Delivery {
  const host = port['binding:host_id'];
  if (!isUp(port, view)) return { to: 'nowhere', why: 'port_down' };
  if (host === '') return { to: 'nowhere', why: 'port_unbound' };
  if (host === local.identity.node) {
    const attachment = local.attachment(port.id);
    if (attachment === undefined) return { to: 'nowhere', why: 'port_not_plugged' };
    return { to: 'here', vid: attachment.vid };
  }
  const vtep = view.fact(vtepOf, host);
  const ip = vtep === undefined ? undefined : parseIp(vtep);
  if (ip?.version !== 4) return { to: 'nowhere', why: 'no_tunnel_to_node' };
  return { to: 'tunnel', vtep: ip };
}

export const addresses: Feature = {
  name: 'addresses',
  bridge: 'br-int',
  over: { index: 'port.by_address' },
  compile(key, view, local, emit) {
    const [vpc = '', text = ''] = key.split(' ');
    if (!view.fact(vpcIsHere, vpc)) return;
    const vni = view.fact(vniOf, vpc);
    const address = parseAddressOrPrefix(text);
    const port = ownerOf(key, address, view);
    if (port === undefined || vni === undefined) return;
    // A router's own address is met on the way here.
    if (port.device_owner === INTERFACE_OWNER) return;
    const family = familyOf(address.version);
    const where = { ...inVpc(vpc), [family.destination]: prefixValue(address) };
    const single = isSingle(address);
    const nested = single ? 0 : Math.min(depthOf(vpc, address, view), PREFIX_DEPTHS);
    const delivery = deliveryTo(port, view, local);
    if (delivery.to === 'here') {
      const { vid } = delivery;
      const subnet = subnetFor(port, address, view);
      if (subnet === undefined) return;
      emit.flow({
        table: FORWARD,
        priority: single ? PRIORITY.forward.local : PRIORITY.forward.prefix + nested,
        cookie: cookie(local, 'port', { vpc, vid }),
        match: match(family.ip, where),
        actions: [setSubnet(subnet), group(groupId(local.networkId(vpc), vid))],
      });
    } else if (delivery.to === 'tunnel') {
      const metadata = metadataClear(METADATA.fromRemote);
      emit.flow({
        table: FORWARD,
        priority: single ? PRIORITY.forward.remote : PRIORITY.forward.prefix + nested,
        cookie: cookie(local, 'tunnel', { vpc }),
        match: match(family.ip, { ...where, metadata }),
        actions: intoTunnel(delivery.vtep, vni, local),
      });
    } else if (single) {
      const tunnel = cookie(local, 'tunnel', { vpc });
      emit.flow(dropFlow(FORWARD, delivery.why, tunnel, match(family.ip, where)));
    }
  },
};

export function intoTunnel(vtep: Ip, vni: number, local: LocalReader): Action[] {
  return [
    setField('tun_dst', vtep.value),
    setField('tun_id', vni),
    setField('eth_dst', MAC.tunnel),
    output(local.identity.tunnel.ofport),
  ];
}

export const localPorts: Feature = {
  name: 'localPorts',
  bridge: 'br-int',
  over: { attached: true },
  compile(portId, view, local, emit) {
    const here = localPort(portId, view, local);
    if (here === null) return;
    const { port, vpc, vpcs, vid, ofport } = here;
    const own = cookie(local, 'port', { vpc, vid });
    // in_port 0 here, and load:0->in_port in 133: a switch never sends out of the port it came in by.
    const actions = [setOutputVid(vid), resubmit({ inPort: 0, table: FILTER })];
    for (const each of vpcs) {
      const id = groupId(local.networkId(each), vid);
      emit.group({ id, type: 'all', buckets: [{ id: 1, actions }] });
    }
    emit.flow(dropFlow(FILTER, 'returns_to_sender', own, match(null, { reg12: vid, reg13: vid })));
    const toPort = match(null, { reg13: vid });
    const row = (table: number, actions: readonly Action[]) =>
      emit.flow({ table, priority: PRIORITY.output, cookie: own, match: toPort, actions });
    row(160, [gotoTable(165)]);
    row(165, [gotoTable(180)]);
    row(180, [
      setField('eth_src', MAC.vpc),
      setField('eth_dst', parseMac(port.mac_address)),
      output(ofport),
    ]);
  },
};
