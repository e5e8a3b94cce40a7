import { KEY_WORDS, type FlowKey } from '../openflow/fields.ts';

const KEY_BYTES = KEY_WORDS * Uint32Array.BYTES_PER_ELEMENT;
/** Fewer than one bridge takes of a packet that goes all the way, more than one that it merely crosses. */
const KEYS_A_CHUNK = 12;

/**
 * Copies of flow keys, many to one allocation: an array of its own for each costs several times as
 * much as all else that a table visit does. The copies live as long as any of them.
 */
export class KeyArena {
  #chunk = new ArrayBuffer(KEY_BYTES * KEYS_A_CHUNK);
  #used = 0;

  copy(key: FlowKey): FlowKey {
    if (this.#used === this.#chunk.byteLength) {
      this.#chunk = new ArrayBuffer(KEY_BYTES * KEYS_A_CHUNK);
      this.#used = 0;
    }
    const copy = new Uint32Array(this.#chunk, this.#used, KEY_WORDS);
    this.#used += KEY_BYTES;
    copy.set(key);
    return copy;
  }
}
