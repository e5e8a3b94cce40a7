/**
 * Table 0 for the ports plugged here: names the sender in registers and passes only what it sends
 * as itself. What a VM asks of its network (DHCP, RS, NS) goes to the agent, metered; ARP to the
 * responder; what would have to be flooded is dropped quietly.
 */
import {
  linkLocalFromMac,
  parseIp,
  parseMac,
  parsePrefix,
  type Prefix,
} from '../../address/index.ts';
import {
  controller,
  gotoTable,
  match,
  writeMetadata,
  type MatchValue,
} from '../../openflow/build.ts';
import type { Action } from '../../openflow/flow.ts';
import { METER, meterId } from '../cookies.ts';
import { cidrOf } from '../facts.ts';
import type { Emit, Feature, View } from '../feature.ts';
import type { LocalReader } from '../local.ts';
import { PRIORITY } from '../priorities.ts';
import {
  METADATA,
  MULTICAST,
  PURPOSE,
  RESERVED_SOURCES,
  setInputPort,
  setInputVid,
  setSubnet,
  setVni,
  setVpc,
  UNTAGGED,
} from '../registers.ts';
import {
  cookie,
  dropFlow,
  FAMILIES,
  isSingle,
  localPort,
  parseAddressOrPrefix,
  prefixValue,
  subnetFor,
  subnetsOf,
  V6,
  type LocalPort,
} from './shared.ts';

const INPUT = 0;
/** Packets a second that a port may make the switch send to the agent. */
const AGENT_PPS = 100;
const BROADCAST = 0xffff_ffffn;

/** What a port may send from: one of its addresses or address pairs. */
interface Source {
  readonly mac: bigint;
  readonly address: Prefix;
  readonly subnet: string;
  readonly fixed: boolean;
}

function sourcesOf({ port }: LocalPort, view: View): Source[] {
  const mac = parseMac(port.mac_address);
  const fixed = port.fixed_ips.map(({ ip_address, subnet_id }) => ({
    mac,
    address: parseAddressOrPrefix(ip_address),
    subnet: subnet_id,
    fixed: true,
  }));
  const pairs = port.allowed_address_pairs.flatMap(({ ip_address, mac_address }) => {
    const address = parseAddressOrPrefix(ip_address);
    // Every prefix pair counts as one subnet, so that two that overlap do not disagree.
    const subnet = isSingle(address)
      ? subnetFor(port, address, view)
      : subnetsOf(port, address.version)[0];
    if (subnet === undefined) return [];
    return [{ mac: parseMac(mac_address), address, subnet, fixed: false }];
  });
  return [...fixed, ...pairs].filter((source) => !isReserved(source.mac));
}

/** The API lets no port have such a MAC; if one had, it would be let send nothing. */
const isReserved = (mac: bigint): boolean =>
  RESERVED_SOURCES.some(({ value, mask }) => (mac & BigInt(mask)) === BigInt(value));

/** The rows of one port, with what all of them share. */
class PortRows {
  readonly #emit: Emit;
  readonly #port: LocalPort;
  readonly #cookie: bigint;
  readonly #from: Readonly<Record<string, MatchValue>>;

  constructor(port: LocalPort, local: LocalReader, emit: Emit) {
    this.#emit = emit;
    this.#port = port;
    this.#cookie = cookie(local, 'port', { vpc: port.vpc, vid: port.vid });
    this.#from = { in_port: port.ofport, vlan_tci: UNTAGGED };
  }

  get secured(): boolean {
    return this.#port.port.port_security_enabled;
  }

  row(
    priority: number,
    protocol: Parameters<typeof match>[0],
    values: Readonly<Record<string, MatchValue>>,
    actions: readonly Action[],
  ): void {
    this.#emit.flow({
      table: INPUT,
      priority,
      cookie: this.#cookie,
      match: match(protocol, { ...this.#from, ...values }),
      actions,
    });
  }

