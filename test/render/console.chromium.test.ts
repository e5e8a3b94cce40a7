/** The console in a browser, on a server of its own. */
import { existsSync } from 'node:fs';
import { pino } from 'pino';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startServer, type Server } from '../../src/api/server.ts';
import { openMemoryStore } from '../../src/store/index.ts';
import { requireOrSkip } from '../support/require.ts';
import { ARGUMENTS, EXECUTABLE } from './chromium.ts';

const HOSTILE = '</option><img src=x onerror=alert(1)>';

requireOrSkip('Chromium', existsSync(EXECUTABLE))('the console', () => {
  const store = openMemoryStore();
  let server: Server;
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];

  const post = async (collection: string, member: string, body: object): Promise<string> => {
    const answer = await fetch(`${server.url}/v2.0/${collection}`, {
      method: 'POST',
      body: JSON.stringify({ [member]: body }),
    });
    const made = (await answer.json()) as Readonly<Record<string, { id: string }>>;
    expect(answer.status, JSON.stringify(made)).toBe(201);
    return made[member]?.id ?? '';
  };

  beforeAll(async () => {
    server = await startServer({
      listen: '127.0.0.1:0',
      store,
      auth: 'none',
      defaultSecurityGroup: false,
      log: pino({ level: 'silent' }),
    });
    const network = await post('networks', 'network', { name: 'n' });
    await post('subnets', 'subnet', { network_id: network, cidr: '178.1.3.0/24', ip_version: 4 });
    await post('ports', 'port', { network_id: network, name: 'vm1' });
    await post('ports', 'port', { network_id: network, name: HOSTILE });
    browser = await chromium.launch({ executablePath: EXECUTABLE, args: [...ARGUMENTS] });
    page = await browser.newPage();
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('dialog', (dialog) => {
      complaints.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    await page.goto(`${server.url}/console`);
    await page.locator('#ports option').nth(1).waitFor({ state: 'attached' });
  });

  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await store.close();
  });

  it('offers the ports, whatever they are called', async () => {
    const values = await page
      .locator('#ports option')
      .evaluateAll((options) => options.map((option) => (option as { value?: string }).value));
    expect(new Set(values)).toEqual(new Set([HOSTILE, 'vm1']));
  });

  it('shows a trace in a frame without rights, and the style of the page applies there', async () => {
    await page.locator('[name=from]').fill('vm1');
    await page.locator('[name=to]').fill(HOSTILE);
    await page.locator('[name=source]').selectOption('intent');
    await page.locator('button').click();
    const frame = page.frameLocator('iframe');
    await frame.locator('h1').waitFor();
    expect(await frame.locator('h1').textContent()).toContain(HOSTILE);
    expect(await frame.locator('.reason').textContent()).toContain('bound to no node');
    expect(await frame.locator('svg[role=img]').count()).toBe(1);
    const pill = frame.locator('.dropped');
    expect((await pill.boundingBox())?.height).toBeGreaterThan(20);
    expect(await frame.locator('img, script').count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  it('repeats what the server refuses', async () => {
    await page.locator('[name=to]').fill('<b>nobody</b>');
    await page.locator('button').click();
    await page.locator('#message.bad').waitFor();
    expect(await page.locator('#message').textContent()).toContain('<b>nobody</b>');
    expect(await page.locator('iframe').isHidden()).toBe(true);
    // Chromium itself reports the refused request.
    expect(complaints.filter((text) => !text.includes('404'))).toEqual([]);
  });

  it.each([
    ['from=vm1', 400, 'to'],
    ['from=vm1&to=178.1.3.3&source=dreams', 400, 'source'],
    ['from=vm1&to=178.1.3.3&colour=red', 400, 'colour'],
    ['from=vm1&from=vm2&to=178.1.3.3', 400, 'from'],
    ['from=ghost&to=178.1.3.3', 404, 'ghost'],
  ])('refuses %s', async (query, status, says) => {
    const answer = await fetch(`${server.url}/tianchi/v1/traces.html?${query}`);
    expect(answer.status).toBe(status);
    expect(await answer.text()).toContain(says);
  });

  it('lets a trace page do nothing', async () => {
    const answer = await fetch(
      `${server.url}/tianchi/v1/traces.html?from=vm1&to=178.1.3.99&family=4`,
    );
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(answer.headers.get('content-security-policy')).toMatch(/default-src 'none'.*sandbox/);
  });
});
