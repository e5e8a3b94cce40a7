/** The pictures as a browser draws them: nothing overlaps, nothing spills, all of it can be read. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { renderSvg } from '../../src/trace/render/svg.ts';
import { requireOrSkip } from '../support/require.ts';
import { ARGUMENTS, EXECUTABLE } from './chromium.ts';
import { TRACES } from './fixture.ts';
import { inspect, type Finding } from './inspect.ts';
import { walkthroughTraces } from './walkthrough.ts';

const SUBJECTS = { ...TRACES, ...walkthroughTraces() };
const SCHEMES = ['light', 'dark'] as const;

requireOrSkip('Chromium', existsSync(EXECUTABLE))('a picture in Chromium', () => {
  let browser: Browser;
  let shots: string;
  const pages = new Map<(typeof SCHEMES)[number], Page>();

  beforeAll(async () => {
    shots = mkdtempSync(join(tmpdir(), 'tianchi-svg-'));
    browser = await chromium.launch({ executablePath: EXECUTABLE, args: [...ARGUMENTS] });
    for (const colorScheme of SCHEMES)
      pages.set(colorScheme, await browser.newPage({ colorScheme }));
  });

  afterAll(async () => {
    await browser?.close();
    rmSync(shots, { recursive: true, force: true });
  });

  async function look(svg: string, scheme: (typeof SCHEMES)[number]): Promise<readonly Finding[]> {
    const page = pages.get(scheme);
    if (page === undefined) throw new Error(`no page for ${scheme}`);
    await page.setContent(`<!doctype html><body style="margin:0">${svg}</body>`);
    return await page.evaluate(inspect);
  }

  for (const [name, trace] of Object.entries(SUBJECTS)) {
    it.each(SCHEMES)(`${name}, %s: labels apart, inside and legible`, async (scheme) => {
      expect(await look(renderSvg(trace), scheme)).toEqual([]);
      const path = join(shots, `${name} ${scheme}.png`);
      const picture = await pages.get(scheme)?.locator('svg').screenshot({ path });
      expect(picture?.length).toBeGreaterThan(10_000);
    });
  }

  it('follows the page into the dark', async () => {
    const svg = renderSvg(TRACES['same node']);
    const canvas = async (scheme: (typeof SCHEMES)[number]): Promise<string> => {
      await look(svg, scheme);
      return (await pages.get(scheme)?.evaluate(canvasColour)) ?? '';
    };
    expect(await canvas('light')).toBe('rgb(255, 255, 255)');
    expect(await canvas('dark')).toBe('rgb(15, 21, 27)');
  });

  /** What the inspection is there to find, planted. */
  it.each([
    ['overlap', '<text class="tt-sans tt-f-ink" x="48" y="130" font-size="12">over node</text>'],
    [
      'outside the canvas',
      '<text class="tt-sans tt-f-ink" x="700" y="12">far too long to fit</text>',
    ],
    [
      'outside its box',
      '<g transform="translate(0 20)"><rect class="tt-f-box" x="20" y="0" width="30" height="14"/><text class="tt-sans tt-f-ink" x="22" y="11" font-size="11">leaves its box</text></g>',
    ],
    ['crossed', '<path class="tt-line tt-s-way" d="M40 130L200 130"/>'],
    [
      'contrast',
      '<text class="tt-sans" style="fill:#c8c8c8" x="400" y="20" font-size="11">pale</text>',
    ],
  ])('a fault is found: %s', async (kind, planted) => {
    const svg = renderSvg(TRACES['same node']).replace('</svg>', `${planted}</svg>`);
    const findings = await look(svg, 'light');
    expect(findings.map((finding) => finding.kind)).toContain(kind);
  });

  it('a hostile name runs nothing', async () => {
    const page = await browser.newPage();
    const spoken: string[] = [];
    page.on('dialog', (dialog) => {
      spoken.push(dialog.message());
      void dialog.dismiss();
    });
    await page.setContent(renderSvg(TRACES['hostile name']));
    expect(await page.locator('script').count()).toBe(0);
    expect(spoken).toEqual([]);
    await page.close();
  });
});

/** Runs in the page. */
function canvasColour(): string {
  const page = globalThis as unknown as PageGlobals;
  const canvas = page.document.querySelector('[data-role=canvas]');
  return canvas === null ? '' : page.getComputedStyle(canvas).fill;
}

interface PageGlobals {
  readonly document: { querySelector(selector: string): object | null };
  getComputedStyle(element: object): { readonly fill: string };
}
