/**
 * The compute node's half of floating ips: what the external gateway sends on to a floating ip gets
 * the fixed one back (101), what leaves the VPC from a fixed ip takes the floating one (115). Both
 * lie outside the port's conntrack zone.
 */
import { formatPrefix, parseIp, parsePrefix } from '../../address/index.ts';
import type { FloatingIp } from '../../model/objects.ts';
import { gotoTable, match, setField } from '../../openflow/build.ts';
import type { Feature, View } from '../feature.ts';
import type { LocalReader } from '../local.ts';
import { vpcsHere } from '../facts.ts';
import { PRIORITY } from '../priorities.ts';
import { inVpc, METADATA, metadataSet } from '../registers.ts';
import { cookie, localPort, prefixValue, type LocalPort } from './shared.ts';

interface Mapping extends LocalPort {
  readonly floating: bigint;
  readonly fixed: bigint;
}

function mappingOf(floatingIp: FloatingIp, view: View, local: LocalReader): Mapping | null {
  const { port_id, fixed_ip_address, floating_ip_address } = floatingIp;
  if (port_id === null || fixed_ip_address === null) return null;
  const here = localPort(port_id, view, local);
  if (here === null) return null;
  if (!here.port.fixed_ips.some((fixed) => fixed.ip_address === fixed_ip_address)) return null;
  const floating = parseIp(floating_ip_address);
  const fixed = parseIp(fixed_ip_address);
  if (floating.version !== 4 || fixed.version !== 4) return null;
  return { ...here, floating: floating.value, fixed: fixed.value };
}

/** The mappings among `ids` that this node has, the oldest floating ip first. */
function mappings(ids: ReadonlySet<string>, view: View, local: LocalReader): Mapping[] {
  return [...ids]
    .flatMap((id) => view.get('floatingip', id) ?? [])
    .map((floatingIp) => ({ floatingIp, age: `${floatingIp.created_at} ${floatingIp.id}` }))
    .sort((a, b) => (a.age < b.age ? -1 : 1))
    .flatMap(({ floatingIp }) => mappingOf(floatingIp, view, local) ?? []);
}

function* firstBy<T>(items: Iterable<T>, keyOf: (item: T) => string | bigint): Iterable<T> {
  const seen = new Set<string | bigint>();
  for (const item of items) {
    const key = keyOf(item);
    if (!seen.has(key)) yield item;
    seen.add(key);
  }
}

const owner = (local: LocalReader, { vpc, vid }: Mapping) => cookie(local, 'routing', { vpc, vid });

export const floatingIpArrivals: Feature = {
  name: 'floatingIpArrivals',
  bridge: 'br-int',
  over: { index: 'floatingip.by_address' },
  compile(address, view, local, emit) {
    const all = mappings(view.find('floatingip.by_address', address), view, local);
    const everywhere = all.flatMap((mapping) => mapping.vpcs.map((vpc) => ({ mapping, vpc })));
    // The record's row names no VPC; where external networks overlap, the later ones must.
    for (const { mapping, vpc } of firstBy(everywhere, (each) => each.vpc)) {
      const first = mapping === all[0];
      emit.flow({
        table: 101,
        priority: first ? PRIORITY.floatingIp.any : PRIORITY.floatingIp.ofVpc,
        cookie: owner(local, mapping),
        match: match('ip', { ...(first ? {} : inVpc(vpc)), ip_dst: mapping.floating }),
        actions: [setField('ip_dst', mapping.fixed), gotoTable(120)],
      });
    }
  },
};

/** Whether a floating ip belongs to a port of a VPC that this node has: others mean nothing here. */
function concernsNode(floatingIpId: string, view: View): boolean {
  const portId = view.get('floatingip', floatingIpId)?.port_id;
  const port = portId == null ? undefined : view.get('port', portId);
  return port !== undefined && vpcsHere(port.network_id, view).length > 0;
}

function anyConcernsNode(floatingIpIds: Iterable<string>, view: View): boolean {
  for (const id of floatingIpIds) if (concernsNode(id, view)) return true;
  return false;
}

/** A floating ip may be spelled like an address of a VPC: inside that VPC, it is that address. */
export const floatingIpShadows: Feature = {
  name: 'floatingIpShadows',
  bridge: 'br-int',
  over: { kind: 'subnet' },
  compile(subnetId, view, local, emit) {
    const subnet = view.get('subnet', subnetId);
    if (subnet === undefined || subnet.ip_version !== 4) return;
    const prefix = parsePrefix(subnet.cidr);
    const vpcs = vpcsHere(subnet.network_id, view);
    if (vpcs.length === 0) return;
    const within = view.find('floatingip.by_prefix', formatPrefix(prefix));
    if (!anyConcernsNode(within, view)) return;
    for (const vpc of vpcs) {
      emit.flow({
        table: 101,
        priority: PRIORITY.floatingIp.shadowed,
        cookie: cookie(local, 'routing', { vpc }),
        match: match('ip', { ...inVpc(vpc), ip_dst: prefixValue(prefix) }),
        actions: [gotoTable(120)],
      });
    }
  },
};

export const floatingIpDepartures: Feature = {
  name: 'floatingIpDepartures',
  bridge: 'br-int',
  over: { index: 'floatingip.by_port' },
  compile(portId, view, local, emit) {
    const all = mappings(view.find('floatingip.by_port', portId), view, local);
    for (const mapping of firstBy(all, ({ fixed }) => fixed)) {
      emit.flow({
        table: 115,
        priority: PRIORITY.translate,
        cookie: owner(local, mapping),
        match: match('ip', {
          ...inVpc(mapping.vpc),
          metadata: metadataSet(METADATA.external),
          ip_src: mapping.fixed,
        }),
        actions: [setField('ip_src', mapping.floating), gotoTable(120)],
      });
    }
  },
};
