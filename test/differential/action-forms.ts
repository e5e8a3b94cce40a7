/** Random actions with options of their own, as text. */
import * as fc from 'fast-check';
import { formatIp } from '../../src/address/index.ts';
import {
  hex,
  bits,
  number,
  list,
  some,
  pick,
  within,
  port,
  fields,
  ofConnection,
  registers,
  width,
  partOfAny,
  under,
  setField,
  load,
} from './action-fields.ts';

/** `-LAST`: above the first, seldom not. */
const last = <T>(none: T, above: fc.Arbitrary<T>, below: fc.Arbitrary<T>) =>
  fc.oneof(
    { weight: 9, arbitrary: fc.constant(none) },
    { weight: 9, arbitrary: above },
    { weight: 1, arbitrary: below },
  );
const natRange = (version: 4 | 6) =>
  fc
    .tuple(
      version === 6 ? fc.boolean() : fc.constant(false),
      bits(version === 4 ? 31 : 120),
      last(0n, bits(20), fc.constant(-1n)),
      fc.oneof(fc.constant(null), within(15)),
      last(0, fc.nat(1000), fc.constant(-1)),
    )
    .map(([bracket, from, more, port, upTo]) => {
      const address = (value: bigint) => {
        const text = formatIp({ version, value: value < 0n ? 1n : value });
        return bracket ? `[${text}]` : text;
      };
      const to = more === 0n ? '' : `-${address(from + more)}`;
      if (port === null) return address(from) + to;
      return `${address(from)}${to}:${port}${upTo === 0 ? '' : `-${port + upTo}`}`;
    });
const natFlag = pick(
  '',
  '',
  ',persistent',
  ',hash',
  ',random',
  ',random,persistent',
  ',hash,random',
);
const nat = (version: 4 | 6) =>
  fc.oneof(
    { weight: 4, arbitrary: pick('nat', 'nat(src)', 'nat(dst)') },
    {
      weight: 1,
      arbitrary: pick('nat(hash)', 'nat(src,dst)', `nat(src=${version === 4 ? '0.0.0.0' : '::'})`),
    },
    {
      weight: 12,
      arbitrary: fc
        .tuple(pick('src', 'dst'), natRange(version), natFlag)
        .map(([way, range, flags]) => `nat(${way}=${range}${flags})`),
    },
  );
const exec = (version: 4 | 6) =>
  list(
    fc.oneof(
      { weight: 9, arbitrary: setField(ofConnection).map(({ text }) => text) },
      { weight: 6, arbitrary: load(ofConnection).map(({ text }) => text) },
      {
        weight: 3,
        arbitrary: pick('move:NXM_NX_REG0[]->NXM_NX_CT_MARK[]', 'move:reg1[0..7]->ct_label[8..15]'),
      },
      { weight: 9, arbitrary: nat(version) },
      { weight: 1, arbitrary: pick('drop', 'set_field:1->reg0', 'note:00', 'mod_nw_ttl:3') },
    ),
    1,
    3,
  ).map((inner) => `exec(${inner})`);
const zone = fc.oneof(
  { weight: 6, arbitrary: within(16).map((number) => `zone=${number}`) },
  { weight: 4, arbitrary: partOfAny(registers, 16).map(({ text }) => `zone=${text}`) },
  { weight: 1, arbitrary: pick('zone=reg0[0..7]', 'zone=reg1') },
);
const table = within(8).map((number) => `table=${number}`);
const committed = (version: 4 | 6) =>
  some({
    force: fc.constant('force'),
    table,
    zone,
    nat: nat(version),
    exec: exec(version),
  }).map((inner) => `ct(commit,${inner})`);
export const ct = fc.constantFrom<4 | 6>(4, 6).chain((version) =>
  fc.oneof(
    { weight: 6, arbitrary: under(version === 4 ? 'ipv4' : 'ipv6', committed(version)) },
    {
      weight: 3,
      arbitrary: under(
        'ip',
        some({ table, zone, nat: fc.constant('nat') }).map((inner) => `ct(${inner})`),
      ),
    },
    {
      weight: 1,
      arbitrary: under('tcp', pick('ct(alg=ftp,commit)', 'ct(commit,alg=tftp)', 'ct(alg=sip)')),
    },
    {
      weight: 1,
      arbitrary: under('udp', pick('ct(alg=tftp,commit,table=3)', 'ct(force)', 'ct(nat(src))')),
    },
    {
      weight: 1,
      arbitrary: under(
        'ip',
        exec(version).map((inner) => `ct(${inner},zone=3)`),
      ),
    },
  ),
);

const hashed = pick(
  'eth_src',
  'symmetric_l4',
  'symmetric_l3l4',
  'symmetric_l3l4+udp',
  'nw_src',
  'nw_dst',
  'symmetric_l3',
  'Eth_Src',
);
export const multipath = fc
  .tuple(
    hashed,
    within(16),
    pick('modulo_n', 'hash_threshold', 'hrw', 'iter_hash'),
    fc.integer({ min: 0, max: 300 }),
    bits(32),
    partOfAny(registers),
  )
  .map(
    ([by, basis, algorithm, links, argument, { text }]) =>
      `multipath(${by}, ${basis}, ${algorithm}, ${links}, ${argument}, ${text})`,
  );
const members = list(port, 0, 4).map((ports) => `members:${ports}`);
export const bundle = fc.oneof(
  fc
    .tuple(hashed, within(16), pick('active_backup', 'hrw'), members)
    .map(
      ([by, basis, algorithm, ports]) => `bundle(${by}, ${basis}, ${algorithm}, ofport, ${ports})`,
    ),
  fc
    .tuple(hashed, within(16), pick('active_backup', 'hrw'), partOfAny(registers), members)
    .map(
      ([by, basis, algorithm, { text }, ports]) =>
        `bundle_load(${by}, ${basis}, ${algorithm}, ofport, ${text}, ${ports})`,
    ),
);

