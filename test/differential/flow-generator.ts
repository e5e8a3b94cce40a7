/** Random flows as text: every field, under masks, and every action, so far as a switch takes them together. */
import * as fc from 'fast-check';
import { formatIp, formatMac } from '../../src/address/index.ts';
import { FIELDS, type Field, type Prerequisite } from '../../src/openflow/index.ts';

const hex = (value: bigint) => `0x${value.toString(16)}`;
const bits = (count: number) => fc.bigInt({ min: 0n, max: (1n << BigInt(count)) - 1n });
const mac = bits(48).map(formatMac);
const ipv4 = bits(32).map((value) => formatIp({ version: 4, value }));
/** Zero groups, which are cut, in every place. */
const ipv6 = fc
  .array(fc.oneof(fc.constant(0n), bits(16)), { minLength: 8, maxLength: 8 })
  .map((groups) => formatIp({ version: 6, value: groups.reduce((v, g) => (v << 16n) | g, 0n) }));
const port = fc.oneof(fc.integer({ min: 0, max: 0xfeff }).map(String), fc.constantFrom('LOCAL'));
const flags = (names: readonly string[]) =>
  fc.oneof(
    fc.subarray([...names]).map((set) => set.join('|') || '0'),
    fc
      .subarray([...names], { minLength: 1 })
      .chain((set) =>
        fc
          .tuple(...set.map((name) => fc.constantFrom('+', '-').map((sign) => sign + name)))
          .map((parts) => parts.join('')),
      ),
  );

const masked = (value: fc.Arbitrary<string>, mask: fc.Arbitrary<string>) =>
  fc.tuple(value, mask).map(([v, m]) => `${v}/${m}`);
/** ovs-ofctl reads decimal numbers of 64 bits at most. */
const number = (width: number) =>
  fc.oneof(bits(Math.min(width, 64)).map(String), bits(width).map(hex));

/** Exact values of a field as text. */
function exact(field: Field): fc.Arbitrary<string> {
  if (field.name === 'nw_tos') return fc.nat(63).map((dscp) => String(dscp << 2));
  const byFormat: Partial<Record<Field['format'], fc.Arbitrary<string>>> = {
    mac,
    ipv4,
    ipv6,
    port,
    // Not inv: an invalid packet cannot be committed.
    ct_state: flags(['new', 'est', 'rel', 'rpl', 'trk', 'snat', 'dnat']),
    tcp_flags: flags(['fin', 'syn', 'rst', 'psh', 'ack', 'urg', 'ece', 'cwr', 'ns']),
    // Not later: such a fragment has no ports to write.
    frag: fc.constantFrom('no', 'yes', 'first', 'not_later'),
  };
  return byFormat[field.format] ?? number(field.bits);
}

/** Values of a field as text, under masks where it takes them. */
function values(field: Field): fc.Arbitrary<string> {
  const byFormat: Partial<Record<Field['format'], fc.Arbitrary<string>>> = {
    mac: masked(mac, mac),
    ipv4: masked(ipv4, fc.oneof(fc.nat(32).map(String), ipv4)),
    // ovs-ofctl takes a mask that begins with a decimal digit for a prefix length.
    ipv6: masked(
      ipv6,
      fc.oneof(
        fc.nat(128).map(String),
        ipv6.filter((mask) => !/^\d/.test(mask)),
      ),
    ),
    decimal: masked(number(field.bits), number(field.bits)),
    hex: masked(number(field.bits), number(field.bits)),
    flow_label: masked(number(field.bits), number(field.bits)),
  };
  const under = byFormat[field.format];
  return field.maskable && under !== undefined ? fc.oneof(exact(field), under) : exact(field);
}

