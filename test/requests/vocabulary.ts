/** Words that requests are made of: few, so that they meet, and those at the edges of what is taken. */
import type { Random } from '../support/random.ts';

const ODD_ADDRESSES = [
  '',
  '0.0.0.0',
  '255.255.255.255',
  '127.0.0.1',
  '224.0.0.1',
  '169.254.169.254',
  '::',
  '::1',
  'fe80::1',
  'ff02::1',
  '::ffff:10.0.0.1',
  '2001:DB8::0:1',
  '10.0.0',
  '010.0.0.1',
  '10.0.0.256',
  '10.0.0.1/32',
  '10.0.0.1%eth0',
  '1:2:3:4:5:6:7:8:9',
  ' 10.0.0.1',
  '１０.0.0.1',
] as const;

export function address(random: Random): string {
  if (random.chance(0.06)) return random.pick(ODD_ADDRESSES);
  return random.chance(0.7)
    ? `10.0.${random.int(3)}.${random.pick([0, 1, 2, 3, 4, 5, 7, 8, 9, 63, 64, 200, 254, 255])}`
    : `2001:db8:${random.int(2)}::${random.pick(['', '1', '2', 'a', 'ffff', '10:20'])}`;
}

export const PREFIXES = [
  '10.0.0.0/24',
  '10.0.1.0/24',
  '10.0.2.0/24',
  '10.0.0.0/28',
  '10.0.0.16/28',
  '10.0.0.0/16',
  '10.0.0.0/30',
  '10.0.0.0/31',
  '10.0.0.1/32',
  '10.0.1.7/24',
  '2001:db8::/64',
  '2001:db8:1::/64',
  '2001:db8::/56',
  '2001:db8::/127',
  '2001:db8::/128',
  '2001:db8::/32',
  '0.0.0.0/0',
  '::/0',
  '10.0.0.0/33',
  '10.0.0.0/-1',
  '10.0.0.0/',
  '10.0.0.0/024',
  '224.0.0.0/4',
  'fe80::/64',
  '::ffff:0:0/96',
] as const;

export function mac(random: Random): string {
  if (random.chance(0.1)) {
    return random.pick(['', '00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:01', 'x']);
  }
  return random.pick(['fa:16:3e:00:00:0', 'FA-16-3E-00-00-0', 'fe:ff:ff:ff:ff:f']) + random.int(9);
}

const LONG = 'x'.repeat(300);

export const TEXTS = [
  '',
  'x',
  'web',
  'default',
  'a,b',
  'a b',
  'é',
  '日本',
  '😀',
  '%',
  '%2F',
  '/',
  '..',
  "'",
  '"',
  '<b>',
  '\u0000',
  '\ud800',
  'line\nline',
  '*',
  'null',
  '__proto__',
  LONG,
] as const;

/** Of attributes that mean more than their type says. */
export const TEXTS_OF: Readonly<Record<string, readonly string[]>> = {
  name: ['x', 'web', 'node1', 'node2', 'default', ''],
  project_id: ['A', 'B', 'C'],
  tenant_id: ['A', 'B', 'C'],
  target_tenant: ['A', 'B', '*'],
  device_id: ['vm', '0a0a0a0a-0000-4000-8000-000000000000', ''],
  device_owner: [
    '',
    'compute:nova',
    'network:dhcp',
    'network:router_interface',
    'network:router_gateway',
    'network:floatingip',
  ],
  service_types: ['compute:nova', 'network:dhcp', 'compute:', 'x'],
  'binding:host_id': ['node1', 'node2', 'nowhere', ''],
  host: ['node1', 'node2', 'nowhere', ''],
  dns_name: ['vm', 'vm.example.org.', '-', 'a..b', ''],
  dns_domain: ['example.org.', 'example.org', '.', '', 'a.'.repeat(130)],
  protocol: ['tcp', 'udp', 'icmp', 'icmpv6', 'ipv6-icmp', '6', '255', '256', 'any', 'sctp', 'x'],
  opt_name: ['mtu', '26', 'router', 'server-ip-address', '0', '255', 'x'],
  opt_value: ['1500', '10.0.0.1', '0x', 'x;y', ''],
};

/** What belongs nowhere. */
export const GARBAGE: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  2 ** 31,
  2 ** 53,
  1e308,
  '',
  '0',
  '1e3',
  LONG,
  'x'.repeat(5000),
  '\u0000',
  '\ud800',
  [],
  [[]],
  [null],
  Array.from({ length: 101 }, () => 'x'),
  {},
  { x: {} },
  { toString: 1, ['__proto__']: 1, constructor: 'x' },
  Array.from({ length: 20 }).reduce<unknown>((inner) => [inner], 0),
];