/** Parts of a learned flow: its match in an order that says first what packets it is about. */
const learnMatches = pick(
  '',
  'dl_type=0x800',
  'eth_type=0x800,nw_proto=6',
  'dl_type=0x86dd',
  'eth_type=0x800,ip_dst=10.0.0.1',
);
const learnSpec = fc.oneof(
  pick(
    'NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[]',
    'NXM_OF_VLAN_TCI[0..11]',
    'NXM_OF_IP_DST[]=NXM_OF_IP_SRC[]',
    'NXM_OF_TCP_DST[]=NXM_OF_TCP_SRC[]',
    'in_port=5',
    'NXM_OF_IN_PORT[]',
    'reg0[3..5]=7',
    'dl_dst=01:02:03:04:05:06',
    'reg1=0x77',
    'tun_id=99',
  ),
  partOfAny(registers).chain((target) =>
    partOfAny(
      registers.filter((field) => width(field) >= target.bits),
      target.bits,
    ).map((source) => `${target.text}=${source.text}`),
  ),
  partOfAny(registers).chain(({ text, bits: count }) =>
    number(count).map((value) => `load:${value}->${text}`),
  ),
  partOfAny(
    fields.filter(({ needs }) => needs === 'none'),
    8,
  ).chain((source) =>
    partOfAny(registers, 8).map((target) => `load:${source.text}->${target.text}`),
  ),
  partOfAny(registers, 16).map(({ text }) => `output:${text}`),
  pick('output:NXM_OF_IN_PORT[]', 'load:0x5', 'output:5', 'reg9[0..3]=77'),
);
export const learn = fc
  .tuple(
    some({
      table: within(8).map((table) => `table=${table}`),
      priority: within(16).map((priority) => `priority=${priority}`),
      idle: within(16).map((seconds) => `idle_timeout=${seconds}`),
      hard: within(16).map((seconds) => `hard_timeout=${seconds}`),
      finIdle: within(16).map((seconds) => `fin_idle_timeout=${seconds}`),
      finHard: within(16).map((seconds) => `fin_hard_timeout=${seconds}`),
      cookie: number(63).map((cookie) => `cookie=${cookie}`),
      limit: bits(31).map((limit) => `limit=${limit}`),
      flags: pick('send_flow_rem', 'delete_learned', 'delete_learned,send_flow_rem'),
      result: partOfAny(registers, 1).map(({ text }) => `result_dst=${text}`),
    }),
    learnMatches,
    list(learnSpec, 0, 3),
  )
  .map((parts) => `learn(${parts.filter((part) => part !== '').join(',')})`);

export const controller = fc.oneof(
  pick(
    'controller',
    'CONTROLLER',
    'controller:128',
    'CONTROLLER:65535',
    'controller()',
    'controller:70000',
  ),
  some({
    reason: pick(
      'no_match',
      'action',
      'invalid_ttl',
      'action_set',
      'group',
      'packet_out',
      'Action',
      'nothing',
    ).map((reason) => `reason=${reason}`),
    max: within(16).map((value) => `max_len=${value}`),
    id: within(16).map((value) => `id=${value}`),
    userdata: pick('userdata=00.01.ff', 'userdata=0a0B', 'userdata=', 'userdata=1'),
    pause: fc.constant('pause'),
    meter: bits(32).map((meter) => `meter_id=${meter}`),
  }).map((inner) => `controller(${inner})`),
);
export const resubmit = fc.oneof(
  fc
    .tuple(fc.oneof(port, fc.constant('')), fc.oneof(within(8).map(String), fc.constant('')))
    .map(([to, table]) => `resubmit(${to},${table})`),
  port.map((to) => `resubmit:${to}`),
);
export const sample = some({
  probability: within(16).map((value) => `probability=${value}`),
  probably: fc.constant('probability=1'),
  set: bits(32).map((value) => `collector_set_id=${value}`),
  domain: bits(32).map((value) => `obs_domain_id=${value}`),
  point: bits(32).map((value) => `obs_point_id=${value}`),
  port: port.map((value) => `sampling_port=${value}`),
  direction: pick('ingress', 'egress'),
}).map((inner) => `sample(${inner})`);
export const encap = fc.oneof(
  pick(
    'encap(ethernet)',
    'encap(nsh)',
    'encap(mpls)',
    'encap(mpls_mc)',
    'encap(gre)',
    'encap()',
    'encap(nsh(md_type=3))',
    'encap(mpls(md_type=1))',
  ),
  list(
    fc.oneof(
      pick('md_type=1', 'md_type=2'),
      fc
        .tuple(bits(16), fc.nat(255), bits(64))
        .map(
          ([of, type, value]) =>
            `tlv(${hex(of)},${type},0x${value.toString(16).padStart(16, '0')})`,
        ),
    ),
    1,
    3,
  ).map((inner) => `encap(nsh(${inner}))`),
);
export const decap = fc.oneof(
  pick('decap()', 'decap', 'decap(packet_type(ns=0,type=0xfffe))', 'decap(type=1)'),
  fc.tuple(fc.nat(5), within(16)).map(([ns, type]) => `decap(packet_type(ns=${ns},type=${type}))`),
);
export const conjunction = fc
  .tuple(bits(32), fc.integer({ min: 1, max: 65 }), fc.integer({ min: 0, max: 64 }))
  .map(([id, of, at]) => `conjunction(${id},${(at % of) + 1}/${of})`);
export const bytes = fc
  .array(fc.nat(255), { maxLength: 20 })
  .map((data) => data.map((byte) => byte.toString(16).padStart(2, '0')).join('.'));
