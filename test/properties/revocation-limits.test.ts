/** What a tenant cannot make a node keep: a switch in memory that knows more connections than are held. */
import { expect, it } from 'vitest';
import type { Connection } from '../../src/agent/datapath.ts';
import { Revocation } from '../../src/agent/revocation.ts';
import type { BridgeProgram, Flow } from '../../src/openflow/flow.ts';
import { flowKey } from '../../src/openflow/identity.ts';
import { Compiler } from '../../src/pipeline/compiler.ts';
import type { BridgeDelta } from '../../src/pipeline/feature.ts';
import { readHold } from '../../src/pipeline/holds.ts';
import { ChangingWorld, CLIENT, SERVER } from '../support/revocation/world.ts';

const MOST_HELD = 3;
const NOTHING: BridgeProgram = { flows: [], groups: [], meters: [] };

class Memory {
  readonly #flows = new Map<string, Flow>();
  known: Connection[] = [];

  get holds(): number {
    return [...this.#flows.values()].filter((flow) => readHold(flow) !== null).length;
  }

  /** What time does to rows without packets. */
  expire(): void {
    this.#flows.clear();
  }

  readonly program = (): Promise<BridgeProgram> =>
    Promise.resolve({ ...NOTHING, flows: [...this.#flows.values()] });

  readonly apply = (_bridge: string, { add, remove }: BridgeDelta): Promise<void> => {
    for (const flow of remove) this.#flows.delete(flowKey(flow));
    for (const flow of add) this.#flows.set(flowKey(flow), flow);
    return Promise.resolve();
  };

  readonly connections = (zones: readonly number[]): Promise<readonly Connection[]> =>
    Promise.resolve(this.known.filter(({ zone }) => zones.includes(zone)));

  readonly forget = (gone: readonly Connection[]): Promise<void> => {
    this.known = this.known.filter((it) => !gone.includes(it));
    return Promise.resolve();
  };
}

it('holds so many connections of a port, forgets the others, and says so', async () => {
  const world = new ChangingWorld();
  const memory = new Memory();
  const alarms: unknown[] = [];
  const note = (fields: unknown): void => void alarms.push(fields);
  const revocation = new Revocation({
    topology: world.topology,
    local: world.local,
    datapath: memory,
    log: { info: () => undefined, warn: note, error: note },
    mostHeld: MOST_HELD,
  });
  const compiler = new Compiler(world.topology, world.local);
  compiler.start();
  await revocation.afterReconcile(NOTHING, compiler);

  /** Lets a server be spoken to at a port, from so many, and no longer; tells how many holds there are. */
  const revoked = async (port: number, count: number): Promise<number> => {
    const rule = world.rule({ protocol: 'udp', port_range_min: port, port_range_max: port });
    await revocation.afterApply(compiler.refresh(world.touched()));
    memory.known = Array.from({ length: count }, (_, n) => ({
      zone: world.vid(SERVER),
      protocol: 17,
      source: CLIENT[4],
      destination: SERVER[4],
      sourcePort: 40000 + n,
      destinationPort: port,
    }));
    world.revoke(rule);
    await revocation.afterApply(compiler.refresh(world.touched()));
    expect(memory.known).toEqual([]);
    return memory.holds;
  };

  expect(await revoked(5000, 2)).toBe(2);
  expect(alarms).toEqual([]);
  expect(await revoked(5001, 5)).toBe(MOST_HELD);
  expect(alarms).toEqual([
    expect.objectContaining({ alarm: 'holds_full', port: SERVER.id, notHeld: 4 }),
  ]);

  // Nobody tells the agent of rows that expire.
  memory.expire();
  expect(await revoked(5002, 2)).toBe(2);
  expect(alarms).toHaveLength(1);
  await revocation.close();
});
