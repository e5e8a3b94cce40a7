/**
 * Random actions as text: every action of Open vSwitch in every form, mostly legal, now and then under
 * the wrong match, in the wrong order or with a slip of the pen.
 */
import * as fc from 'fast-check';
import { formatIp, formatMac } from '../../src/address/index.ts';
import {
  bits,
  number,
  list,
  some,
  seldom,
  pick,
  within,
  port,
  words,
  fields,
  writable,
  settable,
  registers,
  partOfAny,
  free,
  under,
  setField,
  load,
  move,
  type Drawn,
  everything,
} from './action-fields.ts';
import {
  ct,
  multipath,
  bundle,
  learn,
  controller,
  resubmit,
  sample,
  encap,
  decap,
  conjunction,
  bytes,
} from './action-forms.ts';

/** Every action that may stand in any list, by the name it is drawn by. */
const plain: Readonly<Record<string, fc.Arbitrary<Drawn>>> = {
  output: free(
    fc.oneof(
      port.map((to) => `output:${to}`),
      port,
      port.map((to) => `output(${to})`),
    ),
  ),
  output_field: partOfAny(fields).map(({ text, field }) => ({
    needs: field.needs,
    text: `output:${text}`,
  })),
  output_truncated: free(
    fc
      .tuple(port, fc.integer({ min: 10, max: 3000 }))
      .map(([to, most]) => `output(port=${to},max_len=${most})`),
  ),
  enqueue: free(
    fc
      .tuple(port, pick(':', ','), bits(32))
      .map(([to, mark, queue]) =>
        mark === ':' ? `enqueue:${to}:${queue}` : `enqueue(${to},${queue})`,
      ),
  ),
  set_queue: free(bits(32).map((queue) => `set_queue:${queue}`)),
  pop_queue: free(fc.constant('pop_queue')),
  controller: free(controller),
  group: free(bits(33).map((group) => `group:${group}`)),
  resubmit: free(resubmit),
  resubmit_ct: under(
    'ct',
    fc.tuple(port, within(8)).map(([to, table]) => `resubmit(${to},${table},ct)`),
  ),
  bundle: free(bundle),
  multipath: free(multipath),
  learn: under('ip', learn),
  learn_tcp: under('tcp', learn),
  set_field: setField(settable),
  set_register: setField(registers),
  load: load(settable),
  load_register: load(registers),
  move: move(settable),
  push: partOfAny(fields).map(({ text, field }) => ({ needs: field.needs, text: `push:${text}` })),
  pop: partOfAny(writable).map(({ text, field }) => ({ needs: field.needs, text: `pop:${text}` })),
  delete_field: free(
    fc.oneof(
      fc.nat(63).map((index) => `delete_field:tun_metadata${index}`),
      pick('delete_field:reg0'),
    ),
  ),
  vlan: free(
    pick(
      'push_vlan:0x8100',
      'push_vlan:0x88a8',
      'mod_vlan_vid:5',
      'mod_vlan_pcp:3',
      'push_vlan:0x8100,push_vlan:0x88a8',
      'mod_vlan_vid:4096',
      'push_vlan:0x8847',
      'mod_vlan_vid:7,strip_vlan',
      'set_field:0x1234->vlan_tci,pop_vlan',
      'push_vlan:0x8100,set_field:4100->vlan_vid',
    ),
  ),
  tagged: under(
    'vlan',
    pick(
      'strip_vlan',
      'pop_vlan',
      'set_vlan_vid:9',
      'set_vlan_pcp:1',
      'pop_vlan,pop_vlan',
      'set_field:4097->vlan_vid',
      'push_vlan:0x88a8,pop_vlan,pop_vlan',
    ),
  ),
  ethernet: free(
    bits(48).chain((mac) =>
      pick('mod_dl_src', 'mod_dl_dst').map((name) => `${name}:${formatMac(mac)}`),
    ),
  ),
  ipv4: under(
    'ipv4',
    bits(32).chain((value) =>
      pick('mod_nw_src', 'mod_nw_dst').map((name) => `${name}:${formatIp({ version: 4, value })}`),
    ),
  ),
  ip: under(
    'ip',
    fc
      .tuple(
        pick('mod_nw_tos', 'mod_nw_ecn', 'mod_nw_ttl', 'set_nw_ttl', 'mod_nw_ttl'),
        pick('0', '1', '3', '4', '64', '252', '256'),
      )
      .map((parts) => parts.join(':')),
  ),
  dec_ttl: under(
    'ip',
    pick('dec_ttl', 'dec_ttl()', 'dec_ttl(1)', 'dec_ttl(1,2, 65535)', 'dec_ttl(65536)'),
  ),
  ports: under(
    'tcp',
    fc.tuple(pick('mod_tp_src', 'mod_tp_dst'), within(16)).map((parts) => parts.join(':')),
  ),
  ports_udp: under(
    'udp',
    fc.tuple(pick('mod_tp_src', 'mod_tp_dst'), within(16)).map((parts) => parts.join(':')),
  ),
  tunnel: free(
    fc.tuple(pick('set_tunnel', 'set_tunnel64'), number(64)).map((parts) => parts.join(':')),
  ),
  mpls: under(
    'mpls',
    pick(
      'set_mpls_label:77',
      'set_mpls_label:1048576',
      'set_mpls_tc:7',
      'set_mpls_tc:8',
      'set_mpls_ttl:255',
      'set_mpls_ttl(3)',
      'dec_mpls_ttl',
      'pop_mpls:0x0800',
      'pop_mpls:0x8847,dec_mpls_ttl',
    ),
  ),
  push_mpls: free(
    pick(
      'push_mpls:0x8847',
      'push_mpls:0x8848',
      'push_mpls:0x0800',
      'push_mpls:0x8847,set_field:5->mpls_label',
    ),
  ),
  dec_mpls_ttl: under('mpls', fc.constant('dec_mpls_ttl')),
  set_mpls_ttl: under(
    'mpls',
    within(8).map((ttl) => `set_mpls_ttl:${ttl}`),
  ),
  pop_mpls: under(
    'mpls',
    within(16).map((type) => `pop_mpls:${type}`),
  ),
  dec_nsh_ttl: under('nsh', fc.constant('dec_nsh_ttl')),
  encap: free(encap),
  decap: free(decap),
  fin_timeout: under(
    'tcp',
    some({
      idle: within(16).map((value) => `idle_timeout=${value}`),
      hard: within(16).map((value) => `hard_timeout=${value}`),
    }).map((inner) => `fin_timeout(${inner})`),
  ),
  sample: free(sample),
  check_pkt_larger: free(
    fc
      .tuple(within(16), partOfAny(registers, 1))
      .map(([length, { text }]) => `check_pkt_larger(${length})->${text}`),
  ),
  ct,
  ct_clear: free(fc.constant('ct_clear')),
  note: free(bytes.map((data) => `note:${data}`)),
  exit: free(fc.constant('exit')),
  conjunction: free(
    list(
      fc.oneof(
        { weight: 5, arbitrary: conjunction },
        { weight: 1, arbitrary: fc.constant('note:0102') },
      ),
      1,
      3,
    ),
  ),
};
const anyPlain = fc.oneof(...Object.values(plain));
const several = (most: number) =>
  fc.array(anyPlain, { minLength: 0, maxLength: most }).map((drawn) => ({
    needs: drawn.find(({ needs }) => needs !== 'none')?.needs ?? ('none' as const),
    text: drawn.map(({ text }) => text).join(','),
  }));

