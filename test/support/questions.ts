/** What may be asked of a tracer in a random world. */
import type { Topology } from '../../src/model/topology.ts';
import { judge, type Packet } from './oracle.ts';
import { within } from './packets.ts';
import type { Random } from './random.ts';

const PROTOCOLS = [
  'icmp',
  'icmp',
  'tcp/22',
  'tcp/80',
  'tcp/1500',
  'udp/22',
  'udp/33001',
  'sctp/80',
  'ip/47',
  'ip/112',
];

export interface Question {
  readonly from: string;
  readonly to: string;
  readonly protocol: string;
}

/** One sender, a receiver that is mostly of its VPC, or an address near them. */
export function question(random: Random, topology: Topology): Question {
  const ports = [...topology.all('port')];
  const from = random.pick(ports);
  const vpc = (id: string) => topology.get('network', id)?.vpc.id;
  const near = ports.filter((port) => vpc(port.network_id) === vpc(from.network_id));
  const peer = random.pick(random.chance(0.9) ? near : ports);
  const addresses = [
    ...peer.allowed_address_pairs.map((pair) => pair.ip_address).filter((it) => !it.includes('/')),
    ...peer.fixed_ips.map((fixed) => fixed.ip_address),
    ...[...topology.all('subnet')].flatMap((subnet) => subnet.gateway_ip ?? []),
    ...[...topology.all('subnet')].map((subnet) => within(random, subnet.cidr)),
    '192.0.2.1',
  ];
  return {
    from: from.id,
    to: random.chance(0.6) ? peer.id : random.pick(addresses),
    protocol: random.pick(PROTOCOLS),
  };
}

const NUMBERS: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17, sctp: 132 };

/** How many things are in the way of what is asked, as far as can be told before it is traced. */
function obstacles(topology: Topology, { from, to, protocol }: Question): number {
  const v6 = (address: string) => address.includes(':');
  const sender = topology.get('port', from);
  const targets = topology.get('port', to)?.fixed_ips.map((fixed) => fixed.ip_address) ?? [to];
  const sources = sender?.fixed_ips.map((fixed) => fixed.ip_address) ?? [];
  const both = [...sources].sort((a, b) => Number(v6(a)) - Number(v6(b)));
  const source = both.find((it) => targets.some((target) => v6(target) === v6(it)));
  const destination = targets.find((target) => source !== undefined && v6(target) === v6(source));
  if (source === undefined || destination === undefined) return 2;
  const [name = '', number] = protocol.split('/');
  const ping = name === 'icmp';
  const packet: Packet = {
    port: from,
    mac: sender?.mac_address ?? '',
    source,
    destination,
    protocol: ping && v6(source) ? 58 : (NUMBERS[name] ?? Number(number)),
    sourcePort: 40_000,
    destinationPort: Number(number),
    icmp: ping ? { type: v6(source) ? 128 : 8, code: 0 } : null,
  };
  return judge(topology, packet).obstacles.length;
}

/** A question with that many obstacles, if one is found soon. */
export function questionWith(wanted: number, random: Random, topology: Topology): Question {
  let asked = question(random, topology);
  for (let tries = 0; tries < 100 && obstacles(topology, asked) !== wanted; tries += 1) {
    asked = question(random, topology);
  }
  return asked;
}
