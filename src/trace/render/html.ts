import type { Hop, Leg, Trace } from '../types.ts';
import { escape } from './markup.ts';
import { renderSvg } from './svg.ts';
import { PAGE_COLOURS, type Paint } from './svg/palette.ts';
import {
  aboutHop,
  endpointName,
  fatalHop,
  legEnds,
  legTitle,
  probeText,
  stretches,
  type Stretch,
} from './words.ts';

const paint = (name: Paint): string => `var(--${name})`;

const STYLE = `${PAGE_COLOURS}
body{margin:0 auto;max-width:76rem;padding:1.5rem;background:${paint('canvas')};color:${paint('ink')};font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.35rem;margin:0 0 .75rem;overflow-wrap:anywhere}
h2{font-size:1.05rem;margin:1.75rem 0 .5rem}
.delivered,.dropped{display:inline-block;padding:.1em .8em;border-radius:1em;font-size:.85em;vertical-align:.08em;margin-right:.5em}
.delivered{background:${paint('delivered')};color:${paint('on-delivered')}}
.dropped{background:${paint('drop')};color:${paint('on-drop')}}
.reason{margin:0;padding:.75rem 1rem;border-left:4px solid ${paint('drop')};background:${paint('reason')};color:${paint('on-reason')};overflow-wrap:anywhere}
pre,td,code{font:12.5px/1.5 ui-monospace,monospace}
pre{user-select:all;padding:.75rem 1rem;background:${paint('node')};border:1px solid ${paint('node-edge')};border-radius:6px;white-space:pre-wrap;overflow-wrap:anywhere}
figure{margin:1.5rem 0;overflow-x:auto}
figure svg{max-width:100%;height:auto}
details{margin:.5rem 0;border:1px solid ${paint('node-edge')};border-radius:6px;padding:.5rem 1rem}
summary{cursor:pointer;font-weight:600}
.scroll{overflow-x:auto}
table{border-collapse:collapse;table-layout:fixed;width:100%;min-width:62rem;margin:.75rem 0}
caption{text-align:left;font-weight:600;padding:.25rem 0}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-top:1px solid ${paint('node-edge')};overflow-wrap:anywhere}
th:nth-child(1){width:12.5rem}
th:nth-child(2){width:21%}
th:nth-child(3){width:28%}
th{font-size:.85rem;color:${paint('muted')}}
td span{display:inline-block;max-width:100%}
td:first-child{white-space:nowrap}
.note{font:13px/1.45 system-ui,sans-serif;color:${paint('muted')}}
.fatal td{background:${paint('reason')};color:${paint('on-reason')}}
.fatal .note{color:inherit}`;

const tag = (name: string, text: string, attributes = ''): string =>
  `<${name}${attributes}>${escape(text)}</${name}>`;

/** A comma is where a long match may break, and nowhere else while there is room. */
const breakable = (text: string): string =>
  (text.match(/[^,]+,?/g) ?? []).map((part) => tag('span', part)).join('');

function groupOf({ group }: Hop): string {
  if (group === undefined) return '';
  const bucket = group.bucket === null ? 'no live bucket' : `bucket ${group.bucket}`;
  const text = group.text === undefined ? '' : `: ${group.text}`;
  return `<br>${breakable(`group ${group.id}, ${bucket}${text}`)}`;
}

function row(hop: Hop, fatal: boolean): string {
  const { table, name, priority, match, actions, note } = hop;
  const flow =
    priority === null
      ? 'no flow matches'
      : `priority=${priority}${match === '' ? '' : `,${match}`}`;
  const about = [...aboutHop(hop), ...(note === undefined ? [] : [note])]
    .map((part) => escape(part))
    .join('<br>');
  return `<tr${fatal ? ' class="fatal"' : ''}><td>${table} ${escape(name)}</td><td>${breakable(flow)}</td><td>${breakable(actions)}${groupOf(hop)}</td><td class="note">${about}</td></tr>`;
}

function stretchTable({ node, bridge, hops }: Stretch, fatal: Hop | undefined): string {
  return `<div class="scroll"><table>${tag('caption', `${node} ${bridge}`)}
<thead><tr><th scope="col">table</th><th scope="col">match</th><th scope="col">actions</th><th scope="col">about</th></tr></thead>
<tbody>
${hops.map((hop) => row(hop, hop === fatal)).join('\n')}
</tbody></table></div>`;
}

/** The first leg is open, and its reason told above. */
function legSection(trace: Trace, leg: Leg, first: boolean): string {
  const [from, to] = legEnds(trace, leg);
  const title = `${legTitle(leg)}: ${endpointName(from)} → ${endpointName(to)}, ${leg.verdict}`;
  const fatal = fatalHop(leg);
  const tables = stretches(leg.hops).map((stretch) => stretchTable(stretch, fatal));
  const none = tables.length === 0 ? ['<p>No table sees the packet.</p>'] : tables;
  const why = first || leg.reason === null ? [] : [tag('p', leg.reason.message, ' class="reason"')];
  return `<details${first ? ' open' : ''}>${tag('summary', title)}\n${[...why, ...none].join('\n')}\n</details>`;
}

function reasonSection({ reason }: Trace): string[] {
  if (reason === null) return [];
  const cure = reason.cure === undefined ? '' : `<br>To cure it: ${escape(reason.cure)}.`;
  const drift = reason.drift === undefined ? '' : `<br>Drift: ${escape(reason.drift)}`;
  return [`<p class="reason">${escape(reason.message)}${drift}${cure}</p>`];
}

function fixSection({ fix }: Trace): string[] {
  if (fix.length === 0) return [];
  return [
    '<h2>Fix</h2>',
    '<p>Run this, and the same trace says delivered; one click selects all of it.</p>',
    tag('pre', fix.join('\n')),
  ];
}

/** The trace as a page of its own: no script, nothing loaded from elsewhere. */
export function renderHtml(trace: Trace): string {
  const title = `${probeText(trace.probe)}: ${endpointName(trace.from)} → ${endpointName(trace.to)}`;
  return `${[
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width,initial-scale=1">',
    tag('title', `${title}: ${trace.verdict}`),
    `<style>${STYLE}</style>`,
    '</head>',
    '<body>',
    `<h1><span class="${trace.verdict}">${trace.verdict}</span>${escape(title)}</h1>`,
    ...reasonSection(trace),
    ...fixSection(trace),
    `<figure>\n${renderSvg(trace)}\n</figure>`,
    '<h2>Flow by flow</h2>',
    ...trace.legs.map((leg, index) => legSection(trace, leg, index === 0)),
    '</body>',
    '</html>',
  ].join('\n')}\n`;
}
