/** The proofs of the compiler would notice: each planted fault is caught, and by what. */
import { describe, expect, test } from 'vitest';
import type { Topology } from '../../src/model/topology.ts';
import type { Feature } from '../../src/pipeline/feature.ts';
import { customRoutes } from '../../src/pipeline/features/custom-routes.ts';
import { FEATURES } from '../../src/pipeline/features/index.ts';
import { routerAddresses } from '../../src/pipeline/features/routing.ts';
import { imagine } from '../../src/trace/imagined.ts';
import { Follower } from '../support/follower.ts';
import { besideRecord, compileRecord, lines } from '../support/record.ts';
import { World } from '../support/topology/world.ts';
import { check } from '../support/verdict-bench.ts';
import { walkthroughTopology } from '../support/walkthrough.ts';
import { FORGETFUL, WRONG, type Fault } from './faults.ts';

const SEED = 20230112;
/** Topologies or lives that a fault may take to show. */
const PATIENCE = 200;
const CHANGES = 50;

function withFault(fault: Fault | null, topology: Topology): readonly Feature[] {
  return FEATURES.map((feature) =>
    feature === fault?.in ? fault.plant(feature, topology) : feature,
  );
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

/** What is found wrong in one random topology; null: nothing. */
function wrongVerdict(seed: number, fault: Fault | null): string | null {
  try {
    check(seed, (topology) => imagine(topology, withFault(fault, topology)));
    return null;
  } catch (error) {
    return messageOf(error);
  }
}

function wrongLine(fault: Fault | null): string | null {
  const compiled = compileRecord(withFault(fault, walkthroughTopology()));
  const line = lines.find((it) => {
    const { wanted, found } = besideRecord(it, compiled);
    return JSON.stringify(wanted) !== JSON.stringify(found);
  });
  return line === undefined ? null : line.text;
}

/** What does nothing but between networks that routers join. */
const WIRING: readonly Feature[] = [routerAddresses, customRoutes];

/** What is found wrong in one random life; null: nothing. */
function wrongChange(seed: number, fault: Fault | null, wired: boolean): string | null {
  const world = new World(seed, { wired });
  const node = new Follower(world, withFault(fault, world.topology));
  for (let change = 0; change < CHANGES; change += 1) {
    world.step();
    try {
      node.follow();
    } catch (error) {
      return messageOf(error);
    }
    const [difference] = node.differences();
    if (difference !== undefined) return difference;
  }
  return null;
}

function firstOf(find: (seed: number) => string | null): { after: number; found: string | null } {
  for (let after = 1; after <= PATIENCE; after += 1) {
    const found = find(SEED + after);
    if (found !== null) return { after, found };
  }
  return { after: PATIENCE, found: null };
}

const CAUGHT_BY = [
  [/^seed \d+, request: /, 'request'],
  [/^seed \d+, reply: /, 'reply'],
  [/^two units emit /, 'compiler'],
] as const;

/** The most seeds that a fault took: as many must find nothing where there is no fault. */
const most = { verdicts: 0, lives: 0 };

describe('a fault in the flows', () => {
  test.each(WRONG)('of $in.name is caught by $by: $what', (fault) => {
    if (fault.by === 'record') {
      expect(wrongLine(fault)).not.toBeNull();
      return;
    }
    const { after, found } = firstOf((seed) => wrongVerdict(seed, fault));
    expect(CAUGHT_BY.find(([form]) => form.test(found ?? ''))?.[1], found ?? '').toBe(fault.by);
    most.verdicts = Math.max(most.verdicts, after);
  });

  test('is not seen where there is none', () => {
    expect(wrongLine(null)).toBeNull();
    expect(most.verdicts).toBeGreaterThan(0);
    for (let after = 1; after <= most.verdicts; after += 1) {
      expect(wrongVerdict(SEED + after, null)).toBeNull();
    }
  });
});

describe('a change that passes unnoticed', () => {
  test.each(FORGETFUL)('by $in.name, of $what, is caught', (fault) => {
    const { after, found } = firstOf((seed) => wrongChange(seed, fault, WIRING.includes(fault.in)));
    expect(found).not.toBeNull();
    most.lives = Math.max(most.lives, after);
  });

  test('is not seen where there is none', () => {
    expect(most.lives).toBeGreaterThan(0);
    for (let after = 1; after <= most.lives; after += 1) {
      expect(wrongChange(SEED + after, null, after % 2 === 0)).toBeNull();
    }
  });
});

test('faults are planted in every feature but four', () => {
  const planted = new Set([...WRONG, ...FORGETFUL].map((fault) => fault.in.name));
  const spared = FEATURES.map(({ name }) => name).filter((name) => !planted.has(name));
  expect(planted.size).toBeGreaterThanOrEqual(10);
  // Met by what no verdict is on: multicast, ARP probes, unknown VNIs, floating ips inside a VPC.
  expect(spared).toEqual(['quietInput', 'arpOwnAddress', 'unknownTunnels', 'floatingIpShadows']);
});
