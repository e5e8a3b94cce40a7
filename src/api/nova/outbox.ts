/** The events that wait in the store, in the order of sending, and who sends them. */
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { TreeOp } from '../../base/tree.ts';
import { NOVA_EVENTS, NOVA_SENDER, type QueuedEvent } from '../../model/nova-events.ts';
import { ROOT } from '../../model/tree.ts';
import { RevisionGone, type Store, StoreConflict, type Watch } from '../../store/contract.ts';

const EVENTS = `${ROOT}/${NOVA_EVENTS}`;

const Queued = Compile(
  Type.Object({
    order: Type.Number(),
    event: Type.Object({
      server_uuid: Type.String(),
      name: Type.Union([
        Type.Literal('network-vif-plugged'),
        Type.Literal('network-vif-unplugged'),
        Type.Literal('network-vif-deleted'),
        Type.Literal('network-changed'),
      ]),
      status: Type.Optional(Type.Union([Type.Literal('completed'), Type.Literal('failed')])),
      tag: Type.String(),
    }),
  }),
);
const Sender = Compile(Type.Object({ server: Type.String() }));

export interface Waiting extends QueuedEvent {
  readonly path: string;
}

interface Claimed {
  readonly server: string;
  readonly version: number;
}

type Entry = { readonly path: string; readonly value: string | null; readonly version: number };

export class Outbox {
  readonly #store: Store;
  readonly #changed: () => void;
  readonly #waiting = new Map<string, Waiting>();
  #watch: Watch | null = null;
  #sender: Claimed | null = null;
  /** Counts what shows that the sender lives: events taken away, its claim renewed. */
  #progress = 0;

  private constructor(store: Store, changed: () => void) {
    this.#store = store;
    this.#changed = changed;
  }

  /** Follows the store until `close`; `changed` is called when there is something new. */
  static async open(store: Store, changed: () => void): Promise<Outbox> {
    const outbox = new Outbox(store, changed);
    await outbox.#follow();
    return outbox;
  }

  /** Who sends; null: nobody yet. */
  get sender(): string | null {
    return this.#sender?.server ?? null;
  }

  get progress(): number {
    return this.#progress;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** The next events, in their order: that of the commits, or as far as that is not known of planning. */
  first(count: number): Waiting[] {
    const next: Waiting[] = [];
    for (const event of this.#waiting.values()) {
      if (next.length === count) break;
      next.push(event);
    }
    return next;
  }

  /**
   * Makes `server` the one that sends, or lives on as such.
   * @returns false when another was quicker.
   */
  claim(server: string): Promise<boolean> {
    const value = JSON.stringify({ server });
    const held = this.#sender;
    return this.#try([
      held === null
        ? { op: 'create', path: NOVA_SENDER, value }
        : { op: 'set', path: NOVA_SENDER, value, version: held.version },
    ]);
  }

  /** Takes events out, each that is still there. */
  async remove(events: readonly Waiting[]): Promise<void> {
    const ops = events.map(({ path }): TreeOp => ({ op: 'delete', path }));
    if (await this.#try(ops)) return;
    for (const op of ops) await this.#try([op]);
  }

  close(): void {
    this.#watch?.close();
  }

  async #try(ops: readonly TreeOp[]): Promise<boolean> {
    try {
      await this.#store.multi(ops);
      return true;
    } catch (error) {
      if (error instanceof StoreConflict) return false;
      throw error;
    }
  }

  async #follow(): Promise<void> {
    for (;;) {
      // The events are those of a later revision: the commits in between, told anew, change nothing.
      const sender = await this.#store.snapshot(NOVA_SENDER);
      const events = await this.#store.snapshot(EVENTS);
      this.#waiting.clear();
      this.#sender = null;
      for (const entry of [...sender.entries, ...events.entries]) this.#take(entry);
      const inOrder = [...this.#waiting].sort(([, a], [, b]) => a.order - b.order);
      this.#waiting.clear();
      for (const [path, event] of inOrder) this.#waiting.set(path, event);
      try {
        this.#watch = this.#store.watch(sender.revision, ({ changes }) => {
          let news = false;
          for (const change of changes) news = this.#take(change) || news;
          if (news) this.#changed();
        });
        return;
      } catch (error) {
        if (!(error instanceof RevisionGone)) throw error;
      }
    }
  }

  /** Whether the entry is of concern here. */
  #take({ path, value, version }: Entry): boolean {
    if (path === NOVA_SENDER) {
      const said: unknown = value === null ? null : JSON.parse(value);
      this.#sender = Sender.Check(said) ? { server: said.server, version } : null;
      this.#progress += 1;
      return true;
    }
    if (!path.startsWith(`${EVENTS}/`)) return false;
    if (value === null) {
      this.#waiting.delete(path);
      this.#progress += 1;
      return true;
    }
    const queued: unknown = JSON.parse(value);
    if (Queued.Check(queued)) this.#waiting.set(path, { ...queued, path });
    return true;
  }
}
