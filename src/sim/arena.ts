import { KEY_WORDS, type FlowKey } from '../openflow/fields.ts';

/** Fewer than one bridge takes of a packet that goes all the way, more than one that it merely crosses. */
const KEYS_A_CHUNK = 12;
const CHUNK_BYTES = KEYS_A_CHUNK * KEY_WORDS * Uint32Array.BYTES_PER_ELEMENT;

/**
 * Copies of flow keys, many to one allocation: an array of its own for each costs several times as
 * much as all else that a table visit does. The copies live as long as any of them.
 */
export class KeyArena {
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