/** Protocol words, and which prerequisites they meet. */
const protocols: readonly (readonly [words: string, meets: readonly Prerequisite[]])[] = [
  ['', []],
  ['arp', ['arp']],
  ['ip', ['ipv4', 'ip']],
  ['dl_type=0x800,nw_proto=47', ['ipv4', 'ip']],
  ['icmp', ['ipv4', 'ip', 'icmp']],
  ['tcp', ['ipv4', 'ip', 'tcp']],
  ['udp', ['ipv4', 'ip', 'udp']],
  ['sctp', ['ipv4', 'ip', 'sctp']],
  ['ipv6', ['ipv6', 'ip']],
  ['ip6,ip_proto=89', ['ipv6', 'ip']],
  ['tcp6', ['ipv6', 'ip', 'tcp']],
  ['udp6', ['ipv6', 'ip', 'udp']],
  ['sctp6', ['ipv6', 'ip', 'sctp']],
  ['icmp6', ['ipv6', 'ip', 'icmp6']],
  ['icmp6,icmp_type=135,icmp_code=0', ['ipv6', 'ip', 'nd', 'nd_solicit']],
  ['icmp6,icmp_type=136,icmp_code=0', ['ipv6', 'ip', 'nd', 'nd_advert']],
  ['ip,ct_state=+new+trk,ct_nw_proto=6', ['ipv4', 'ip', 'ct', 'ct4']],
  ['ipv6,ct_state=-inv+trk,ct_nw_proto=17', ['ipv6', 'ip', 'ct', 'ct6']],
  ['dl_type=0x88cc', []],
];

/** Fixed by the protocol words, refused in a match by the switch, or written by `vlan` below. */
const notDrawn = new Set([
  'eth_type',
  'ip_proto',
  'recirc_id',
  'dp_hash',
  'vlan_tci',
  'vlan_vid',
  'vlan_pcp',
]);
const vlan = fc.oneof(
  fc.constant('vlan_tci=0x0000/0x1fff'),
  fc.nat(4095).map((vid) => `dl_vlan=${vid}`),
  fc.nat(7).map((pcp) => `dl_vlan_pcp=${pcp}`),
  fc.tuple(fc.nat(4095), fc.nat(7)).map(([vid, pcp]) => `dl_vlan=${vid},dl_vlan_pcp=${pcp}`),
  bits(12).map((vid) => `vlan_tci=${hex(vid | 0x1000n)}`),
  masked(bits(16).map(hex), bits(13).map(hex)).map((tci) => `vlan_tci=${tci}`),
  masked(
    bits(16).map((tci) => hex(tci | 0x1000n)),
    bits(16).map((mask) => hex(mask | 0x1000n)),
  ).map((tci) => `vlan_tci=${tci}`),
);

/** Fields that are drawn where matches alone are; many of them exist in few packets. */
const ofMatches =
  /^(tun_(flags|ttl|tos|gbp|erspan|gtpu|metadata)|packet_type|actset_|skb_|dl_vlan|in_port_oxm|mpls|nsh|nd_[or])/;
const fields = [...FIELDS.values()].filter(({ name }) => !ofMatches.test(name));
const all = (meets: readonly Prerequisite[]) =>
  fields.filter(({ needs }) => needs === 'none' || needs === 'ethernet' || meets.includes(needs));

function matchOf(words: string, meets: readonly Prerequisite[]): fc.Arbitrary<string[]> {
  const drawn = all(meets).filter(
    ({ name, needs }) =>
      !notDrawn.has(name) &&
      !words.includes(`${name}=`) &&
      !(needs === 'icmp6' && words.includes('icmp_type')),
  );
  return fc
    .tuple(
      fc.uniqueArray(fc.constantFrom(...drawn), { maxLength: 5 }),
      fc.option(vlan, { freq: 4, nil: null }),
    )
    .chain(([chosen, tag]) =>
      fc
        .tuple(
          ...chosen.map((field) =>
            values(field).chain((value) =>
              fc.constantFrom(field.name, field.matchName).map((name) => `${name}=${value}`),
            ),
          ),
        )
        .map((items) => [words, ...items, tag ?? ''].filter((item) => item !== '')),
    );
}

/** Narrower in our key than on the wire, so their last bits are not drawn. */
const oddWidths = new Set(['in_port', 'arp_op', 'vlan_vid', 'ct_state', 'nw_tos']);
const ofConnection = new Set(['ct_mark', 'ct_label']);

