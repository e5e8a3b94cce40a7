import { KEY_WORDS, type FlowKey } from '../openflow/fields.ts';

/** What some ten packets take on their way through a bridge: an allocation is dear, memory is not. */
const KEYS_A_CHUNK = 128;
const CHUNK_BYTES = KEYS_A_CHUNK * KEY_WORDS * Uint32Array.BYTES_PER_ELEMENT;

/** Where an execution puts its copies of the packet's key. */
export interface Keys {
  copy(key: FlowKey): FlowKey;
}

/**
 * Copies of flow keys, many to one allocation: an array of its own for each costs several times as
 * much as all else that a table visit does. The copies of a chunk live as long as any of them.
 */
export class KeyArena implements Keys {
  #chunk = new ArrayBuffer(CHUNK_BYTES);
  #used = 0;

  copy(key: FlowKey): FlowKey {
    if (this.#used + key.byteLength > CHUNK_BYTES) {
      this.#chunk = new ArrayBuffer(CHUNK_BYTES);
      this.#used = 0;
    }
    const copy = new Uint32Array(this.#chunk, this.#used, key.length);
    this.#used += key.byteLength;
    copy.set(key);
    return copy;
  }
}

/** Copies that are used again for the next packet, for those who are done with the last one's by then. */
export class KeyPool implements Keys {
  readonly #keys: FlowKey[] = [];
  #used = 0;

  copy(key: FlowKey): FlowKey {
    const known = this.#keys[this.#used];
    const copy = known?.length === key.length ? known : new Uint32Array(key.length);
    copy.set(key);
    this.#keys[this.#used] = copy;
    this.#used += 1;
    return copy;
  }

  /** Takes all copies back. */
  recall(): void {
    this.#used = 0;
  }
}
