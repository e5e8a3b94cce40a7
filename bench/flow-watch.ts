/** Hears of a switch's flows from the switch itself, on a connection of its own. */
import { join } from 'node:path';
import { formatIp } from '../src/address/index.ts';
import { Session } from '../src/net/openflow/session.ts';
import type { FlowUpdate, Message } from '../src/openflow/wire/index.ts';
import { PRIORITY } from '../src/pipeline/priorities.ts';

/** Where every address that is bound somewhere has a row on each node of its VPC. */
const FORWARD = 120;
/** Of the rows that lead to a port, here or elsewhere; others say why none can be reached. */
const LEADING: ReadonlySet<number> = new Set([PRIORITY.forward.local, PRIORITY.forward.remote]);
const PROBE_MS = 60_000;

const MONITOR: Message = {
  kind: 'flow_monitor_request',
  id: 1,
  table: FORWARD,
  match: [],
  initial: false,
  instructions: false,
  own: false,
};

export interface Move {
  readonly event: 'added' | 'removed';
  /** IPv4. */
  readonly address: string;
  /** Milliseconds of `performance.now()`. */
  readonly at: number;
}

/** What an update means for the address that its row leads to. */
function moveOf(update: FlowUpdate, at: number): Move | null {
  if (update.event !== 'added' && update.event !== 'removed') return null;
  if (update.flow === null || !LEADING.has(update.flow.priority)) return null;
  const term = update.flow.match.find(({ field }) => field.name === 'ip_dst');
  if (term === undefined) return null;
  return { event: update.event, address: formatIp({ version: 4, value: term.value }), at };
}

/**
 * Tells of each row of br-int that comes or goes for an address. A change of the agent's goes in as a
 * whole, so the row stands for all flows that come or go with it.
 */
export class FlowWatch {
  readonly #session: Session;

  private constructor(session: Session) {
    this.#session = session;
  }

  static open(rundir: string, moved: (move: Move) => void): Promise<FlowWatch> {
    return new Promise((resolve, reject) => {
      const message = (it: Message): void => {
        if (it.kind !== 'flow_monitor_reply') return;
        const at = performance.now();
        for (const update of it.updates) {
          const move = moveOf(update, at);
          if (move !== null) moved(move);
        }
      };
      const session = new Session(join(rundir, 'br-int.mgmt'), 14, PROBE_MS, {
        connected: () => undefined,
        greeted: () => {
          session.exchange([MONITOR], 1).then(() => resolve(new FlowWatch(session)), reject);
        },
        message,
        unreadable: reject,
        lost: (reason) => reject(new Error(reason)),
      });
    });
  }

  close(): void {
    this.#session.end('the measurement is over');
  }
}
