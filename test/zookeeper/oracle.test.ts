/**
 * Our client and node-zookeeper-client do the same random operations, each below a root of its own,
 * and must be told the same; then both read both trees, and must see the same to the last zxid.
 * `TIANCHI_SEED` replays a run, `TIANCHI_CASES` says how many operations there are.
 */
import * as fc from 'fast-check';
import oracle, { type Client } from 'node-zookeeper-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  openZooKeeper,
  type Acl,
  type CreateMode,
  type MultiOp,
  type Stat,
  type ZooKeeper,
} from '../../src/zookeeper/index.ts';
import { requireOrSkip } from '../support/require.ts';
import { startZooKeeper, zooKeeperAvailable, type ZooKeeperServers } from '../support/zookeeper.ts';
import { ours, theirs, type Answer, type Operation, type Side } from './two-clients.ts';

const SEED = Number(process.env['TIANCHI_SEED'] ?? 20261122);
const CASES = Number(process.env['TIANCHI_CASES'] ?? 1000);
/** Operations on one pair of trees, at most; about half as many on average. */
const LENGTH = 100;

const name = fc.constantFrom('a', 'b', 'ü', 'long name');
/** Few, so that operations meet. */
const path = fc
  .array(name, { minLength: 1, maxLength: 3, size: 'max' })
  .map((names) => `/${names.join('/')}`);
const bytes = fc.oneof(fc.constant(new Uint8Array(0)), fc.uint8Array({ maxLength: 40 }));
const data = fc.oneof({ arbitrary: fc.constant(null), weight: 1 }, { arbitrary: bytes, weight: 2 });
const version = fc.constantFrom(-1, -1, 0, 0, 1, 2);
const mode = fc.constantFrom<CreateMode>(
  'persistent',
  'persistent',
  'persistent_sequential',
  'ephemeral',
  'ephemeral_sequential',
);
/** Mostly everything is allowed; sometimes reading or writing is not. */
const acl = fc
  .constantFrom(31, 31, 31, 31, 31, 31, 30, 29, 27, 23)
  .map((perms): Acl[] => [{ perms, scheme: 'world', id: 'anyone' }]);

const part: fc.Arbitrary<MultiOp> = fc.oneof(
  { arbitrary: fc.record({ op: fc.constant('create'), path, data, mode, acl }), weight: 4 },
  { arbitrary: fc.record({ op: fc.constant('set'), path, data, version }), weight: 2 },
  { arbitrary: fc.record({ op: fc.constant('delete'), path, version }), weight: 1 },
  { arbitrary: fc.record({ op: fc.constant('check'), path, version }), weight: 1 },
);
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { arbitrary: fc.record({ op: fc.constant('create'), path, data, mode, acl }), weight: 6 },
  // The oracle can set no data only within a multi.
  { arbitrary: fc.record({ op: fc.constant('set'), path, data: bytes, version }), weight: 3 },
  { arbitrary: fc.record({ op: fc.constant('delete'), path, version }), weight: 2 },
  {
    arbitrary: fc.record({
      op: fc.constantFrom('get', 'exists', 'children', 'getAcl'),
      path,
    }),
    weight: 5,
  },
  { arbitrary: fc.record({ op: fc.constant('setAcl'), path, acl, version }), weight: 1 },
  {
    arbitrary: fc.record({
      op: fc.constant('multi'),
      ops: fc.array(part, { minLength: 1, maxLength: 4 }),
    }),
    weight: 4,
  },
);

/** The same operation below another root. */
const below = (root: string, operation: Operation): Operation =>
  operation.op === 'multi'
    ? { ...operation, ops: operation.ops.map((op) => ({ ...op, path: root + op.path })) }
    : { ...operation, path: root + operation.path };

/**
 * All in flight at one time, but for what follows a setAcl: what a ZooKeeper server is sent close
 * behind it, it may still check by the ACL from before.
 */
async function inTurn(side: Side, operations: readonly Operation[]): Promise<readonly Answer[]> {
  const answers: Promise<Answer>[] = [];
  for (const operation of operations) {
    const answer = side(operation);
    answers.push(answer);
    if (operation.op === 'setAcl') await answer;
  }
  return Promise.all(answers);
}

