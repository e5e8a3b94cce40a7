/** A short run of every target; `npm run fuzz` is the long one. `TIANCHI_SEED` replays a run. */
import { describe, expect, test } from 'vitest';
import { TARGETS } from './targets/index.ts';

const seed = Number(process.env['TIANCHI_SEED'] ?? 20261122);
const inputs = Number(process.env['TIANCHI_CASES'] ?? 25);
/** So that some are read, however rarely a target reads one. */
const LEAST = 200;

describe.each(TARGETS)('$name', (target) => {
  test('stands what it is given', () => {
    const extent = { seed, from: 0, inputs: LEAST + Math.round(inputs * target.share) };
    const { taken, refused, findings } = target.campaign(extent);
    expect(findings).toEqual([]);
    expect(taken + refused).toBe(extent.inputs);
    expect(taken).toBeGreaterThan(0);
  });

  test('stands what it once did not', () => {
    expect(target.keptFaults()).toEqual([]);
  });
});