/** What a set of actions takes, and a few that it does not. */
const ofSet = fc.oneof(
  ...[
    'output',
    'group',
    'set_field',
    'load',
    'vlan',
    'tagged',
    'ip',
    'dec_ttl',
    'ports',
    'mpls',
    'push_mpls',
    'resubmit',
    'set_queue',
    'ethernet',
    'encap',
    'decap',
    'ct_clear',
    'dec_nsh_ttl',
  ].flatMap((name) => plain[name] ?? []),
  anyPlain,
);

const nested: Readonly<Record<string, fc.Arbitrary<Drawn>>> = {
  clone: several(2).map(({ needs, text }) => ({ needs, text: `clone(${text})` })),
  clone_in_clone: several(2).map(({ needs, text }) => ({
    needs,
    text: `clone(clone(${text}),push_vlan:0x8100)`,
  })),
  write_actions: fc.array(ofSet, { maxLength: 2 }).map((drawn) => ({
    needs: drawn[0]?.needs ?? 'none',
    text: `write_actions(${drawn.map(({ text }) => text).join(',')})`,
  })),
  write_ports: free(
    fc
      .tuple(pick('src', 'dst'), within(16))
      .map(([side, to]) => `write_actions(mod_tp_${side}:${to})`),
  ),
  meter: free(within(16).map((id) => `meter:${id}`)),
  clear_actions: free(fc.constant('clear_actions')),
  write_metadata: free(
    fc
      .oneof(
        number(64),
        fc.tuple(number(64), number(64)).map((pair) => pair.join('/')),
      )
      .map((value) => `write_metadata:${value}`),
  ),
  goto_table: free(within(8).map((table) => `goto_table:${table}`)),
};