/** What must be the same on both trees: all but the root, the zxids, the times and the sessions. */
function alike(root: string, { path, stat, results, ...rest }: Answer): unknown {
  const bare = (full: string) => full.slice(root.length);
  const lasting = (found: Stat) => ({
    version: found.version,
    cversion: found.cversion,
    aversion: found.aversion,
    dataLength: found.dataLength,
    numChildren: found.numChildren,
    ephemeral: found.ephemeralOwner !== 0n,
  });
  return {
    ...rest,
    path: path === undefined ? undefined : bare(path),
    stat: stat === undefined || stat === null ? stat : lasting(stat),
    results: results?.map((result) => {
      if (result.op === 'create') return { op: result.op, path: bare(result.path) };
      return result.op === 'set' ? { op: result.op, stat: lasting(result.stat) } : result;
    }),
  };
}

/** All that can be read of a tree, with the paths where it stands. */
async function all(side: Side, root: string): Promise<unknown[]> {
  const reads = (['get', 'exists', 'children', 'getAcl'] as const).map((op) =>
    side({ op, path: root }),
  );
  const answers = await Promise.all(reads);
  const children = answers[2]?.children ?? [];
  const inner = await Promise.all(children.map((child) => all(side, `${root}/${child}`)));
  return [root, answers, ...inner];
}

requireOrSkip('ZooKeeper', zooKeeperAvailable)('beside node-zookeeper-client', () => {
  let servers: ZooKeeperServers;
  let zk: ZooKeeper;
  let client: Client;

  beforeAll(async () => {
    servers = await startZooKeeper();
    zk = await openZooKeeper({ servers: servers.servers });
    client = oracle.createClient(servers.connectString);
    await new Promise<void>((resolve) => {
      client.once('connected', resolve);
      client.connect();
    });
  });

  afterAll(async () => {
    await zk.close();
    client.close();
    servers.stop();
  });

  test(`${CASES} random operations are told the same`, async () => {
    const sides = [ours(zk), theirs(client)] as const;
    const seen = new Map<string, number>();
    let run = 0;
    const property = fc.asyncProperty(
      fc.array(operation, { minLength: 1, maxLength: LENGTH, size: 'max' }),
      async (operations) => {
        run += 1;
        const roots = [`/ours-${run}`, `/theirs-${run}`] as const;
        for (const root of roots) await zk.create(root, null);
        const [mine, other] = await Promise.all(
          sides.map((side, at) =>
            inTurn(
              side,
              operations.map((operation) => below(roots[at] ?? '', operation)),
            ),
          ),
        );
        const told = mine?.map((answer) => alike(roots[0], answer));
        expect(told).toEqual(other?.map((answer) => alike(roots[1], answer)));
        for (const root of roots) {
          await zk.sync(root);
          expect(await all(sides[0], root)).toEqual(await all(sides[1], root));
        }
        for (const [at, { op }] of operations.entries()) {
          const kind = `${op} ${mine?.[at]?.error ?? 'OK'}`;
          seen.set(kind, (seen.get(kind) ?? 0) + 1);
        }
      },
    );
    await fc.assert(property, { seed: SEED, numRuns: Math.ceil((3 * CASES) / LENGTH) });
    expect([...seen.values()].reduce((sum, count) => sum + count)).toBeGreaterThanOrEqual(CASES);
    // Else the operations don't meet what they are to meet; a few can't meet all.
    if (CASES < 1000) return;
    expect([...seen.keys()].sort()).toEqual(
      expect.arrayContaining([
        'create NOCHILDRENFOREPHEMERALS',
        'create NODEEXISTS',
        'create NONODE',
        'create OK',
        'delete NONODE',
        'delete NOTEMPTY',
        'delete OK',
        'get OK',
        'get NOAUTH',
        'multi BADVERSION',
        'multi NODEEXISTS',
        'multi OK',
        'set BADVERSION',
        'set NOAUTH',
        'set OK',
        'setAcl OK',
      ]),
    );
  });
});
