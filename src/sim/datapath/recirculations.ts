import type { FlowKey } from '../../openflow/fields.ts';
import { sameData } from '../../openflow/identity.ts';
import type { Kept } from '../types.ts';
import { AT, OPTION_WORDS } from '../words.ts';

/** Words of what a packet that comes back keeps beside its headers: pipeline and tunnel. */
const KEPT: readonly (readonly [from: number, to: number])[] = [
  [AT.registers, AT.tunnelDestination + 1],
  [AT.tunnelIpv6Source, AT.mpls],
  [AT.optionsPresent, AT.options + OPTION_WORDS],
];

/** What waits. */
interface Waiting {
  readonly key: FlowKey;
  readonly kept: Kept;
}

interface Given extends Waiting {
  readonly id: number;
  readonly state: string;
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
  /** The latest of each state. */
  readonly #given: Given[] = [];
  /** By pass. */
  readonly #places: number[] = [];
  readonly #ofPass: number[] = [];

  /** @param order The passes in the order of their translation. */
  constructor(order: readonly number[]) {
    for (let place = 0; place < order.length; place += 1) this.#places[order[place] ?? 0] = place;
  }

  /** From here on the actions of `pass` are composed. */
  begin(pass: number): void {
    this.#now = this.#places[pass] ?? this.#now;
  }

  /** For what only this pass knows of: a packet in, or a way that is not followed. */
  aside(waiting: Waiting, state: string): number {
    return this.#give(waiting, state, this.#now);
  }

  /** For the packet of `pass`, which comes back into `table`. */
  fork(pass: number, table: number | null, waiting: Waiting): number {
    const id = this.#give(waiting, `table ${table}`, this.#places[pass] ?? this.#now);
    this.#ofPass[pass] = id;
    return id;
  }

  /** What the packet of `pass` came back with; 0: it came in by a port. */
  of(pass: number): number {
    return this.#ofPass[pass] ?? 0;
  }

  #give({ key, kept }: Waiting, state: string, until: number): number {
    const known = this.#given.findIndex(
      (given) => given.state === state && sameData(given.kept, kept) && sameFields(given.key, key),
    );
    const given = this.#given[known];
    if (given !== undefined && given.until >= this.#now) {
      given.until = Math.max(given.until, until);
      return given.id;
    }
    this.#last += 1;
    this.#given[known === -1 ? this.#given.length : known] = {
      id: this.#last,
      state,
      key,
      kept,
      until,
    };
    return this.#last;
  }
}

function sameFields(a: FlowKey, b: FlowKey): boolean {
  for (const [from, to] of KEPT) {
    for (let word = from; word < to; word += 1) if (a[word] !== b[word]) return false;
  }
  return true;
}