function subfields(field: Field): fc.Arbitrary<{ text: string; bits: number }> {
  return fc.tuple(fc.nat(field.bits - 1), fc.nat(field.bits - 1), fc.nat(2)).map(([a, b, form]) => {
    const [first, last] = a < b ? [a, b] : [b, a];
    const name = form === 0 ? field.name : field.nxm;
    if (form === 1) return { text: `${name}[]`, bits: field.bits };
    return { text: `${name}[${first}..${last}]`, bits: last - first + 1 };
  });
}

function setsOf(writable: readonly Field[]): fc.Arbitrary<string> {
  return fc.constantFrom(...writable).chain((field) =>
    fc.oneof(
      (field.maskable ? values(field) : exact(field))
        .filter((value) => !/\/(0(x0)?|0\.0\.0\.0|::|00(:00){5})$/.test(value))
        .map((value) => `set_field:${value}->${field.name}`),
      oddWidths.has(field.name)
        ? fc.constant(`load:0->${field.nxm}[]`)
        : subfields(field).chain(({ text, bits: width }) =>
            bits(width).map((value) => `load:${hex(value)}->${text}`),
          ),
    ),
  );
}

function actionsOf(meets: readonly Prerequisite[]): fc.Arbitrary<string> {
  const present = all(meets).filter(({ name }) => !oddWidths.has(name) && name !== 'recirc_id');
  const writable = all(meets).filter(
    ({ name, writable }) => writable && !ofConnection.has(name) && !name.startsWith('vlan_'),
  );
  const movable = writable.filter(({ name }) => !oddWidths.has(name));
  const move = fc
    .tuple(fc.constantFrom(...present), fc.constantFrom(...movable))
    .chain(([from, to]) => {
      const width = Math.min(from.bits, to.bits);
      const piece = fc.integer({ min: 1, max: width }).chain((count) =>
        fc.tuple(fc.nat(from.bits - count), fc.nat(to.bits - count)).map(([a, b]) => {
          return `move:${from.nxm}[${a}..${a + count - 1}]->${to.name}[${b}..${b + count - 1}]`;
        }),
      );
      return piece;
    });
  const table = fc.nat(254);
  const zone = fc.oneof(
    fc.nat(65535).map(String),
    fc.constantFrom('NXM_NX_REG12[0..15]', 'reg13[4..19]'),
  );
  const six = meets.includes('ipv6');
  const nat = fc.oneof(
    fc.constantFrom('nat', 'commit,nat(src)', 'commit,nat(dst)'),
    fc
      .tuple(
        fc.constantFrom('src', 'dst'),
        fc.bigInt({ min: 1n, max: 0x7fffffffn }),
        fc.nat(9),
        fc.nat(3),
      )
      .map(([way, from, more, ports]) => {
        const address = (value: bigint) => {
          const ip = formatIp({ version: six ? 6 : 4, value: six ? value << 64n : value });
          return six ? `[${ip}]` : ip;
        };
        const to = more === 0 ? '' : `-${address(from + BigInt(more))}`;
        const range = ['', ':80', ':80-90', ':1024-65535'][ports] ?? '';
        return `commit,nat(${way}=${address(from)}${to}${range})`;
      }),
  );
  const ct = fc
    .record(
      {
        commit: fc.constant('commit'),
        force: fc.constant('commit,force'),
        table: table.map((number) => `table=${number}`),
        zone: zone.map((value) => `zone=${value}`),
        nat,
        exec: fc
          .array(setsOf([...FIELDS.values()].filter(({ name }) => ofConnection.has(name))), {
            minLength: 1,
            maxLength: 2,
          })
          .map((list) => `commit,exec(${list.join(',')})`),
      },
      { requiredKeys: [] },
    )
    .map((parts) => `ct(${Object.values(parts).join(',')})`);
  const plain = fc.oneof(
    port.map((value) => `output:${value}`),
    fc.constantFrom(
      'NORMAL',
      'in_port',
      'FLOOD',
      'ALL',
      'CONTROLLER',
      'controller:128',
      'LOCAL',
      '7',
    ),
    fc.constantFrom('output:reg13', 'output:NXM_NX_REG0[3..9]', 'output(port=2,max_len=64)'),
    fc.constantFrom('group:638320642', 'ct_clear', 'note:00.11', 'note:0102030405060708'),
    fc
      .tuple(fc.oneof(port, fc.constantFrom('', 'in_port')), table)
      .map(([p, t]) => `resubmit(${p},${t})`),
    port.map((value) => `resubmit:${value}`),
    setsOf(writable),
    setsOf(writable),
    move,
    fc.nat(4095).map((vid) => `mod_vlan_vid:${vid}`),
    fc.nat(7).map((pcp) => `mod_vlan_pcp:${pcp}`),
    fc.constantFrom('mod_vlan_pcp:3,strip_vlan', 'mod_vlan_vid:9,strip_vlan'),
    mac.map((value) => `mod_dl_dst:${value}`),
    fc
      .record(
        {
          reason: fc.constantFrom('reason=no_match', 'reason=action', 'reason=invalid_ttl'),
          max: fc.nat(65535).map((value) => `max_len=${value}`),
          id: fc.nat(65535).map((value) => `id=${value}`),
          userdata: fc.constantFrom('userdata=00.01.ff', 'userdata=0a'),
          pause: fc.constant('pause'),
        },
        { requiredKeys: [] },
      )
      .map((parts) => `controller(${Object.values(parts).join(',')})`),
    ...(meets.includes('ip') ? [ct, ct, fc.constantFrom('dec_ttl', 'dec_ttl(1,2)')] : []),
    ...(meets.includes('ipv4')
      ? [ipv4.map((value) => `mod_nw_dst:${value}`), fc.constant('mod_nw_tos:32')]
      : []),
    ...(meets.includes('tcp') || meets.includes('udp') ? [fc.constant('mod_tp_dst:8080')] : []),
  );
  const list = fc.array(plain, { maxLength: 5 });
  const nested = fc.array(setsOf(writable), { minLength: 1, maxLength: 3 }).map((l) => l.join(','));
  const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { freq: 2, nil: null });
  const instructions = fc
    .tuple(
      optional(fc.constant('meter:1')),
      list,
      optional(nested.map((inner) => `clone(${inner})`)),
      optional(fc.constantFrom('push_vlan:0x8100', 'push_vlan:0x88a8,set_field:4097->vlan_vid')),
      optional(fc.constant('clear_actions')),
      optional(
        fc.constantFrom('write_actions(output:1)', 'write_actions(group:638320642,output:2)'),
      ),
      optional(
        fc
          .oneof(number(64), masked(number(64), number(64)))
          .map((value) => `write_metadata:${value}`),
      ),
      optional(fc.integer({ min: 200, max: 254 }).map((number) => `goto_table:${number}`)),
    )
    .map((parts) =>
      parts
        .flat()
        .filter((part) => part !== null)
        .join(','),
    );
  const conjunctions = fc
    .array(fc.tuple(bits(32), fc.integer({ min: 2, max: 64 }), fc.nat(63)), {
      minLength: 1,
      maxLength: 3,
    })
    .map((parts) =>
      parts.map(([id, of, at]) => `conjunction(${id},${(at % of) + 1}/${of})`).join(','),
    );
  return fc.oneof(
    { weight: 8, arbitrary: instructions },
    { weight: 1, arbitrary: conjunctions },
    { weight: 1, arbitrary: fc.constant('drop') },
  );
}

/** None, or so long that the flow outlives a slow test. */
const seconds = fc.oneof(fc.constant(0), fc.integer({ min: 600, max: 65_535 }));

const settings = fc
  .record(
    {
      cookie: bits(63).map((value) => `cookie=${hex(value)}`),
      table: fc.nat(199).map((number) => `table=${number}`),
      idle: seconds.map((count) => `idle_timeout=${count}`),
      hard: seconds.map((count) => `hard_timeout=${count}`),
      flags: fc
        .subarray(['send_flow_rem', 'reset_counts', 'no_packet_counts', 'no_byte_counts'])
        .map((words) => words.join(',')),
    },
    { requiredKeys: [] },
  )
  .map((parts) => Object.values(parts).filter((part) => part !== ''));

/** add-flow lines that a switch takes, without a priority. */
export const flowLine = fc
  .constantFrom(...protocols)
  .chain(([words, meets]) => fc.tuple(settings, matchOf(words, meets), actionsOf(meets)))
  .map(([set, match, actions]) => `${[...set, ...match].join(',')} actions=${actions}`);
