import type { FlowKey } from '../../openflow/fields.ts';
import { AT } from '../words.ts';

/** Words of what a packet that comes back keeps beside its headers: pipeline and tunnel. */
const KEPT: readonly (readonly [from: number, to: number])[] = [
  [AT.registers, AT.tunnelDestination + 1],
  [AT.tunnelIpv6Source, AT.mpls],
];

interface Given {
  readonly id: number;
  /** Place of the pass until which somebody waits for it. */
  until: number;
}

/**
 * Numbers of recirculations. What waits in the same state for the same table shares one, as long as
 * anything waits for it (recirc_alloc_id_ctx() in ofproto-dpif-rid.c).
 */
export class Recirculations {
  #last = 0;
  /** Place, in the order of translation, of the pass that is being composed. */
  #now = 0;
  readonly #given = new Map<string, Given>();
  readonly #places: ReadonlyMap<number, number>;
  readonly #ofPass = new Map<number, number>();

  /** @param order The passes in the order of their translation. */
  constructor(order: readonly number[]) {
    this.#places = new Map(order.map((pass, place) => [pass, place]));
  }

  /** From here on the actions of `pass` are composed. */
  begin(pass: number): void {
    this.#now = this.#places.get(pass) ?? this.#now;
  }

  /** For what only this pass knows of: a packet in, or a way that is not followed. */
  aside(key: FlowKey, state: string): number {
    return this.#give(`${state};${kept(key)}`, this.#now);
  }

  /** For the packet of `pass`, which comes back into `table`. */
  fork(pass: number, table: number | null, key: FlowKey): number {
    const id = this.#give(`table ${table};${kept(key)}`, this.#places.get(pass) ?? this.#now);
    this.#ofPass.set(pass, id);
    return id;
  }

  /** What the packet of `pass` came back with; 0: it came in by a port. */
  of(pass: number): number {
    return this.#ofPass.get(pass) ?? 0;
  }

  #give(state: string, until: number): number {
    const known = this.#given.get(state);
    if (known !== undefined && known.until >= this.#now) {
      known.until = Math.max(known.until, until);
      return known.id;
    }
    this.#last += 1;
    this.#given.set(state, { id: this.#last, until });
    return this.#last;
  }
}

function kept(key: FlowKey): string {
  return KEPT.map(([from, to]) => key.subarray(from, to).join()).join(';');
}
