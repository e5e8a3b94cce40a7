/**
 * The VPC's one router: inside a subnet packets pass 105, 110 and 140 by the record's rows, between
 * subnets by one row a prefix, and what no prefix holds leaves by the external gateway, if the VPC
 * has one.
 */
import { parseIp, parsePrefix, type Prefix } from '../../address/index.ts';
import { decTtl, gotoTable, match, move, output, setField, sub } from '../../openflow/build.ts';
import { PORT, type Action } from '../../openflow/flow.ts';
import { isRouted, routersIn, vpcIsHere, vpcsHere } from '../facts.ts';
import type { Emit, Feature } from '../feature.ts';
import { PRIORITY, ROUTE, routePriority } from '../priorities.ts';
import { inSubnet, inVpc, MAC, METADATA, setMetadata } from '../registers.ts';
import { cookie, dropFlow, FAMILIES, familyOf, prefixValue, type Family } from './shared.ts';

const POLICY_ROUTE = 105;
const ROUTE_TABLE = 110;
const TRANSLATE = 115;
const ROUTER_POLICY = 140;

function emitInside(subnetId: string, prefix: Prefix, cookie: bigint, emit: Emit): void {
  const family = familyOf(prefix.version);
  const cidr = prefixValue(prefix);
  const inside = match(family.ip, {
    ...inSubnet(subnetId),
    [family.source]: cidr,
    [family.destination]: cidr,
  });
  const row = (table: number, priority: number, next: number) =>
    emit.flow({ table, priority, cookie, match: inside, actions: [gotoTable(next)] });
  row(POLICY_ROUTE, PRIORITY.sameSubnetRoutes, ROUTE_TABLE);
  row(ROUTER_POLICY, PRIORITY.sameSubnetPolicy, 148);
  emit.flow({
    table: ROUTE_TABLE,
    priority: routePriority(prefix.length, ROUTE.ownSubnet),
    cookie,
    match: match(family.ip, { ...inSubnet(subnetId), [family.destination]: cidr }),
    actions: [gotoTable(TRANSLATE)],
  });
}

function emitFromElsewhere(vpc: string, prefix: Prefix, cookie: bigint, emit: Emit): void {
  const family = familyOf(prefix.version);
  const toSubnet = match(family.ip, { ...inVpc(vpc), [family.destination]: prefixValue(prefix) });
  emit.flow({
    table: ROUTE_TABLE,
    priority: routePriority(prefix.length, ROUTE.vpcSubnet),
    cookie,
    match: toSubnet,
    actions: [decTtl(), gotoTable(TRANSLATE)],
  });
}

const ECHO = { 4: { request: 8, reply: 0 }, 6: { request: 128, reply: 129 } } as const;
const REPLY_TTL = 64;

/** An echo request turned round and sent back to its port. */
function echoReply(family: Family, gateway: bigint): Action[] {
  return [
    move(sub('eth_src'), sub('eth_dst')),
    setField('eth_src', MAC.vpc),
    move(sub(family.source), sub(family.destination)),
    setField(family.source, gateway),
    setField(family.icmpType, ECHO[family.version].reply),
    setField('nw_ttl', REPLY_TTL),
    output(PORT.inPort),
  ];
}

function emitGateway(vpc: string, gatewayIp: string, cookie: bigint, emit: Emit): void {
  const gateway = parseIp(gatewayIp);
  const family = familyOf(gateway.version);
  const toGateway = { ...inVpc(vpc), [family.destination]: gateway.value };
  emit.flow({
    table: ROUTE_TABLE,
    priority: routePriority(family.bits, ROUTE.gatewayPing),
    cookie,
    match: match(family.icmp, {
      ...toGateway,
      [family.icmpType]: ECHO[family.version].request,
      [family.icmpCode]: 0,
    }),
    actions: echoReply(family, gateway.value),
  });
  const otherwise = match(family.ip, toGateway);
  emit.flow({
    ...dropFlow(ROUTE_TABLE, 'gateway_only_answers_ping', cookie, otherwise),
    priority: routePriority(family.bits, ROUTE.gatewayElse),
  });
}

export const subnetRoutes: Feature = {
  name: 'subnetRoutes',
  bridge: 'br-int',
  over: { kind: 'subnet' },
  compile(subnetId, view, local, emit) {
    const subnet = view.get('subnet', subnetId);
    if (subnet === undefined) return;
    const prefix = parsePrefix(subnet.cidr);
    const vpcs = vpcsHere(subnet.network_id, view);
    const routed = view.fact(isRouted, subnet.network_id);
    for (const [index, vpc] of vpcs.entries()) {
      const routing = cookie(local, 'routing', { vpc });
      if (index === 0) emitInside(subnetId, prefix, routing, emit);
      if (routed) emitFromElsewhere(vpc, prefix, routing, emit);
      if (subnet.gateway_ip !== null) emitGateway(vpc, subnet.gateway_ip, routing, emit);
    }
  },
};

/** The addresses that routers have in a VPC beside the subnets' gateways. */
export const routerAddresses: Feature = {
  name: 'routerAddresses',
  bridge: 'br-int',
  over: { index: 'interface.by_vpc' },
  compile(vpc, view, local, emit) {
    if (!view.fact(vpcIsHere, vpc)) return;
    for (const portId of view.find('interface.by_vpc', vpc)) {
      for (const { ip_address, subnet_id } of view.get('port', portId)?.fixed_ips ?? []) {
        if (view.get('subnet', subnet_id)?.gateway_ip === ip_address) continue;
        emitGateway(vpc, ip_address, cookie(local, 'routing', { vpc }), emit);
      }
    }
  },
};

export const externalRoutes: Feature = {
  name: 'externalRoutes',
  bridge: 'br-int',
  over: { index: 'network.by_vpc' },
  compile(vpc, view, local, emit) {
    if (!view.fact(vpcIsHere, vpc)) return;
    const leadsOut = routersIn(vpc, view).some((router) => router.external_gateway_info !== null);
    if (!leadsOut) return;
    const routing = cookie(local, 'routing', { vpc });
    for (const family of FAMILIES) {
      emit.flow({
        table: ROUTE_TABLE,
        priority: routePriority(0, ROUTE.out),
        cookie: routing,
        match: match(family.ip, inVpc(vpc)),
        actions: [setMetadata(METADATA.external), gotoTable(TRANSLATE)],
      });
    }
    const outward = { value: METADATA.external, mask: METADATA.external };
    emit.flow(
      dropFlow(120, 'no_gateway', routing, match(null, { ...inVpc(vpc), metadata: outward })),
    );
  },
};
