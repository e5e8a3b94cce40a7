/**
 * The parts of the documentation that the code writes. In a page they stand between
 * `<!-- generated: NAME ARGUMENT… -->` and `<!-- end -->`; `npx vitest run test/docs -u` writes
 * them anew.
 */
import { AGENT_ALARMS } from '../../src/agent/alarms.ts';
import { SERVER_ALARMS } from '../../src/api/alarms.ts';
import type { Alarm } from '../../src/base/alarms.ts';
import { SWITCH_ALARMS } from '../../src/net/alarms.ts';
import { DROPS } from '../../src/pipeline/drops.ts';
import { TABLES, tableName } from '../../src/pipeline/tables.ts';
import { formatFlow, formatGroup } from '../../src/openflow/text/index.ts';
import { dumpFlows, dumpGroups } from '../../src/sim/dump.ts';
import type { Execution } from '../../src/sim/types.ts';
import { renderText } from '../../src/trace/render/text.ts';
import { REASONS, type Facts, type ReasonCode } from '../../src/trace/reasons.ts';
import type { Trace } from '../../src/trace/types.ts';
import {
  outOfTunnel,
  record,
  tamper,
  traced,
  VM1,
  VM2,
  VM3,
  VM4,
  type FromTunnel,
  type RecordedCloud,
  type RecordOptions,
  type Tampering,
} from './record.ts';

const COLUMNS = 96;

interface Scene {
  readonly of?: RecordOptions;
  readonly from: string;
  readonly to: string;
}

const SCENES: Readonly<Record<string, Scene>> = {
  'same-node': { from: VM1, to: VM2 },
  'across-nodes': { from: VM1, to: VM3 },
  'no-group': { of: { grouped: [] }, from: VM1, to: VM2 },
  'only-sender': { of: { grouped: [VM1] }, from: VM1, to: VM2 },
  itself: { from: VM1, to: '178.1.3.2' },
  'between-subnets': { of: { otherSubnet: true }, from: VM1, to: VM4 },
  'to-a-floating-ip': { from: VM1, to: '2.1.0.229' },
  'without-port-security': { of: { unsecured: [VM1] }, from: VM1, to: VM2 },
};

export function sceneTrace(name: string): { readonly scene: Scene; readonly trace: Trace } {
  const scene = SCENES[name];
  if (scene === undefined) throw new RangeError(`no scene is called ${name}`);
  return { scene, trace: traced(record(scene.of), scene.from, scene.to) };
}

const fence = (language: string, lines: readonly string[]): string =>
  [`\`\`\`${language}`, ...lines, '```'].join('\n');

const HOP = /^ {2}[├└✘] +(\d+) ([A-Z_]+)/;
const BELOW_HOP = /^ {2}[│ ] {4}/;

/** A trace with only the hops whose table's number or name is in `keep`, and the one that drops. */
function shorten(lines: readonly string[], keep: ReadonlySet<string>): string[] {
  const kept: string[] = [];
  let hidden = false;
  for (const line of lines) {
    const [, number, name] = HOP.exec(line) ?? [];
    if (number !== undefined && name !== undefined) {
      const was = hidden;
      hidden = !keep.has(number) && !keep.has(name) && !line.includes('✘');
      if (hidden && !was) kept.push('  │   …');
    } else if (!BELOW_HOP.test(line)) hidden = false;
    if (!hidden) kept.push(line);
  }
  return kept;
}

/** `trace SCENE [TABLE…]`: what the command prints, all hops or only those in these tables. */
function trace([name = '', ...tables]: readonly string[]): string {
  const { scene, trace } = sceneTrace(name);
  const lines = renderText(trace, { color: false, columns: COLUMNS }).split('\n');
  const shown = tables.length === 0 ? lines : shorten(lines, new Set(tables));
  return fence('text', [`$ tianchi trace ${scene.from} ${scene.to}`, ...shown]);
}

/** A minute after the flows went in. */
const DUMPED = 60_000;

function rowsOf(of: RecordedCloud, node: string, table: string): string[] {
  const bridge = of.fabric.nodes.get(node)?.bridges['br-int'];
  if (bridge === undefined) throw new RangeError(`no node is called ${node}`);
  return dumpFlows(bridge, DUMPED)
    .split('\n')
    .filter((line) => line.includes(` table=${table},`))
    .map((line) => line.trim());
}

/** `remote-group NODE TABLE`: the rows of a rule whose remote is a group. */
function remoteGroup([node = '', table = '']: readonly string[]): string {
  const rows = rowsOf(record({ remoteGroup: true }), node, table);
  return fence(
    'text',
    rows.filter((row) => row.includes('conj')),
  );
}

