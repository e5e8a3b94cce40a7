/** What the switches of real nodes hold is what we compile: by ovs-ofctl, not by our own reading. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RULES, VM1, VM2, VM3, VMS } from '../../src/cli/walkthrough.ts';
import { BRIDGES } from '../../src/pipeline/compiler.ts';
import { Life } from './equal-changes.ts';
import { compiledFor, differences, type Programs } from './equal-compiled.ts';
import { Bench, describeLab, eventually } from './harness.ts';

const SEED = 20_230_112;
const CHANGES = 200;
/** Changes between two comparisons. */
const EVERY = 20;
/** The switches follow the API within moments, on a loaded machine too. */
const PATIENCE_SECONDS = 20;
const NODES = ['node1', 'node2'];

describeLab('the switches of two nodes', () => {
  let bench: Bench;

  beforeAll(async () => {
    bench = await Bench.up();
  });
  afterAll(() => bench?.down());

  const compiled = () => compiledFor(bench, NODES);

  async function becomeEqual(when: string): Promise<void> {
    let found: string[] = [];
    const equal = async () => {
      found = await differences(bench, await compiled());
      return found.length === 0;
    };
    await eventually(when, equal, PATIENCE_SECONDS).catch((error: unknown) => {
      expect(found, when).toEqual([]);
      throw error;
    });
  }

  test('hold after the walkthrough what is compiled for them', async () => {
    const network = await bench.vpc('ipv4_yanxia_network1', '178.1.0.0/16');
    await bench.subnet(network, '178.1.3.0/24');
    const group = await bench.ok('security-group-create', 'default');
    for (const rule of RULES) {
      const security_group_rule = { security_group_id: group, ...rule };
      await bench.rest('POST', 'security-group-rules', { security_group_rule });
    }
    const vms = await Promise.all(
      VMS.map(async ({ name, ip, node }) => {
        const port = await bench.port(network, { fixed_ips: [{ ip_address: ip }] });
        return bench.boot(name, port, node);
      }),
    );
    for (const { port } of vms) await bench.ok('port-update', port, '--security-group', group);
    const [vm1] = vms;
    if (vm1 === undefined) throw new Error(`no ${VM1.name}`);
    for (const { ip } of [VM2, VM3]) {
      expect(await bench.ping(vm1, ip)).toEqual({ sent: 10, received: 10 });
    }
    await becomeEqual('after the walkthrough');
  });

  /** Takes something out of what should be there. */
  const without = (programs: ReadonlyMap<string, Programs>, part: 'flows' | 'groups' | 'meters') =>
    new Map(
      [...programs].map(([node, program]) => {
        const bridges = BRIDGES.map((bridge) => {
          const { [part]: list, ...rest } = program[bridge];
          return [bridge, { ...rest, [part]: list.slice(1) }];
        });
        return [node, Object.fromEntries(bridges) as Programs];
      }),
    );

  test.each([
    ['flow', 'flows', ['node1 br-int', 'node1 br-phy', 'node2 br-int', 'node2 br-phy']],
    ['group', 'groups', ['node1 br-int', 'node1 br-phy', 'node2 br-int', 'node2 br-phy']],
    ['meter', 'meters', ['node1 br-int', 'node2 br-int']],
  ] as const)('are seen to hold a %s too much', async (_what, part, where) => {
    const found = await differences(bench, without(await compiled(), part));
    expect(found.map((line) => line.split(' ', 2).join(' '))).toEqual(where);
    expect(found.every((line) => line.includes(' -'))).toBe(true);
  });

  test('are seen to lack a flow, and to hold another', async () => {
    const programs = await compiled();
    const planted = new Map(
      [...programs].map(([node, program]) => {
        const { flows, ...rest } = program['br-int'];
        const [first, ...others] = flows.toSorted((a, b) => b.actions.length - a.actions.length);
        if (first === undefined) throw new Error('no flow');
        const changed = { ...first, actions: first.actions.slice(1) };
        const added = { ...first, priority: first.priority + 1 };
        return [node, { ...program, 'br-int': { ...rest, flows: [...others, changed, added] } }];
      }),
    );
    const found = await differences(bench, planted);
    const signs = found.map((line) => line.split(' ').slice(0, 3).join(' ').slice(0, 14));
    expect(signs.toSorted()).toEqual(
      NODES.flatMap((node) => [
        `${node} br-int +`,
        `${node} br-int +`,
        `${node} br-int -`,
      ]).toSorted(),
    );
  });

  test(`hold it after ${CHANGES} random changes (seed ${SEED})`, async () => {
    const life = new Life(bench, SEED);
    await life.begin();
    await becomeEqual('at the beginning');
    const made: string[] = [];
    while (made.length < CHANGES) {
      const change = await life.change();
      if (change === null) continue;
      made.push(change);
      if (made.length % EVERY === 0) {
        await becomeEqual(
          `after change ${made.length}; since the last look: ${made.slice(-EVERY).join(', ')}`,
        );
      }
    }
    // A cloud that has shrunk to nothing proves little, and so do changes of few kinds.
    for (const program of (await compiled()).values()) {
      expect(program['br-int'].flows.length).toBeGreaterThan(200);
    }
    expect(new Set(made)).toEqual(new Set(life.kinds));
  });
});
