/** What the responder says, as tcpdump reads it: checksums, options, addresses. */
import { expect, test } from 'vitest';
import { respond } from '../../src/responder/index.ts';
import { encodeIcmp, encodeUdp, ICMPV6_TYPE } from '../../src/packet/index.ts';
import { requireOrSkip } from '../support/require.ts';
import { clientWith, type Setting } from './network.ts';
import { tcpdump, tcpdumpAvailable } from './pcap.ts';
import {
  ALL_SERVERS,
  dhcp,
  dhcpv6,
  expired,
  ip,
  ipv4,
  ipv6,
  nd,
  OWN_LINK_LOCAL,
} from './questions.ts';

const suite = requireOrSkip('tcpdump', tcpdumpAvailable);

type Question = Parameters<typeof respond>[0];

function answer(question: Question, setting: Setting = {}): string {
  const given = respond(question, clientWith(setting));
  if (given.kind === 'silence') throw new Error(`silence: ${given.why} ${given.detail ?? ''}`);
  const [text = ''] = tcpdump(given.frame);
  expect(text).not.toMatch(/bad|incorrect|truncated|\[\|/);
  return text;
}

function silent(question: Question, setting: Setting = {}): string {
  const given = respond(question, clientWith(setting));
  return given.kind === 'silence' ? given.why : `it said ${given.what}`;
}

const address = (text: string): number[] => text.split('.').map(Number);
const ALL_OPTIONS = [55, [1, 3, 6, 12, 15, 26, 28, 121, 249]] as const;

suite('DHCPv4', () => {
  test('an offer carries what was listed, from the gateway, by unicast', () => {
    const host_routes = [
      { destination: '10.17.0.0/16', nexthop: '178.1.3.9' },
      { destination: '10.229.0.128/25', nexthop: '178.1.3.8' },
    ];
    const text = answer(dhcp(1, [ALL_OPTIONS]), { v4: { host_routes } });
    expect(text).toContain('fe:ff:ff:ff:ff:ff > fa:16:3e:98:90:e7');
    expect(text).toContain('udp sum ok');
    for (const part of [
      '178.1.3.1.67 > 178.1.3.2.68',
      'Your-IP 178.1.3.2',
      'DHCP-Message (53), length 1: Offer',
      'Server-ID (54), length 4: 178.1.3.1',
      'Lease-Time (51), length 4: 86400',
      'RN (58), length 4: 43200',
      'RB (59), length 4: 75600',
      'Subnet-Mask (1), length 4: 255.255.255.0',
      'Default-Gateway (3), length 4: 178.1.3.1',
      'Domain-Name-Server (6), length 8: 178.1.3.53,9.9.9.9',
      'MTU (26), length 2: 1450',
      'BR (28), length 4: 178.1.3.255',
      'Domain-Name (15), length 14: "openstacklocal"',
      'Hostname (12), length 14: "host-178-1-3-2"',
      'Classless-Static-Route (121), length 21: (10.17.0.0/16:178.1.3.9),(10.229.0.128/25:178.1.3.8),(default:178.1.3.1)',
      'Classless-Static-Route-Microsoft (249), length 21:',
    ]) {
      expect(text).toContain(part);
    }
  });

  test('only what was listed is sent, and the MTU', () => {
    const text = answer(dhcp(1, [[55, [1]]]));
    expect(text).toContain('Subnet-Mask');
    expect(text).toContain('MTU (26)');
    expect(text).not.toMatch(/Default-Gateway|Domain-Name|Hostname|BR \(28\)|Classless/);
  });

  test('what the client has no room for is left out', () => {
    const host_routes = Array.from({ length: 20 }, (_, index) => ({
      destination: `10.0.0.${index}/32`,
      nexthop: '178.1.3.9',
    }));
    const setting = { v4: { host_routes } };
    const tight = answer(dhcp(1, [ALL_OPTIONS]), setting);
    expect(tight).toContain('Classless-Static-Route (121), length 185');
    expect(tight).not.toContain('(249)');
    const roomy = answer(dhcp(1, [ALL_OPTIONS, [57, [5, 220]]]), setting);
    expect(roomy).toContain('(249), length 185');
  });

  test('no answer is longer than every client takes', () => {
    for (let count = 1; count <= 20; count += 1) {
      const host_routes = Array.from({ length: count }, (_, index) => ({
        destination: `10.0.0.${index}/32`,
        nexthop: '178.1.3.9',
      }));
      const given = respond(dhcp(1, [ALL_OPTIONS]), clientWith({ v4: { host_routes } }));
      expect(given.kind === 'reply' ? given.frame.length : 0).toBeLessThanOrEqual(14 + 576);
    }
  });

  test('a default route among the host routes is the only one', () => {
    const host_routes = [{ destination: '0.0.0.0/0', nexthop: '178.1.3.9' }];
    const text = answer(dhcp(1, [ALL_OPTIONS]), { v4: { host_routes } });
    expect(text).toContain('Classless-Static-Route (121), length 5: (default:178.1.3.9)');
  });

  test('a client that cannot take unicast gets broadcast', () => {
    const text = answer(dhcp(1, [], { broadcast: true }));
    expect(text).toContain('> ff:ff:ff:ff:ff:ff');
    expect(text).toContain('178.1.3.1.67 > 255.255.255.255.68');
    expect(text).toContain('Flags [Broadcast]');
  });

  test.each<[string, Question, string]>([
    [
      'selecting',
      dhcp(3, [
        [54, address('178.1.3.1')],
        [50, address('178.1.3.2')],
      ]),
      '178.1.3.2',
    ],
    ['rebooting', dhcp(3, [[50, address('178.1.3.2')]]), '178.1.3.2'],
    [
      'renewing',
      dhcp(3, [], {
        source: ip('178.1.3.2'),
        destination: ip('178.1.3.1'),
        clientAddress: ip('178.1.3.2'),
      }),
      '178.1.3.2',
    ],
    [
      'rebinding',
      dhcp(3, [], { source: ip('178.1.3.2'), clientAddress: ip('178.1.3.2') }),
      '178.1.3.2',
    ],
  ])('%s ends in an acknowledgement', (_state, question, to) => {
    const text = answer(question);
    expect(text).toContain('length 1: ACK');
    expect(text).toContain(`Your-IP ${to}`);
    expect(text).toContain('Lease-Time (51), length 4: 86400');
    expect(text).toContain(`178.1.3.1.67 > ${to}.68`);
  });

  test.each<[string, Question]>([
    ['rebooting', dhcp(3, [[50, address('178.1.3.99')]])],
    [
      'selecting',
      dhcp(3, [
        [54, address('178.1.3.1')],
        [50, address('178.1.3.99')],
      ]),
    ],
    ['rebinding', dhcp(3, [], { clientAddress: ip('178.1.3.99') })],
  ])('%s with a foreign address is refused to all', (_state, question) => {
    const text = answer(question);
    expect(text).toContain('length 1: NACK');
    expect(text).toContain('178.1.3.1.67 > 255.255.255.255.68');
    expect(text).not.toContain('Your-IP');
    expect(text).not.toContain('Lease-Time');
  });

  test('who informs gets configuration and no lease', () => {
    const from = { source: ip('178.1.3.2'), clientAddress: ip('178.1.3.2') };
    const text = answer(dhcp(8, [[55, [3]]], from));
    expect(text).toContain('length 1: ACK');
    expect(text).toContain('Default-Gateway (3), length 4: 178.1.3.1');
    expect(text).not.toMatch(/Your-IP|Lease-Time/);
  });

  test('the client id comes back', () => {
    expect(answer(dhcp(1, [[61, [1, 2, 3, 4, 5, 6, 7]]]))).toContain('Client-ID (61), length 7');
  });

  test('without a gateway there is no router, and a server id that nobody else has', () => {
    const text = answer(dhcp(1, [ALL_OPTIONS]), { v4: { gateway_ip: null } });
    expect(text).toContain('Server-ID (54), length 4: 169.254.0.1');
    expect(text).not.toContain('Default-Gateway');
  });

  test('of several addresses the first served is offered, and each can be asked for', () => {
    const port = {
      fixed_ips: [
        { subnet_id: '6bb31c20-6a69-4b4f-9d0b-2d8a2c5f7a01', ip_address: '178.1.3.2' },
        { subnet_id: '6bb31c20-6a69-4b4f-9d0b-2d8a2c5f7a01', ip_address: '178.1.3.20' },
      ],
    };
    expect(answer(dhcp(1), { port })).toContain('Your-IP 178.1.3.2 ');
    expect(answer(dhcp(1, [[50, address('178.1.3.20')]]), { port })).toContain(
      'Your-IP 178.1.3.20',
    );
    expect(answer(dhcp(3, [[50, address('178.1.3.20')]]), { port })).toContain(': ACK');
  });

  test.each<[string, Question, string, Setting?]>([
    [
      'another server chosen',
      dhcp(3, [
        [54, [9, 9, 9, 9]],
        [50, [178, 1, 3, 2]],
      ]),
      'not_for_us',
    ],
    ['a request for nothing', dhcp(3), 'malformed'],
    ['a decline', dhcp(4, [[50, [178, 1, 3, 2]]]), 'none_due'],
    ['a release', dhcp(7), 'none_due'],
    ['DHCP switched off', dhcp(1), 'not_served', { v4: { enable_dhcp: false } }],
    ['a foreign hardware address', dhcp(1, [], { clientMac: 1n }), 'not_its_own'],
    ['a foreign source MAC', dhcp(1, [], { frameSource: 2n }), 'not_its_own'],
    ['a foreign source address', dhcp(1, [], { source: ip('178.1.3.3') }), 'not_its_own'],
    ['a foreign server address', dhcp(1, [], { destination: ip('178.1.3.9') }), 'not_for_us'],
    ['information for a foreign address', dhcp(8, [], { clientAddress: 5n }), 'not_its_own'],
    ['a relay', dhcp(1, [], { relayAddress: 5n }), 'not_for_us'],
    ['an answer', dhcp(2, [], { op: 2 }), 'malformed'],
    ['an offer as a question', dhcp(2), 'malformed'],
  ])('%s: silence', (_what, question, why, setting) => {
    expect(silent(question, setting)).toBe(why);
  });
});

suite('DHCPv6', () => {
  const clientId = { code: 1, data: Uint8Array.of(0, 3, 0, 1, 1, 2, 3, 4, 5, 6) };
  const vpc = '31d5ba5e8cf54d4ca4a16ec4d1d2a401';
  const serverId = { code: 2, data: Uint8Array.from(Buffer.from(`0004${vpc}`, 'hex')) };
  const iaNa = { code: 3, data: Uint8Array.of(0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0) };
  const iaWith = (last: number) => {
    const iaaddr = [0, 5, 0, 24, 0x20, 1, 0xd, 0xb8, 0, 3, ...Array.from({ length: 9 }, () => 0)];
    return {
      code: 3,
      data: Uint8Array.from([...iaNa.data, ...iaaddr, last, 0, 0, 0, 9, 0, 0, 0, 9]),
    };
  };
  const wanted = { code: 6, data: Uint8Array.of(0, 23, 0, 24) };
  const stateless: Setting = {
    v6: { ipv6_ra_mode: 'dhcpv6-stateless', ipv6_address_mode: 'dhcpv6-stateless' },
  };
  const slaac: Setting = { v6: { ipv6_ra_mode: 'slaac', ipv6_address_mode: 'slaac' } };
  const unset: Setting = { v6: { ipv6_ra_mode: null, ipv6_address_mode: null } };
  const IAADDR = '(IA_ADDR 2001:db8:3::2 pltime:86400 vltime:86400)';

  test('a solicitation is answered with the address and what was listed', () => {
    const text = answer(dhcpv6(1, [clientId, iaNa, wanted]));
    expect(text).toContain('udp sum ok');
    expect(text).toContain('fe80::fcff:ffff:feff:ffff.547 > fe80::f816:3eff:fe98:90e7.546');
    expect(text).toContain('dhcp6 advertise (xid=abcdef');
    expect(text).toContain('(client-ID hwaddr type 1 010203040506)');
    expect(text).toContain(`(server-ID type 4)`);
    expect(text).toContain('(preference 255)');
    expect(text).toContain(`(IA_NA IAID:9 T1:43200 T2:69120 ${IAADDR})`);
    expect(text).toContain('(DNS-server 2001:db8::53)');
    expect(text).toContain('(DNS-search-list openstacklocal.)');
  });

  test('a rapid solicitation is granted at once', () => {
    const text = answer(dhcpv6(1, [clientId, iaNa, { code: 14, data: new Uint8Array() }]));
    expect(text).toContain('dhcp6 reply');
    expect(text).toContain('(rapid-commit)');
    expect(text).toContain(IAADDR);
  });

  test.each([
    ['request', 3, true],
    ['renew', 5, true],
    ['rebind', 6, false],
  ])('a %s is granted', (_name, type, named) => {
    const text = answer(dhcpv6(type, [clientId, ...(named ? [serverId] : []), iaNa]));
    expect(text).toContain('dhcp6 reply');
    expect(text).toContain(IAADDR);
  });

  test('a foreign address is taken from the client', () => {
    const text = answer(dhcpv6(5, [clientId, serverId, iaWith(0x77)]));
    expect(text).toContain(IAADDR);
    expect(text).toContain('(IA_ADDR 2001:db8:3::77 pltime:0 vltime:0)');
  });

  test('confirmation tells own addresses from foreign ones', () => {
    expect(answer(dhcpv6(4, [clientId, iaWith(2)]))).toContain('(status-code Success)');
    expect(answer(dhcpv6(4, [clientId, iaWith(3)]))).toContain('(status-code NotOnLink)');
  });

  test.each([8, 9])('message %d is acknowledged', (type) => {
    const text = answer(dhcpv6(type, [clientId, serverId, iaWith(2)]));
    expect(text).toContain('(status-code Success)');
  });

  test('who asks for configuration alone gets it, without a client id too', () => {
    const text = answer(dhcpv6(11, [wanted]), stateless);
    expect(text).toContain('dhcp6 reply');
    expect(text).toContain('(DNS-server 2001:db8::53)');
    expect(text).not.toContain('client-ID');
  });

  test('a stateless subnet has no addresses, none has prefixes', () => {
    expect(answer(dhcpv6(1, [clientId, iaNa]), stateless)).toContain('(status-code NoAddrsAvail)');
    const prefix = { ...iaNa, code: 25 };
    expect(answer(dhcpv6(1, [clientId, prefix]))).toContain('(status-code NoPrefixAvail)');
  });

  test('a subnet without modes lends addresses, as Neutron’s do', () => {
    expect(answer(dhcpv6(1, [clientId, iaNa]), unset)).toContain(IAADDR);
  });

  test('a hostile list of associations gets a short answer', () => {
    const many = Array.from({ length: 4000 }, () => iaNa);
    const given = respond(dhcpv6(1, [clientId, ...many]), clientWith());
    expect(given.kind === 'reply' && given.frame.length).toBeLessThan(600);
  });

  test.each<[string, Question, string, Setting?]>([
    ['no client id', dhcpv6(1, [iaNa]), 'malformed'],
    ['an endless client id', dhcpv6(1, [{ code: 1, data: new Uint8Array(131) }]), 'malformed'],
    ['a server id where none belongs', dhcpv6(1, [clientId, serverId]), 'malformed'],
    ['a request for no server', dhcpv6(3, [clientId, iaNa]), 'malformed'],
    [
      'another server chosen',
      dhcpv6(3, [clientId, { code: 2, data: Uint8Array.of(0, 3, 0, 1) }]),
      'not_for_us',
    ],
    ['unicast', dhcpv6(1, [clientId], ip('2001:db8:3::1')), 'not_for_us'],
    ['an unknown type', dhcpv6(77, [clientId]), 'malformed'],
    ['a relayed message', dhcpv6(12, []), 'malformed'],
    ['confirmation of nothing', dhcpv6(4, [clientId, iaNa]), 'none_due'],
    ['configuration with addresses', dhcpv6(11, [clientId, iaNa]), 'malformed'],
    ['a foreign source', dhcpv6(1, [clientId], ALL_SERVERS, ip('fe80::1')), 'not_its_own'],
    ['slaac', dhcpv6(1, [clientId, iaNa]), 'not_served', slaac],
    [
      'DHCP switched off',
      dhcpv6(1, [clientId, iaNa]),
      'not_served',
      { v6: { enable_dhcp: false } },
    ],
  ])('%s: silence', (_what, question, why, setting) => {
    expect(silent(question, setting)).toBe(why);
  });
});

suite('the router', () => {
  const solicit = { kind: 'router_solicitation', options: [] } as const;
  const ALL_ROUTERS = ip('ff02::2');

  test('answers who asks', () => {
    const text = answer(nd(solicit, OWN_LINK_LOCAL, ALL_ROUTERS));
    expect(text).toContain('fe80::fcff:ffff:feff:ffff > fe80::f816:3eff:fe98:90e7');
    expect(text).toContain('hlim 255');
    expect(text).toContain('[icmp6 sum ok] ICMP6, router advertisement');
    expect(text).toContain('Flags [managed], pref medium, router lifetime 65535s');
    expect(text).toContain('source link-address option (1), length 8 (1): fe:ff:ff:ff:ff:ff');
    expect(text).toContain('mtu option (5), length 8 (1): 1450');
    expect(text).toContain('2001:db8:3::/64, Flags [onlink], valid time 2592000s');
    expect(text).toContain('rdnss option (25), length 24 (3): lifetime 65535s, addr: 2001:db8::53');
    expect(text).toContain('dnssl option (31)');
    expect(text).toContain('openstacklocal.');
  });

  test('answers who has no address yet to all', () => {
    const text = answer(nd(solicit, 0n, ALL_ROUTERS));
    expect(text).toContain('> 33:33:00:00:00:01');
    expect(text).toContain('fe80::fcff:ffff:feff:ffff > ff02::1');
  });

  test.each([
    ['slaac', '[none]', '[onlink, auto]'],
    ['dhcpv6-stateless', '[other stateful]', '[onlink, auto]'],
    ['dhcpv6-stateful', '[managed]', '[onlink]'],
  ] as const)('%s has its flags', (mode, flags, prefix) => {
    const v6 = { ipv6_ra_mode: mode, ipv6_address_mode: mode };
    const text = answer(nd(solicit, OWN_LINK_LOCAL, ALL_ROUTERS), { v6 });
    expect(text).toContain(`Flags ${flags}, pref`);
    expect(text).toContain(`2001:db8:3::/64, Flags ${prefix}`);
  });

  test('without a gateway it is no way out', () => {
    const question = nd(solicit, OWN_LINK_LOCAL, ALL_ROUTERS);
    expect(answer(question, { v6: { gateway_ip: null } })).toContain('router lifetime 0s');
  });

  test('a network below the least IPv6 link names no MTU', () => {
    const question = nd(solicit, OWN_LINK_LOCAL, ALL_ROUTERS);
    expect(answer(question, { network: { mtu: 1279 } })).not.toContain('mtu option');
  });

  test('answers for everybody but the asker', () => {
    const ask = (target: string, source = OWN_LINK_LOCAL, destination = 'ff02::1:ff00:9') =>
      nd(
        { kind: 'neighbour_solicitation', target: ip(target), options: [] },
        source,
        ip(destination),
      );
    const other = answer(ask('2001:db8:3::9'));
    expect(other).toContain('2001:db8:3::9 > fe80::f816:3eff:fe98:90e7');
    expect(other).toContain('tgt is 2001:db8:3::9, Flags [solicited, override]');
    expect(other).toContain('destination link-address option (2), length 8 (1): fe:ff:ff:ff:ff:ff');
    expect(answer(ask('2001:db8:3::1'))).toContain('Flags [router, solicited, override]');
    expect(answer(ask('fe80::fcff:ffff:feff:ffff'))).toContain('Flags [router, solicited');
    const probe = answer(ask('2001:db8:3::9', 0n));
    expect(probe).toContain('2001:db8:3::9 > ff02::1');
    expect(probe).toContain('Flags [override]');

    expect(silent(ask('2001:db8:3::2'))).toBe('none_due');
    expect(silent(ask('2001:db8:3::2', 0n))).toBe('none_due');
    expect(silent(ask('fe80::f816:3eff:fe98:90e7', 0n))).toBe('none_due');
    expect(silent(ask('fe80::5'))).toBe('not_for_us');
    expect(silent(ask('2001:db8:4::5'))).toBe('not_for_us');
    expect(silent(ask('ff02::5'))).toBe('malformed');
    expect(silent(ask('2001:db8:3::9', 0n, '2001:db8:3::9'))).toBe('malformed');
    expect(silent(ask('2001:db8:3::9', ip('2001:db8:3::7')))).toBe('not_its_own');
  });

  test('an address that it may use is not its own until it probes for it', () => {
    const pair = { ip_address: '2001:db8:3::40/122', mac_address: 'fa:16:3e:98:90:e7' };
    const port = { allowed_address_pairs: [pair] };
    const ask = (source: bigint) =>
      nd(
        { kind: 'neighbour_solicitation', target: ip('2001:db8:3::41'), options: [] },
        source,
        ip('ff02::1:ff00:41'),
      );
    expect(silent(ask(0n), { port })).toBe('none_due');
    expect(answer(ask(OWN_LINK_LOCAL), { port })).toContain('tgt is 2001:db8:3::41');
  });

  test('an address is lent to one MAC and no other', () => {
    const pair = { ip_address: '2001:db8:3::40', mac_address: 'fa:16:3e:00:00:01' };
    const question = nd(solicit, ip('2001:db8:3::40'), ALL_ROUTERS);
    expect(silent(question, { port: { allowed_address_pairs: [pair] } })).toBe('not_its_own');
    const own = { ...pair, mac_address: 'fa:16:3e:98:90:e7' };
    expect(answer(question, { port: { allowed_address_pairs: [own] } })).toContain('router adv');
    expect(answer(question, { port: { port_security_enabled: false } })).toContain('router adv');
  });

  test.each<[string, Question, string, Setting?]>([
    ['a packet from afar', nd(solicit, OWN_LINK_LOCAL, ALL_ROUTERS, 254), 'malformed'],
    [
      'a MAC without an address',
      nd({ ...solicit, options: [{ kind: 'source_mac', mac: 5n }] }, 0n, ALL_ROUTERS),
      'malformed',
    ],
    ['a foreign source', nd(solicit, ip('fe80::1'), ALL_ROUTERS), 'not_its_own'],
    [
      'a subnet without a router',
      nd(solicit, OWN_LINK_LOCAL, ALL_ROUTERS),
      'not_served',
      { v6: { ipv6_ra_mode: null } },
    ],
  ])('%s: silence', (_what, question, why, setting) => {
    expect(silent(question, setting)).toBe(why);
  });
});

suite('an expired packet', () => {
  const [own, far] = [ip('178.1.3.2'), ip('10.5.5.5')];
  const udp = (source: bigint, destination: bigint, size = 100) =>
    encodeUdp(
      { sourcePort: 33000, destinationPort: 33434, payload: new Uint8Array(size) },
      { version: source > 0xffff_ffffn ? 6 : 4, source, destination },
    );
  const v4 = { source: own, destination: far, protocol: 17, payload: udp(own, far), ttl: 1 };

  test('comes back from the gateway, its header and eight bytes', () => {
    const text = answer(expired(ipv4(v4)));
    expect(text).toContain('178.1.3.1 > 178.1.3.2: ICMP time exceeded in-transit, length 36');
    expect(text).toContain('178.1.3.2.33000 > 10.5.5.5.33434');
  });

  test('comes back with its options', () => {
    const options = Uint8Array.of(0x94, 4, 0, 0);
    expect(answer(expired(ipv4({ ...v4, options })))).toContain('in-transit, length 40');
  });

  test('comes back from a dummy where there is no gateway', () => {
    expect(answer(expired(ipv4(v4)), { v4: { gateway_ip: null } })).toContain(
      '192.0.0.8 > 178.1.3.2: ICMP time exceeded',
    );
  });

  const own6 = ip('2001:db8:3::2');
  const far6 = ip('2001:db8:9::9');
  const v6 = (size: number) =>
    expired(ipv6({ source: own6, destination: far6 }, 17, udp(own6, far6, size), 1));

  test('comes back in IPv6, as much as every link takes', () => {
    const text = answer(v6(100));
    expect(text).toContain('2001:db8:3::1 > 2001:db8:3::2');
    expect(text).toContain('[icmp6 sum ok] ICMP6, time exceeded in-transit');
    const long = respond(v6(1400), clientWith());
    expect(long.kind === 'reply' && long.frame.length).toBe(14 + 1280);
  });

  const icmp = (type: number) => {
    const payload = encodeIcmp({ type, code: 0, body: new Uint8Array(32) });
    return expired(ipv4({ ...v4, protocol: 1, payload }));
  };
  const icmp6 = (type: number) =>
    expired(ipv6({ source: own6, destination: far6 }, 58, Uint8Array.of(type, 0, 0, 0, 0), 1));
  const to = (destination: string) => expired(ipv4({ ...v4, destination: ip(destination) }));

  test('echo requests are reported', () => {
    expect(answer(icmp(8))).toContain('time exceeded');
    expect(answer(icmp6(ICMPV6_TYPE.echoRequest))).toContain('time exceeded');
  });

  test.each<[string, Question, string]>([
    ['an ICMP error', icmp(11), 'none_due'],
    ['a redirect', icmp(5), 'none_due'],
    ['an ICMPv6 error', icmp6(3), 'none_due'],
    ['an ICMPv6 redirect', icmp6(137), 'none_due'],
    ['a later fragment', expired(ipv4({ ...v4, fragmentOffset: 8 })), 'none_due'],
    ['multicast', to('224.0.0.5'), 'none_due'],
    ['broadcast', to('255.255.255.255'), 'none_due'],
    ['a foreign source', expired(ipv4({ ...v4, source: far })), 'not_its_own'],
    ['a foreign MAC', expired(ipv4(v4, 5n)), 'not_its_own'],
  ])('%s: silence', (_what, question, why) => {
    expect(silent(question)).toBe(why);
  });
});

test('the oracle sees a wrong checksum', () => {
  if (!tcpdumpAvailable) return;
  const given = respond(dhcp(1), clientWith());
  if (given.kind === 'silence') throw new Error('silence');
  const spoilt = given.frame.slice();
  spoilt[60] = (spoilt[60] ?? 0) ^ 1;
  expect(tcpdump(spoilt)[0]).toMatch(/bad udp cksum/);
});
