/**
 * DHCP options as people write them: a name or a number, and a value as text. The names are those of
 * dnsmasq (`dnsmasq --help dhcp`), which Neutron's users know.
 */
import { parseIp, parsePrefix, tryParseIp } from '../address/index.ts';
import { Writer } from '../base/bytes.ts';
import { Failure } from '../base/failure.ts';

/** How a value's text becomes bytes; a number: an integer of so many bytes. */
type Form = 'addresses' | 'text' | 'domains' | 'routes' | 'any' | 1 | 2 | 4;

type Known = readonly [code: number, form: Form];

/** The header's `siaddr`, which is no option: where the client loads its boot file from. */
export const NEXT_SERVER = 255;

/** RFC 2132 and later; what the server itself must say (51, 53, 54 …) is not among them. */
const IPV4: Readonly<Record<string, Known>> = {
  netmask: [1, 'addresses'],
  'time-offset': [2, 4],
  router: [3, 'addresses'],
  'dns-server': [6, 'addresses'],
  'log-server': [7, 'addresses'],
  'lpr-server': [9, 'addresses'],
  hostname: [12, 'text'],
  'boot-file-size': [13, 2],
  'domain-name': [15, 'text'],
  'swap-server': [16, 'addresses'],
  'root-path': [17, 'text'],
  'extension-path': [18, 'text'],
  'ip-forward-enable': [19, 1],
  'non-local-source-routing': [20, 1],
  'policy-filter': [21, 'addresses'],
  'max-datagram-reassembly': [22, 2],
  'default-ttl': [23, 1],
  mtu: [26, 2],
  'all-subnets-local': [27, 1],
  broadcast: [28, 'addresses'],
  'router-discovery': [31, 1],
  'router-solicitation': [32, 'addresses'],
  'static-route': [33, 'addresses'],
  'trailer-encapsulation': [34, 1],
  'arp-timeout': [35, 4],
  'ethernet-encap': [36, 1],
  'tcp-ttl': [37, 1],
  'tcp-keepalive': [38, 4],
  'nis-domain': [40, 'text'],
  'nis-server': [41, 'addresses'],
  'ntp-server': [42, 'addresses'],
  'vendor-encap': [43, 'any'],
  'netbios-ns': [44, 'addresses'],
  'netbios-dd': [45, 'addresses'],
  'netbios-nodetype': [46, 1],
  'netbios-scope': [47, 'any'],
  'x-windows-fs': [48, 'addresses'],
  'x-windows-dm': [49, 'addresses'],
  'vendor-class': [60, 'any'],
  'nis+-domain': [64, 'text'],
  'nis+-server': [65, 'addresses'],
  'tftp-server': [66, 'text'],
  'bootfile-name': [67, 'text'],
  'mobile-ip-home': [68, 'addresses'],
  'smtp-server': [69, 'addresses'],
  'pop3-server': [70, 'addresses'],
  'nntp-server': [71, 'addresses'],
  'irc-server': [74, 'addresses'],
  'user-class': [77, 'any'],
  'posix-timezone': [100, 'text'],
  'tzdb-timezone': [101, 'text'],
  'ipv6-only': [108, 4],
  'domain-search': [119, 'domains'],
  'sip-server': [120, 'any'],
  'classless-static-route': [121, 'routes'],
  'vendor-id-encap': [125, 'any'],
  'tftp-server-address': [150, 'addresses'],
  'server-ip-address': [NEXT_SERVER, 'addresses'],
};

/** RFC 8415 and its registry. */
const IPV6: Readonly<Record<string, Known>> = {
  'user-class': [15, 'any'],
  'vendor-class': [16, 'any'],
  'vendor-opts': [17, 'any'],
  'sip-server-domain': [21, 'domains'],
  'sip-server': [22, 'addresses'],
  'dns-server': [23, 'addresses'],
  'domain-search': [24, 'domains'],
  'nis-server': [27, 'addresses'],
  'nis+-server': [28, 'addresses'],
  'nis-domain': [29, 'domains'],
  'nis+-domain': [30, 'domains'],
  'sntp-server': [31, 'addresses'],
  'information-refresh-time': [32, 4],
  'posix-timezone': [41, 'text'],
  'tzdb-timezone': [42, 'text'],
  'ntp-server': [56, 'any'],
  'bootfile-url': [59, 'text'],
  'bootfile-param': [60, 'any'],
};