const beside = several(1).map(({ text }) => text);
/** Instructions around an action: in their order, but for a few. */
const around = fc
  .tuple(fc.boolean(), fc.boolean(), fc.boolean(), fc.nat(30))
  .map(([meter, clear, onward, order]) => ({
    before: meter ? ['meter:1'] : [],
    after: [...(clear ? ['clear_actions'] : []), ...(onward ? ['goto_table:200'] : [])],
    swapped: order === 0,
  }));

/** A slip of the pen: one character lost, doubled or put in. */
function slipped(text: string, at: number, kind: number, char: string): string {
  const index = at % (text.length + 1);
  if (kind === 0) return text.slice(0, index) + text.slice(index + 1);
  if (kind === 1) return text.slice(0, index) + text.charAt(index) + text.slice(index);
  return text.slice(0, index) + char + text.slice(index);
}

const everyKind = { ...plain, ...nested };
/** Drawn more often, so that enough of them are right. */
const refusedOften = [
  'ct',
  'ct',
  'ct',
  'ct',
  'ct',
  'ct',
  'tagged',
  'ip',
  'delete_field',
  'write_actions',
  'write_actions',
  'write_actions',
  'write_ports',
];

/** Lines as `add-flow` takes them, or nearly; every kind of action as often as any other. */
export const actionLine = fc
  .constantFrom(...Object.keys(everyKind), ...refusedOften)
  .chain((name) => everyKind[name] ?? fc.constant({ needs: 'none' as const, text: 'drop' }))
  .chain(({ needs, text }) =>
    fc
      .tuple(
        fc.oneof(
          { weight: 12, arbitrary: pick(...(words[needs] ?? [''])) },
          { weight: 1, arbitrary: pick(...everything) },
        ),
        seldom(around, 3),
        seldom(beside, 3),
        seldom(
          fc.tuple(
            fc.nat(),
            fc.nat(2),
            pick('(', ')', ',', ':', '=', '[', ']', '0', 'x', '-', ' ', '9'),
          ),
          12,
        ),
      )
      .map(([match, frame, other, slip]) => {
        const middle = [text, ...(other === null ? [] : [other])];
        const alone = ['meter:', 'clear_actions', 'write_', 'goto_table', 'conjunction'].some(
          (word) => text.startsWith(word),
        );
        const { before, after, swapped } =
          frame === null || alone ? { before: [], after: [], swapped: false } : frame;
        const parts = swapped ? [...after, ...middle, ...before] : [...before, ...middle, ...after];
        const actions = (alone ? [text] : parts).filter((part) => part !== '').join(',');
        const written = slip === null ? actions : slipped(actions, ...slip);
        return `${match}${match === '' ? '' : ','}actions=${written}`;
      }),
  );
