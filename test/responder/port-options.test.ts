/** What a port's owner wants it told, as tcpdump reads it. */
import { describe, expect, test } from 'vitest';
import { Failure } from '../../src/base/failure.ts';
import { domainName, portName } from '../../src/model/dns-names.ts';
import { namedDhcpOption } from '../../src/model/named-dhcp-options.ts';
import { respond } from '../../src/responder/index.ts';
import { requireOrSkip } from '../support/require.ts';
import { clientWith, type Setting } from './network.ts';
import { tcpdump, tcpdumpAvailable } from './pcap.ts';
import { dhcp, dhcpv6, nd, OWN_LINK_LOCAL, ip } from './questions.ts';

const suite = requireOrSkip('tcpdump', tcpdumpAvailable);

function answer(question: Parameters<typeof respond>[0], setting: Setting): string {
  const given = respond(question, clientWith(setting));
  if (given.kind === 'silence') throw new Error(`silence: ${given.why} ${given.detail ?? ''}`);
  const [text = ''] = tcpdump(given.frame);
  expect(text).not.toMatch(/bad|incorrect|truncated|\[\|/);
  return text;
}

const CLIENT_ID = { code: 1, data: Uint8Array.of(0, 3, 0, 1, 2, 3, 4, 5, 6, 7) };

const option = (opt_name: string, opt_value: string, ip_version: 4 | 6 = 4) => ({
  opt_name,
  opt_value,
  ip_version,
});

suite('a port’s own options', () => {
  test('are in every answer of DHCPv4, in place of its subnet’s', () => {
    const extra_dhcp_opts = [
      option('bootfile-name', 'pxelinux.0'),
      option('tftp-server', '123.123.123.123'),
      option('server-ip-address', '123.123.123.45'),
      option('dns-server', '10.0.0.53,10.0.0.54'),
      option('mtu', '1400'),
      option('router', ''),
      option('42', '10.0.0.1'),
      option('domain-search', 'example.org', 6),
    ];
    const text = answer(dhcp(1, [[55, [1, 3, 6, 26]]]), { port: { extra_dhcp_opts } });
    for (const part of [
      'Server-IP 123.123.123.45',
      'BF (67), length 10: "pxelinux.0"',
      'TFTP (66), length 15: "123.123.123.123"',
      'Domain-Name-Server (6), length 8: 10.0.0.53,10.0.0.54',
      'MTU (26), length 2: 1400',
      'NTP (42), length 4: 10.0.0.1',
    ]) {
      expect(text).toContain(part);
    }
    expect(text).not.toContain('Default-Gateway');
    expect(text).not.toContain('178.1.3.53');
  });

  test('are in every answer of DHCPv6', () => {
    const extra_dhcp_opts = [
      option('dns-server', '[2001:db8::1]', 6),
      option('bootfile-url', 'tftp://[2001:db8::2]/boot', 6),
      option('tftp-server', '2015::dead', 6),
      option('bootfile-name', 'pxelinux.0'),
    ];
    const text = answer(dhcpv6(1, [CLIENT_ID]), { port: { extra_dhcp_opts } });
    expect(text).toContain('DNS-server 2001:db8::1)');
    expect(text).not.toContain('2001:db8::53');
    expect(text).toMatch(/opt_59|bootfile/i);
    expect(text).not.toContain('pxelinux');
  });
});

suite('a port’s name', () => {
  test('and its domain are what DHCP and router advertisements say', () => {
    const names = { port: { dns_name: 'web1', dns_domain: 'example.org.' } };
    const text = answer(dhcp(1, [[55, [12, 15]]]), names);
    expect(text).toContain('Hostname (12), length 4: "web1"');
    expect(text).toContain('Domain-Name (15), length 11: "example.org"');
    expect(answer(dhcpv6(1, [CLIENT_ID]), names)).toContain('example.org.');
    const solicitation = nd(
      { kind: 'router_solicitation', options: [] },
      OWN_LINK_LOCAL,
      ip('ff02::2'),
    );
    expect(answer(solicitation, names)).toContain('example.org.');
  });

  test('has its network’s domain where the port has none', () => {
    const setting = { network: { dns_domain: 'net.example.org.' }, port: { dns_name: 'db' } };
    const text = answer(dhcp(1, [[55, [12, 15]]]), setting);
    expect(text).toContain('Hostname (12), length 2: "db"');
    expect(text).toContain('"net.example.org"');
  });
});

describe('options as people write them', () => {
  const bytes = (name: string, value: string, version: 4 | 6 = 4) => {
    const found = namedDhcpOption(version, name, value);
    return found && [found.code, found.data && Buffer.from(found.data).toString('hex')];
  };

  test.each([
    ['mtu', '1400', [26, '0578']],
    ['time-offset', '-3600', [2, 'fffff1f0']],
    ['ip-forward-enable', '1', [19, '01']],
    ['classless-static-route', '10.0.0.0/8,10.1.1.1', [121, '080a0a010101']],
    ['classless-static-route', '', [121, null]],
    ['domain-search', 'a.org,b.org', [119, '0161036f7267000162036f726700']],
    ['224', '01:02:ff', [224, '0102ff']],
    ['224', '300', [224, '012c']],
    ['224', '10.0.0.1,10.0.0.2', [224, '0a0000010a000002']],
    ['224', 'some text', [224, '736f6d652074657874']],
    ['6', '10.0.0.1', [6, '0a000001']],
    ['server-ip-address', '2015::badd', null],
    ['sntp-server', '10.0.0.1', null],
  ] as const)('%s %s', (name, value, expected) => {
    expect(bytes(name, value)).toEqual(expected);
  });

  test.each([
    ['no-such-option', 'x', 'no option that a port can have'],
    ['lease-time', '60', 'no option that a port can have'],
    ['51', '60', 'no option that a port can have'],
    ['0', 'x', 'no option that a port can have'],
    ['mtu', '70000', 'no integer of 2 bytes'],
    ['mtu', '', 'is empty'],
    ['router', 'gateway', 'gateway'],
    ['ntp-server', '10.0.0.1,2001:db8::1', '2001:db8::1'],
    ['classless-static-route', '10.0.0.0/8', 'not a list of routes'],
    ['bootfile-name', 'pxé', 'not ASCII'],
    ['domain-search', '-.org', 'no domain name'],
    ['224', 'x'.repeat(256), '256 bytes'],
    ['server-ip-address', '10.0.0.1,10.0.0.2', 'more than one'],
  ] as const)('%s %s is refused', (name, value, why) => {
    expect(() => namedDhcpOption(4, name, value)).toThrow(Failure);
    expect(() => namedDhcpOption(4, name, value)).toThrow(why);
  });
});

describe('names', () => {
  test('have one form', () => {
    expect(domainName('Example.ORG.')).toBe('example.org.');
    expect(portName('Web1', 'example.org')).toBe('web1');
    expect(portName('web1.example.org.', 'example.org')).toBe('web1.example.org.');
  });

  test.each(['example.org', '-a.org.', 'a..org.', `${'a'.repeat(64)}.org.`, 'a.1.'])(
    '%s is no domain',
    (text) => expect(() => domainName(text)).toThrow(Failure),
  );

  test.each(['web_1', '-web', 'web.example.com.', `${'a.'.repeat(126)}aa`])(
    '%s is no name in example.org',
    (text) => expect(() => portName(text, 'example.org')).toThrow(Failure),
  );
});
