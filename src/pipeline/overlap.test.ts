/**
 * No two flows of one table and priority match the same packet and do different things: which of
 * them a switch takes is undefined. Clauses of conjunctions are made to overlap.
 */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { plugged } from '../../test/support/programs.ts';
import { World } from '../../test/support/topology/world.ts';
import type { Flow } from '../openflow/flow.ts';
import { sameActions } from '../openflow/identity.ts';
import { compileMatch, type CompiledMatch } from '../openflow/key.ts';
import { formatFlow } from '../openflow/text/index.ts';
import { BRIDGES, compileAll } from './compiler.ts';
import { dropCode, DROPS } from './drops.ts';

function overlaps(a: CompiledMatch, b: CompiledMatch): boolean {
  return a.value.every((word, index) => {
    const common = (a.mask[index] ?? 0) & (b.mask[index] ?? 0);
    return ((word ^ (b.value[index] ?? 0)) & common) === 0;
  });
}

const isClause = (flow: Flow) => flow.actions.some((action) => action.kind === 'conjunction');

function conflicts(flows: readonly Flow[]): string[] {
  const places = new Map<string, { flow: Flow; match: CompiledMatch }[]>();
  for (const flow of flows) {
    if (isClause(flow)) continue;
    const place = `${flow.table} ${flow.priority}`;
    const entry = { flow, match: compileMatch(flow.match) };
    const others = places.get(place);
    if (others === undefined) places.set(place, [entry]);
    else others.push(entry);
  }
  const found: string[] = [];
  for (const entries of places.values()) {
    entries.forEach((a, index) => {
      for (const b of entries.slice(index + 1)) {
        if (sameActions(a.flow.actions, b.flow.actions) || !overlaps(a.match, b.match)) continue;
        found.push(`${formatFlow(a.flow)}\n${formatFlow(b.flow)}`);
      }
    });
  }
  return found;
}

it('finds a conflict where there is one', () => {
  const world = new World(1);
  const { flows } = compileAll(world.topology, plugged(world.topology, 'node1'))['br-int'];
  const pass = flows.find((flow) => flow.table === 60);
  if (pass === undefined) throw new Error('table 60 has a row');
  expect(conflicts([...flows, { ...pass, actions: [] }])).toHaveLength(1);
});

it('compiles no two flows of one table and priority that overlap and differ', () => {
  fc.assert(
    fc.property(fc.nat(), fc.boolean(), (seed, wired) => {
      const world = new World(seed, { ports: 16, rules: 20, wired });
      if (wired) for (let step = 0; step < 40; step += 1) world.step();
      const programs = compileAll(world.topology, plugged(world.topology, 'node1'));
      for (const bridge of BRIDGES) expect(conflicts(programs[bridge].flows)).toEqual([]);
    }),
    { numRuns: 60 },
  );
});

it('declares a reason for every row that drops, and keeps its priority to drops', () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 40; seed += 1) {
    const world = new World(seed);
    const programs = compileAll(world.topology, plugged(world.topology, 'node1'));
    for (const bridge of BRIDGES) {
      for (const flow of programs[bridge].flows) {
        const code = dropCode(flow, bridge);
        expect(code !== null, formatFlow(flow)).toBe(flow.actions.length === 0);
        const { table, priority } = flow;
        const declared = DROPS.some(
          (d) => d.bridge === bridge && d.table === table && d.priority === priority,
        );
        expect(declared, formatFlow(flow)).toBe(code !== null);
        if (code !== null) seen.add(code);
      }
    }
  }
  // Rows that hold a connection back are made of connections; a port not yet plugged and a node without a usable tunnel address do not occur in these worlds.
  const declared = new Set(DROPS.map((d) => d.code));
  declared.delete('connection_revoked');
  declared.delete('port_not_plugged');
  declared.delete('no_tunnel_to_node');
  expect(seen).toEqual(declared);
});
