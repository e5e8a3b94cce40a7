/** Random requests made of the API's own document: none breaks the server, and what it refuses changes nothing. */
import { expect, test } from 'vitest';
import { openApiDocument } from '../../src/api/openapi/document.ts';
import { RESOURCES } from '../../src/api/resources/index.ts';
import { Cloud, nameOf, type Fault } from './cloud.ts';

const REQUESTS = Number(process.env['TIANCHI_REQUESTS'] ?? 2000);
const SEED = Number(process.env['TIANCHI_SEED'] ?? 20261122);
/** Of one cloud, which begins empty: so that any request can be had again from few before it. */
const EACH = 1000;
const MOST_FAULTS = 20;
/** ms; a request that hangs ends the test. */
const PATIENCE = 3_600_000;

const document = openApiDocument(RESOURCES);

const told = (seed: number, at: number, { request, status, body, what }: Fault): string => {
  const { as, method, url, headers, payload = '' } = request;
  const match = headers['if-match'] === undefined ? '' : ` If-Match: ${headers['if-match']}`;
  return `${what}: seed ${seed}, request ${at}: ${as}: ${method} ${url}${match} ${payload.slice(0, 2000)}\n → ${status} ${body.slice(0, 600)}`;
};

test(
  'are answered as declared, and change nothing when they are refused',
  async () => {
    const faults = new Map<string, string>();
    const statuses = new Map<number, number>();
    const done = new Set<string>();
    for (let first = 0; first < REQUESTS && faults.size < MOST_FAULTS; first += EACH) {
      const seed = SEED + first / EACH;
      const cloud = await Cloud.open(document, seed);
      for (let at = 0; at < Math.min(EACH, REQUESTS - first); at += 1) {
        const { status, request, fault } = await cloud.step();
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (status < 300) done.add(nameOf(request));
        if (fault === null) continue;
        const kind = `${fault.what} ${nameOf(request)}`;
        if (!faults.has(kind)) faults.set(kind, told(seed, at, fault));
      }
      for (const finding of await cloud.findings()) {
        faults.set(finding, `seed ${seed}: ${finding}`);
      }
      await cloud.close();
    }
    if (process.env['TIANCHI_REQUESTS'] !== undefined) {
      process.stderr.write(`${JSON.stringify([...statuses])} ${done.size} operations\n`);
    }
    expect([...faults.values()].join('\n')).toBe('');
    // Requests that are all refused would prove little.
    const answered = [...statuses].filter(([status]) => status < 300);
    expect(answered.reduce((sum, [, count]) => sum + count, 0)).toBeGreaterThan(REQUESTS / 5);
  },
  PATIENCE,
);
