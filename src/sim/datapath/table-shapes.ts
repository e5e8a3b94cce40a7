/** The tables of a bridge, as Open vSwitch searches them. */
import type { FlowKey } from '../../openflow/fields.ts';
import type { Flow } from '../../openflow/flow.ts';
import { AT, fragment } from '../words.ts';
import { TableShape } from './lookup.ts';

function byTable(flows: readonly Flow[]): Map<number, Flow[]> {
  const tables = new Map<number, Flow[]>();
  for (const flow of flows) {
    const table = tables.get(flow.table);
    if (table === undefined) tables.set(flow.table, [flow]);
    else table.push(flow);
  }
  return tables;
}

/** The tables of a bridge in the shape in which Open vSwitch searches them, made when asked for. */
export class TableShapes {
  readonly #flows: () => readonly Flow[];
  #byTable: Map<number, Flow[]> | undefined;
  readonly #shapes = new Map<number, TableShape>();

  /** @param flows In the order of a dump. */
  constructor(flows: () => readonly Flow[]) {
    this.#flows = flows;
  }

  table(number: number): TableShape {
    let shape = this.#shapes.get(number);
    if (shape === undefined) {
      this.#byTable ??= byTable(this.#flows());
      shape = new TableShape(this.#byTable.get(number) ?? []);
      this.#shapes.set(number, shape);
    }
    return shape;
  }
}

/** Of a fragment no table sees the ports. */
export function asLookedUp(key: FlowKey): FlowKey {
  if (fragment(key) === 0) return key;
  const blind = key.slice();
  blind[AT.ports] = 0;
  return blind;
}