  /** What a port may not send from that need not send as itself. */
  reserved(): void {
    for (const eth_src of RESERVED_SOURCES) {
      const where = match(null, { in_port: this.#port.ofport, eth_src });
      this.#emit.flow(dropFlow(INPUT, 'reserved_source_mac', this.#cookie, where));
    }
  }

  /** Who sends, in registers, and on to `next`. */
  enter(subnet: string, next: number): Action[] {
    const { port, vpc, vid, vni } = this.#port;
    const { fromLocal, secured } = METADATA;
    return [
      setVpc(vpc),
      setSubnet(subnet),
      setInputPort(port.id),
      setInputVid(vid),
      setVni(vni),
      writeMetadata(this.secured ? fromLocal | secured : fromLocal, fromLocal | secured),
      gotoTable(next),
    ];
  }

  toAgent(purpose: number): Action[] {
    // By the action's own meter: a meter before it would be followed by the switch's.
    const own = meterId(this.#port.vid, METER.agent);
    return [controller({ userdata: [purpose], meterId: own })];
  }

  meter(): void {
    const id = meterId(this.#port.vid, METER.agent);
    this.#emit.meter({ id, unit: 'pktps', rate: AGENT_PPS, burst: AGENT_PPS });
  }
}

function emitAddresses(rows: PortRows, sources: readonly Source[], port: LocalPort['port']): void {
  for (const family of FAMILIES) {
    if (!rows.secured) {
      const [subnet] = subnetsOf(port, family.version);
      if (subnet !== undefined) {
        rows.row(PRIORITY.input.address, family.ip, {}, rows.enter(subnet, 60));
      }
      continue;
    }
    for (const { mac, address, subnet } of sources) {
      if (address.version !== family.version) continue;
      const priority = isSingle(address) ? PRIORITY.input.address : PRIORITY.input.prefix;
      const values = { eth_src: mac, [family.source]: prefixValue(address) };
      rows.row(priority, family.ip, values, rows.enter(subnet, 60));
    }
  }
}

function emitArp(
  rows: PortRows,
  sources: readonly Source[],
  port: LocalPort['port'],
  view: View,
): void {
  for (const subnet of subnetsOf(port, 4)) {
    const cidr = view.fact(cidrOf, subnet);
    if (cidr === undefined) continue;
    const arp_tpa = prefixValue(parsePrefix(cidr));
    const askers = rows.secured ? new Set(sources.map((source) => source.mac)) : [null];
    for (const mac of askers) {
      // A probe has no sender address yet; only its target tells which subnet it asks in.
      const probe =
        mac === null ? { arp_tpa } : { eth_src: mac, arp_sha: mac, arp_spa: 0, arp_tpa };
      rows.row(PRIORITY.input.asks, 'arp', probe, rows.enter(subnet, 10));
    }
  }
  if (!rows.secured) return;
  for (const { mac, address, subnet } of sources) {
    if (address.version !== 4) continue;
    const priority = isSingle(address) ? PRIORITY.input.asks : PRIORITY.input.asksPrefix;
    const values = { eth_src: mac, arp_sha: mac, arp_spa: prefixValue(address) };
    rows.row(priority, 'arp', values, rows.enter(subnet, 10));
  }
}

function emitDhcp(rows: PortRows, { port }: LocalPort, view: View): void {
  const eth_src = parseMac(port.mac_address);
  if (rows.secured && isReserved(eth_src)) return;
  const client = { ...(rows.secured && { eth_src }), udp_src: 68, udp_dst: 67 };
  const ask = (values: Readonly<Record<string, MatchValue>>) =>
    rows.row(PRIORITY.input.asks, 'udp', { ...client, ...values }, rows.toAgent(PURPOSE.dhcp));
  for (const { ip_address, subnet_id } of port.fixed_ips) {
    const subnet = view.get('subnet', subnet_id);
    if (subnet?.ip_version !== 4 || !subnet.enable_dhcp) continue;
    ask({ ip_src: 0n, ip_dst: BROADCAST });
    // Renewal to the server, rebinding to all (RFC 2131 §4.4.5): no VM is a server, wherever it goes.
    ask({ ip_src: parseIp(ip_address).value });
  }
}

/** Neighbour discovery, router solicitation and DHCPv6 of a port that has an IPv6 address. */
function emitNeighbours(
  rows: PortRows,
  sources: readonly Source[],
  { port }: LocalPort,
  view: View,
): void {
  const own = sources.filter((source) => source.address.version === 6);
  if (!own.some((source) => source.fixed)) return;
  const portMac = parseMac(port.mac_address);
  const ask = (icmpv6_type: number, purpose: number, values: Record<string, MatchValue>) =>
    rows.row(PRIORITY.input.asks, 'icmp6', { ...values, icmpv6_type }, rows.toAgent(purpose));
  const solicit = (values: Record<string, MatchValue>) => {
    ask(133, PURPOSE.routerSolicitation, values);
    ask(135, PURPOSE.neighbourSolicitation, values);
  };
  if (rows.secured) {
    for (const eth_src of new Set(own.map((source) => source.mac))) {
      solicit({ eth_src, ipv6_src: 0n });
      solicit({ eth_src, ipv6_src: linkLocalFromMac(eth_src) });
    }
    for (const { mac, address } of own) solicit({ eth_src: mac, ipv6_src: prefixValue(address) });
  } else {
    solicit({});
  }
  const asksDhcp = port.fixed_ips.some(({ subnet_id }) => {
    const subnet = view.get('subnet', subnet_id);
    return subnet?.ip_version === 6 && subnet.enable_dhcp;
  });
  if (!asksDhcp) return;
  const client = { ipv6_src: linkLocalFromMac(portMac), udp_src: 546, udp_dst: 547 };
  const values = rows.secured ? { eth_src: portMac, ...client } : client;
  rows.row(PRIORITY.input.asks, V6.udp, values, rows.toAgent(PURPOSE.dhcpv6));
}

export const input: Feature = {
  name: 'input',
  bridge: 'br-int',
  over: { attached: true },
  compile(portId, view, local, emit) {
    const port = localPort(portId, view, local);
    if (port === null) return;
    const rows = new PortRows(port, local, emit);
    const sources = sourcesOf(port, view);
    if (!rows.secured) rows.reserved();
    rows.meter();
    emitAddresses(rows, sources, port.port);
    emitArp(rows, sources, port.port, view);
    emitDhcp(rows, port, view);
    emitNeighbours(rows, sources, port, view);
  },
};

/** MLD, redirects, advertisements, and solicitations that no port's own row took. */
const NEIGHBOUR_MESSAGES = [130, 131, 132, 133, 134, 135, 136, 137, 143];

export const quietInput: Feature = {
  name: 'quietInput',
  bridge: 'br-int',
  over: { node: true },
  compile(_key, _view, local, emit) {
    const base = cookie(local, 'base');
    emit.flow(dropFlow(INPUT, 'not_flooded', base, match(null, { eth_dst: MULTICAST })));
    for (const icmpv6_type of NEIGHBOUR_MESSAGES) {
      emit.flow(dropFlow(INPUT, 'neighbour_message', base, match('icmp6', { icmpv6_type })));
    }
  },
};