/** Rows as `flows dump` prints them, all or the first with each text. */
function shownRows(
  of: RecordedCloud,
  [node = '', table = '', ...texts]: readonly string[],
): string {
  const rows = rowsOf(of, node, table);
  const shown = texts.length === 0 ? rows : texts.map((text) => rows.find((r) => r.includes(text)));
  return fence(
    'text',
    shown.map((row, index) => {
      if (row === undefined) throw new RangeError(`no row of ${table} has ${texts[index]}`);
      return row;
    }),
  );
}

/** `flows NODE TABLE [TEXT…]`: of the record's nodes. */
const flows = (words: readonly string[]): string => shownRows(record(), words);

/** `unsecured NODE TABLE [TEXT…]`: where VM1 has no port security. */
const unsecured = (words: readonly string[]): string =>
  shownRows(record({ unsecured: [VM1] }), words);

/** `uplink NODE`: br-phy whole. */
function uplink([node = '']: readonly string[]): string {
  const bridge = record().fabric.nodes.get(node)?.bridges['br-phy'];
  if (bridge === undefined) throw new RangeError(`no node is called ${node}`);
  const lines = `${dumpFlows(bridge, DUMPED)}${dumpGroups(bridge)}`.split('\n');
  return fence(
    'text',
    lines.filter((line) => line.startsWith(' ')).map((line) => line.trim()),
  );
}

/** `groups NODE`: br-int's groups. */
function groups([node = '']: readonly string[]): string {
  const bridge = record().fabric.nodes.get(node)?.bridges['br-int'];
  return fence('text', bridge?.groups().map((group) => formatGroup(group)) ?? []);
}

const FLOATING = '2.1.0.229';
const FIXED = '178.1.3.6';
const OUTSIDE = '198.51.100.7';
const PLAIN = 'fa:16:3e:98:90:e7';

export const PACKETS: Readonly<Record<string, FromTunnel>> = {
  gateway: { ethSource: '05:00:00:00:00:00', source: OUTSIDE, destination: FLOATING },
  'load-balancer': { ethSource: '04:00:00:00:00:00', source: OUTSIDE, destination: FIXED },
  'load-balancer-floating': {
    ethSource: '04:00:00:00:00:00',
    source: OUTSIDE,
    destination: FLOATING,
  },
  'custom-route': { ethSource: '02:00:00:00:00:01', source: OUTSIDE, destination: FIXED },
  ordinary: { ethSource: PLAIN, source: '178.1.3.2', destination: FIXED },
  elsewhere: { ethSource: PLAIN, source: OUTSIDE, destination: '178.1.3.2' },
};

export function tunnelRun(name: string): Execution {
  const packet = PACKETS[name];
  if (packet === undefined) throw new RangeError(`no packet is called ${name}`);
  return outOfTunnel(record(), 'node2', packet);
}

/** `tunnel PACKET [TABLE…]`: the flows of node2 that a packet out of the tunnel meets. */
function tunnel([name = '', ...tables]: readonly string[]): string {
  const keep = new Set(tables.map(Number));
  const lines: string[] = [];
  for (const step of tunnelRun(name).steps) {
    if (step.kind === 'output') lines.push(`out of ofport ${step.port}`);
    if (step.kind !== 'table' || step.flow === null) continue;
    const shown = keep.size === 0 || keep.has(step.table) || step.flow.actions.length === 0;
    const text = formatFlow({ ...step.flow, cookie: 0n }).replace(/^(?!table=)/, 'table=0, ');
    if (shown) lines.push(`${tableName(step.table).padEnd(17)} ${text}`);
    else if (lines.at(-1) !== '…') lines.push('…');
  }
  return fence('text', lines);
}

const SENDER_ROW = 'table=133,priority=10,reg12=0x27,reg13=0x27 actions=drop';
const PASS_ROW = 'table=133,priority=0 actions=goto_table:135';

/** What 133's two rows do for a VM that sends to itself. */
export const SELF_VARIANTS = [
  { rows: 'both rows', tampering: {} },
  { rows: 'without reg12 = reg13', tampering: { remove: [SENDER_ROW] } },
  { rows: 'without either', tampering: { remove: [SENDER_ROW], add: [PASS_ROW] } },
] as const;

export function selfTrace(tampering: Tampering): Trace {
  const of = record();
  tamper(of, 'node1', tampering);
  return traced(of, VM1, '178.1.3.2');
}

/** `self`: how a packet to its own sender ends with and without the rows of 133. */
function self(): string {
  const lines = SELF_VARIANTS.map(({ rows, tampering }) => {
    const { reason } = selfTrace(tampering);
    return `${rows.padEnd(22)} ${reason?.table} ${tableName(reason?.table ?? 0)}: ${reason?.code}`;
  });
  return fence('text', lines);
}

/** A stand-in for a policy route: stops what one VM sends, wherever it goes. */
const POLICY = 'table=105,priority=1,ip,nw_src=178.1.3.2 actions=drop';
export const POLICY_PAIRS = [
  [VM1, VM4],
  [VM2, VM4],
  [VM1, VM2],
] as const;