const NAMES = { 4: IPV4, 6: IPV6 } as const;

/** Codes that belong to the conversation itself. */
const RESERVED: Readonly<Record<4 | 6, ReadonlySet<number>>> = {
  4: new Set([50, 51, 52, 53, 54, 55, 57, 58, 59, 61, 80, 81, 82, 118]),
  6: new Set([1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 18, 19, 20, 25, 26, 39]),
};
const LAST_CODE = { 4: 254, 6: 65_535 } as const;

/** Names that stand for no option when they have no value: the client is not told of any. */
const BLANKABLE: ReadonlySet<string> = new Set(['router', 'classless-static-route']);

const bad = (field: string, value: string, why: string, remedy: string): Failure =>
  new Failure('invalid', 'InvalidInput', `${field} "${value}" ${why}`, { field, value, remedy });

/**
 * The code and form of the option `name`; null for one that only the other version of DHCP has.
 * @throws {Failure} `invalid` for what no version knows, or the server says itself.
 */
function optionOf(version: 4 | 6, name: string): Known | null {
  const known = Object.hasOwn(NAMES[version], name) ? NAMES[version][name] : undefined;
  if (known !== undefined) return known;
  const other = version === 4 ? 6 : 4;
  if (Object.hasOwn(NAMES[other], name)) return null;
  const code = /^\d{1,5}$/.test(name) ? Number(name) : 0;
  if (code > 0 && code <= LAST_CODE[version] && !RESERVED[version].has(code)) {
    return Object.values(NAMES[version]).find(([each]) => each === code) ?? [code, 'any'];
  }
  const names = Object.keys(NAMES[version]).join(', ');
  throw bad(
    'extra_dhcp_opts.opt_name',
    name,
    `is no option that a port can have in DHCPv${version}`,
    `give the number of one that the server does not set itself, or one of ${names}`,
  );
}

const FIELD = 'extra_dhcp_opts.opt_value';

function assemble(write: (writer: Writer) => void): Uint8Array {
  const writer = new Writer();
  write(writer);
  return writer.finish();
}

/** `dnsmasq` wants IPv6 addresses in brackets; both forms are taken. */
const bare = (text: string): string => text.trim().replace(/^\[(.*)\]$/, '$1');

function addresses(version: 4 | 6, value: string): Uint8Array {
  return assemble((writer) => {
    for (const text of value.split(',')) {
      const ip = parseIp(bare(text), FIELD);
      if (ip.version !== version) {
        throw bad(FIELD, text, `is not an IPv${version} address`, `give IPv${version} addresses`);
      }
      writer.uint(ip.value, version === 4 ? 32 : 128);
    }
  });
}

/** RFC 3442: destination and next hop in turn. */
function routes(value: string): Uint8Array {
  const parts = value.split(',').map((part) => part.trim());
  if (parts.length % 2 !== 0) {
    throw bad(FIELD, value, 'is not a list of routes', 'give prefix,nexthop,prefix,nexthop …');
  }
  return assemble((writer) => {
    for (let at = 0; at < parts.length; at += 2) {
      const prefix = parsePrefix(parts[at] ?? '', FIELD);
      const nexthop = parseIp(parts[at + 1] ?? '', FIELD);
      if (prefix.version !== 4 || nexthop.version !== 4) {
        throw bad(FIELD, value, 'is not a list of IPv4 routes', 'give IPv4 prefixes and next hops');
      }
      const octets = [24n, 16n, 8n, 0n].map((shift) => Number((prefix.value >> shift) & 0xffn));
      writer
        .u8(prefix.length)
        .bytes(Uint8Array.from(octets.slice(0, Math.ceil(prefix.length / 8))));
      writer.uint(nexthop.value, 32);
    }
  });
}

