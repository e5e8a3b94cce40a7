import type { Hop, Leg, Trace } from '../types.ts';
import { oneLine } from './markup.ts';
import {
  capital,
  endpointName,
  endpointText,
  flowText,
  legEnds,
  legTitle,
  probeText,
  sourceText,
  stepsOf,
} from './words.ts';

/** What a field's dump is filtered by when one looks a hop up by hand. */
const FILTERS = ['in_port', 'tun_id', 'reg12', 'reg13', 'reg7'] as const;

function command(hop: Hop): string {
  const filter = FILTERS.map((name) => new RegExp(`(?:^|,)(${name}=[^,/]+)`).exec(hop.match)?.[1]);
  const found = filter.find((part) => part !== undefined);
  const suffix = found === undefined ? '' : `,${found}`;
  return `# ovs-ofctl dump-flows ${hop.bridge} -O openflow13 table=${hop.table}${suffix}`;
}

/** Prose that no name in it can turn into markup. */
const prose = (text: string): string => oneLine(text).replace(/[\\`*<>[\]]/g, '\\$&');

const fence = (...lines: readonly string[]): string[] => [
  '```',
  ...lines.map((line) => oneLine(line)),
  '```',
  '',
];

function hopSection(hop: Hop): string[] {
  const lines = [`**${hop.name}(table=${hop.table})**`, '', ...fence(command(hop), flowText(hop))];
  if (hop.group !== undefined) {
    const text = hop.group.text ?? `group_id=${hop.group.id}`;
    lines.push(
      ...fence(`# ovs-ofctl dump-groups ${hop.bridge} -O openflow15 ${hop.group.id}`, text),
    );
  }
  for (const change of hop.changes ?? []) lines.push(`- set \`${change}\``);
  if ((hop.changes ?? []).length > 0) lines.push('');
  if (hop.note !== undefined) lines.push(prose(hop.note), '');
  return lines;
}

function trafficModel(leg: Leg): string[] {
  return stepsOf(leg).flatMap(({ number, text, dropped }) => [
    `(${number}) ${prose(text)}${dropped ? ' **Dropped here.**' : ''}`,
    '',
  ]);
}

function flowRecord(leg: Leg): string[] {
  const lines: string[] = [];
  let node = '';
  for (const hop of leg.hops) {
    if (hop.node !== node) lines.push(`#### On ${prose(hop.node)}`, '');
    node = hop.node;
    lines.push(...hopSection(hop));
  }
  if (lines.length === 0) lines.push('No table sees the packet.', '');
  return lines;
}

function legSection(trace: Trace, leg: Leg, chapter: number): string[] {
  const [from, to] = legEnds(trace, leg);
  const title = `${legTitle(leg)}: ${endpointName(from)} → ${endpointName(to)}, ${leg.verdict}`;
  return [
    `## ${chapter}. ${prose(capital(title))}`,
    '',
    `### ${chapter}.1 Traffic model`,
    '',
    ...trafficModel(leg),
    `### ${chapter}.2 Flow tables`,
    '',
    ...flowRecord(leg),
    ...(leg.reason === null ? [] : [`**Why it is dropped:** ${prose(leg.reason.message)}`, '']),
    ...(leg.reason?.drift === undefined ? [] : [`**Drift:** ${prose(leg.reason.drift)}`, '']),
  ];
}

/** The trace as the operator's record has it: the traffic model's steps, then table by table. */
export function renderMarkdown(trace: Trace): string {
  const lines = [
    `# ${prose(`${endpointName(trace.from)} → ${endpointName(trace.to)}`)}, ${probeText(trace.probe)}: ${trace.verdict}`,
    '',
    `- from ${prose(endpointText(trace.from))}`,
    `- to ${prose(endpointText(trace.to))}`,
    `- ${sourceText(trace.source)}`,
    '',
    ...trace.legs.flatMap((leg, index) => legSection(trace, leg, index + 1)),
  ];
  if (trace.fix.length > 0) lines.push('## Fix', '', ...fence(...trace.fix));
  return `${lines.join('\n').trimEnd()}\n`;
}