export function policyTrace(from: string, to: string): Trace {
  const of = record({ otherSubnet: true });
  tamper(of, 'node1', { add: [POLICY] });
  return traced(of, from, to);
}

/** `policy`: what a policy by the source does that 110 cannot. */
function policy(): string {
  const lines = POLICY_PAIRS.map(([from, to]) => {
    const hop = policyTrace(from, to).legs[0]?.hops.find(({ table }) => table === 105);
    const way = `${from} → ${to}`;
    return `${way.padEnd(39)} 105 P${hop?.priority} ${hop?.actions}`;
  });
  return fence('text', [POLICY, '', ...lines]);
}

/** The words that stand in a sentence for what a trace names. */
const WORDS: Facts = {
  packet: '‹packet›',
  sender: '‹sender›',
  receiver: '‹receiver›',
  subject: '‹port›',
  subjectAddress: '‹its address›',
  senderGroups: '‹its security groups›',
  receiverGroups: '‹its security groups›',
  source: '‹source address›',
  destination: '‹destination›',
  vpc: '‹VPC›',
  node: '‹node›',
  receiverNode: '‹other node›',
  place: '‹table›',
  detail: '‹detail›',
};

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

function placesOf(code: string): string {
  const places = DROPS.filter((drop) => drop.code === code).map(({ bridge, table, priority }) => {
    const name = tableName(table, bridge);
    const where = bridge === 'br-int' ? `${table} ${name}` : `${bridge} ${table} ${name}`;
    return `${where} P${priority}`;
  });
  return places.length === 0 ? '—' : places.join('<br>');
}

/** `reasons`: every code with its sentence, the rows that drop for it, and its cure. */
function reasons(): string {
  const rows = Object.entries(REASONS).map(([code, spec]) => {
    const cells = [
      `<a id="${code}"></a>\`${code}\``,
      sentence(spec.message(WORDS)),
      placesOf(code),
      sentence(spec.cure(WORDS)),
    ];
    return `| ${cells.join(' | ')} |`;
  });
  const head = ['| code | the trace says | drop rows | to cure it |', '|---|---|---|---|'];
  return [...head, ...rows].join('\n');
}

/** `drops TABLE`: the reasons for which a table drops, highest priority first. */
function drops([table = '']: readonly string[]): string {
  const own = DROPS.filter((drop) => drop.bridge === 'br-int' && drop.table === Number(table));
  if (own.length === 0) throw new RangeError(`table ${table} drops nothing`);
  const links = [...own]
    .sort((a, b) => b.priority - a.priority)
    .map(({ code, priority }) => `P${priority} [\`${code}\`](reasons.md#${code})`);
  return `Drops: ${links.join(', ')}.`;
}

const ALARMS: Readonly<Record<string, Readonly<Record<string, Alarm>>>> = {
  agent: { ...AGENT_ALARMS, ...SWITCH_ALARMS },
  server: SERVER_ALARMS,
};

/** `alarms PROCESS`: every line of level warn or error that a process logs. */
function alarms([process = '']: readonly string[]): string {
  const rows = Object.entries(ALARMS[process] ?? {}).map(([code, alarm]) => {
    const { level, message, meaning, action } = alarm;
    return `| <a id="${code}"></a>\`${code}\`<br>${level} | ${message} | ${meaning} | ${action} |`;
  });
  if (rows.length === 0) throw new RangeError(`no process is called ${process}`);
  return [
    '| alarm | the line says | what it means | what to do |',
    '|---|---|---|---|',
    ...rows,
  ].join('\n');
}

/** `tables`: the map of the pipeline. */
function tables(): string {
  const rows = TABLES.map(({ number, name, stage, next, purpose }) => {
    const anchor = `#${number}-${name.toLowerCase()}`;
    return `| [${number} ${name}](${anchor}) | ${stage} | ${next.join(', ') || '—'} | ${purpose} |`;
  });
  return ['| table | stage | leads to | purpose |', '|---|---|---|---|', ...rows].join('\n');
}

const GENERATORS: Readonly<Record<string, (words: readonly string[]) => string>> = {
  'remote-group': remoteGroup,
  trace,
  flows,
  unsecured,
  uplink,
  groups,
  tunnel,
  self,
  policy,
  reasons,
  drops,
  alarms,
  tables,
};

const BLOCK = /(<!-- generated: ([^\n]+?) -->\n)([\s\S]*?)(<!-- end -->)/g;

/** A page with its generated parts as the code makes them now. */
export function refreshed(page: string): string {
  return page.replaceAll(BLOCK, (_, open: string, command: string, _old, close: string) => {
    const [name = '', ...words] = command.split(' ');
    const generate = GENERATORS[name];
    if (generate === undefined) throw new RangeError(`nothing generates ${name}`);
    return `${open}${generate(words)}\n${close}`;
  });
}

export const reasonCodes = Object.keys(REASONS) as ReasonCode[];
