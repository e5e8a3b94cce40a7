/** Text, JSON, Markdown, HTML and SVG of traces made by hand. */
import { describe, expect, it } from 'vitest';
import { renderHtml } from '../../src/trace/render/html.ts';
import { renderJson } from '../../src/trace/render/json.ts';
import { renderMarkdown } from '../../src/trace/render/markdown.ts';
import { renderSvg } from '../../src/trace/render/svg.ts';
import { renderText } from '../../src/trace/render/text.ts';
import type { Trace } from '../../src/trace/types.ts';
import { TRACES } from './fixture.ts';

const each = Object.entries<Trace>(TRACES);
const text = (trace: Trace, columns = 100): string => renderText(trace, { color: false, columns });
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u202A-\u202E]/;
// oxlint-disable-next-line no-control-regex
const COLOUR = /\u001B\[\d+m/g;

describe('text', () => {
  it.each(each)('%s: keeps to its columns but for single long words', (_name, trace) => {
    for (const columns of [60, 100, 140]) {
      const long = text(trace, columns)
        .split('\n')
        .filter((line) => line.length > columns)
        // A command is to be copied: it stays whole.
        .filter((line) => !line.includes('tianchi '))
        .filter((line) => /[, ]/.test(line.replace(/^[ │→⇒#()\d]*/, '').replace(/[, ]+$/, '')));
      expect(long).toEqual([]);
    }
  });

  it.each(each)('%s: is coloured only when asked, and says the same', (_name, trace) => {
    const plain = text(trace);
    expect(plain).not.toMatch(CONTROL);
    const coloured = renderText(trace, { color: true, columns: 100 });
    expect(coloured).toMatch(COLOUR);
    expect(coloured.replace(COLOUR, '')).toBe(plain);
  });

  it('numbers the steps of the traffic model around the flows', () => {
    const lines = text(TRACES['across nodes']).split('\n');
    const steps = lines.flatMap((line) => /^ ?\((\d+)\) /.exec(line)?.[1] ?? []);
    expect(steps).toEqual(Array.from({ length: 10 }, (_, index) => String(index + 1)));
    const at = (part: string): number => lines.findIndex((line) => line.includes(part));
    expect(at('(2) br-int of node1')).toBeLessThan(at('120 VPC_FORWARD'));
    expect(at('120 VPC_FORWARD')).toBeLessThan(at('(3) vf-10.163.133.4 wraps it in VXLAN'));
    expect(at('(9) br-int of node2')).toBeLessThan(at('180 VPC_OUTPUT'));
  });

  it('tells where, why and what to do', () => {
    const lines = text(TRACES['dropped at 72']).split('\n');
    expect(lines.filter((line) => line.startsWith('  ✘'))).toEqual([
      expect.stringContaining('72 RULES_EGRESS'),
    ]);
    expect(lines.slice(-4)).toEqual([
      'why: No security group rule lets icmp from 178.1.3.2 to 178.1.3.3 out of port ipv4_yanxia_test1,',
      '     which has no security group.',
      'fix: tianchi port-update ipv4_yanxia_test1 --security-group default',
      '     tianchi port-update ipv4_yanxia_test2 --security-group default',
    ]);
    expect(text(TRACES['receiver not bound']).split('\n').at(-1)).toBe(
      'to cure it: boot a VM with port vm4, which binds it (binding:host_id)',
    );
  });

  it('marks no table where the packet ends in none', () => {
    expect(text(TRACES['no flows'])).not.toMatch(/^ {2}✘/m);
    expect(text(TRACES['sender not bound'])).toContain('vm4 (178.1.3.4, bound to no node)');
  });
});

describe('JSON', () => {
  it.each(each)('%s: has the shape that scripts rely on', (_name, trace) => {
    const printed = JSON.parse(JSON.stringify(renderJson(trace))) as ReturnType<typeof renderJson>;
    expect(Object.keys(printed)).toEqual(['verdict', 'reason', 'fix', 'legs']);
    expect(printed.verdict).toBe(trace.verdict);
    expect(printed.legs.map(({ hops }) => hops.length)).toEqual(
      trace.legs.map(({ hops }) => hops.length),
    );
    for (const leg of printed.legs) {
      expect(Object.keys(leg)).toEqual(['direction', 'connection', 'verdict', 'hops']);
      for (const hop of leg.hops) {
        expect(hop).toMatchObject({
          node: expect.any(String) as string,
          cookie: expect.stringMatching(/^0x[1-9a-f][0-9a-f]*$/) as string,
        });
        if (hop.group !== undefined) expect(Object.keys(hop.group)).toEqual(['id', 'bucket']);
      }
    }
  });
});

describe('Markdown', () => {
  it('has the chapters of the record for every leg', () => {
    const headings = renderMarkdown(TRACES['across nodes'])
      .split('\n')
      .filter((line) => line.startsWith('#') && !line.startsWith('# ovs'));
    expect(headings.slice(0, 5)).toEqual([
      '# ipv4_yanxia_test1 → ipv4_yanxia_test5, icmp: delivered',
      '## 1. Request, new connection: ipv4_yanxia_test1 → ipv4_yanxia_test5, delivered',
      '### 1.1 Traffic model',
      '### 1.2 Flow tables',
      '#### On node1',
    ]);
    expect(headings.filter((line) => line.startsWith('## '))).toHaveLength(3);
  });

  it.each(each)('%s: opens and closes its blocks', (_name, trace) => {
    const fences = renderMarkdown(trace)
      .split('\n')
      .filter((line) => line.startsWith('```'));
    expect(fences.length % 2).toBe(0);
    expect(fences.every((line) => line === '```')).toBe(true);
  });

  it('lets no name become markup', () => {
    const printed = renderMarkdown(TRACES['hostile name']);
    expect(printed).not.toMatch(/(?<!\\)<script/);
    expect(printed.replaceAll('\n', '')).not.toMatch(CONTROL);
  });
});

describe.each([
  ['SVG', renderSvg],
  ['HTML', renderHtml],
] as const)('%s', (_form, render) => {
  it.each(each)('%s: is the same twice, and loads nothing', (_name, trace) => {
    const printed = render(trace);
    expect(render(JSON.parse(JSON.stringify(trace)) as Trace)).toBe(printed);
    expect(printed.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(
      /https?:|<script|<img/,
    );
    expect(printed.replaceAll('\n', '')).not.toMatch(CONTROL);
    expect(printed).not.toMatch(/undefined|NaN|Infinity|\[object/);
  });
});

describe('SVG', () => {
  it('can be read aloud', () => {
    const printed = renderSvg(TRACES['dropped at 152']);
    expect(printed).toMatch(/^<svg [^>]*role="img" aria-labelledby="tt-title tt-description"/);
    expect(printed).toContain(
      '<title id="tt-title">icmp ipv4_yanxia_test1 → ipv4_yanxia_test2: dropped</title>',
    );
    expect(printed).toMatch(/<desc id="tt-description">\(1\) Port .*no security group\.<\/desc>/);
  });

  const tables = (trace: Trace): string[] =>
    [
      ...renderSvg(trace).matchAll(/text-anchor="middle">(\d+)<\/text>\n<text [^>]*>([A-Z_]+)</g),
    ].map(([, number, name]) => `${number} ${name}`);

  it.each(each)('%s: shows the tables of br-int in the order of the visits', (_name, trace) => {
    const visits = (trace.legs[0]?.hops ?? []).filter(({ bridge }) => bridge === 'br-int');
    expect(tables(trace)).toEqual(visits.map(({ table, name }) => `${table} ${name}`));
  });

  it('marks the drop once, and none where all is well', () => {
    const crosses = (trace: Trace): number => renderSvg(trace).split('tt-s-on-drop" d=').length - 1;
    expect(each.map(([name, trace]) => [name, crosses(trace)])).toEqual(
      each.map(([name, { verdict }]) => [name, verdict === 'dropped' ? 1 : 0]),
    );
  });

  interface Rect {
    readonly x: number;
    readonly y: number;
    readonly width: number;
    readonly height: number;
    readonly ghost: boolean;
  }

  const rects = (printed: string, role: string): Rect[] =>
    [...printed.matchAll(/<rect [^>]*data-role="([a-z]+)"[^>]*>/g)]
      .filter(([, found]) => found === role)
      .map(([tag]) => {
        const value = (name: string): number =>
          Number(new RegExp(` ${name}="([^"]+)"`).exec(tag)?.[1]);
        return {
          x: value('x'),
          y: value('y'),
          width: value('width'),
          height: value('height'),
          ghost: tag.includes('stroke-dasharray'),
        };
      });

  it.each([
    ['across nodes', [1, 1]],
    ['three uplinks', [1, 2]],
    ['v6, long names, dropped', [1, 1]],
    ['no VLAN', [1, 1]],
    ['same node', [0]],
    ['no uplink', [0, 0]],
  ] as const)('%s: hangs the unused uplinks below the used one, in their node', (name, count) => {
    const printed = renderSvg(TRACES[name]);
    const ports = rects(printed, 'port');
    const found = rects(printed, 'node').map((node) => {
      const inside = ports.filter(({ x }) => node.x < x && x < node.x + node.width);
      const ghosts = inside.filter(({ ghost }) => ghost);
      for (const { x, y, width, height } of ghosts) {
        const above = inside.find((port) => port.x === x && port.y + port.height === y);
        expect(above).toMatchObject({ width, height });
        expect(y + height).toBeLessThan(node.y + node.height);
      }
      return ghosts.length;
    });
    expect(found).toEqual(count);
  });

  it('continues long commands as a shell reads them', () => {
    const command = `tianchi security-group-rule-create ${'x'.repeat(90)} --direction egress --protocol 'a b'`;
    const printed = renderSvg({ ...TRACES['dropped at 72'], fix: [command] });
    const lines = [
      ...printed.matchAll(/<text class="tt-mono[^>]*>([^<]*(?:tianchi|x{9}|--)[^<]*)</g),
    ];
    const shown = lines.map(([, line]) => line?.replaceAll('&#39;', "'")).join('\n');
    expect(lines.length).toBeGreaterThan(1);
    expect(shown.replaceAll(/ \\\n\s*/g, ' ')).toBe(command);
  });
});

describe('HTML', () => {
  it('has the verdict, the reason, the fix and every leg', () => {
    const printed = renderHtml(TRACES['dropped at 72']);
    expect(printed).toContain('<span class="dropped">dropped</span>');
    expect(printed).toContain('out of port ipv4_yanxia_test1, which has no security group.');
    expect(printed).toContain(`<pre>${TRACES['dropped at 72'].fix.join('\n')}</pre>`);
    expect(renderHtml(TRACES['across nodes']).split('<details').length - 1).toBe(3);
    expect(printed.split('<tr class="fatal"').length - 1).toBe(1);
  });
});