function integer(value: string, bytes: 1 | 2 | 4): Uint8Array {
  const most = 2 ** (bytes * 8) - 1;
  const given = Number(value);
  if (!/^-?(\d+|0x[0-9a-f]+)$/i.test(value) || given > most || given < -(most + 1) / 2) {
    throw bad(FIELD, value, `is no integer of ${bytes} bytes`, `give 0 to ${most}`);
  }
  return assemble((writer) => {
    writer.uint(BigInt.asUintN(bytes * 8, BigInt(given)), bytes * 8);
  });
}

function ascii(value: string): Uint8Array {
  // eslint-disable-next-line no-control-regex
  if (!/^[\x20-\x7e]*$/.test(value)) {
    throw bad(FIELD, value, 'has characters that are not ASCII', 'give ASCII');
  }
  return Uint8Array.from(value, (character) => character.charCodeAt(0));
}

const LABEL = /^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/;

function domains(value: string): Uint8Array {
  return assemble((writer) => {
    for (const text of value.split(',')) {
      const name = text.trim().replace(/\.$/, '');
      if (!name.split('.').every((label) => LABEL.test(label))) {
        throw bad(FIELD, text, 'is no domain name', 'give names such as example.org');
      }
      for (const label of name.split('.')) writer.u8(label.length).bytes(ascii(label));
      writer.u8(0);
    }
  });
}

/** Hexadecimal bytes with colons, a number, addresses, else text: what it looks like. */
function anything(version: 4 | 6, value: string): Uint8Array {
  if (/^[0-9a-f]{1,2}(:[0-9a-f]{1,2})+$/i.test(value)) {
    return Uint8Array.from(value.split(':'), (octet) => Number.parseInt(octet, 16));
  }
  if (/^\d{1,10}$/.test(value) && Number(value) < 2 ** 32) {
    const bytes = ([1, 2, 4] as const).find((size) => Number(value) < 2 ** (8 * size)) ?? 4;
    return integer(value, bytes);
  }
  const listed = value.split(',').map(bare);
  const looksLikeAddresses =
    version === 4
      ? listed.every((text) => /^\d{1,3}(\.\d{1,3}){3}$/.test(text))
      : listed.every((text) => /^[0-9a-f]*:[0-9a-f:.]*$/i.test(text));
  if (looksLikeAddresses) return addresses(version, value);
  return ascii(value.replace(/^"(.*)"$/, '$1'));
}

function encode(version: 4 | 6, form: Form, value: string): Uint8Array {
  if (typeof form === 'number') return integer(value, form);
  if (form === 'addresses') return addresses(version, value);
  if (form === 'routes') return routes(value);
  if (form === 'domains') return domains(value);
  return form === 'text' ? ascii(value) : anything(version, value);
}

/** Bytes that a value may become: what one option of DHCPv4 can carry. */
const LONGEST = 255;

export interface NamedDhcpOption {
  readonly code: number;
  /** null: the client is not told of this option at all. */
  readonly data: Uint8Array | null;
}

/** Whether all that is listed is addresses that this version of DHCP cannot carry. */
const isForOther = (version: 4 | 6, value: string): boolean =>
  value.split(',').every((text) => {
    const ip = tryParseIp(bare(text));
    return ip !== null && ip.version !== version;
  });

/**
 * The option that a name and a value mean; null where this version of DHCP has none of that name,
 * or the value is addresses of the other version, which Neutron lets users write.
 * @throws {Failure} `invalid`, naming the field, for unknown names and values of a wrong form.
 */
export function namedDhcpOption(
  version: 4 | 6,
  name: string,
  value: string,
): NamedDhcpOption | null {
  const known = optionOf(version, name);
  if (known === null) return null;
  const [code, form] = known;
  if (value === '') {
    if (BLANKABLE.has(name)) return { code, data: null };
    throw bad(FIELD, value, 'is empty', `give a value, or null to take ${name} away`);
  }
  if (form === 'addresses' && isForOther(version, value)) return null;
  const data = encode(version, form, value);
  if (data.length > LONGEST) {
    throw bad(FIELD, value, `makes ${data.length} bytes`, `give what fits ${LONGEST} bytes`);
  }
  if (code === NEXT_SERVER && version === 4 && data.length !== 4) {
    throw bad(FIELD, value, 'is more than one address', 'give one address');
  }
  return { code, data };
}
