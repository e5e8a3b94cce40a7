/**
 * The two sessions that one bridge needs, as one: OpenFlow 1.4 for flows, since 1.5 has no `load`, and
 * 1.5 for groups, since only it knows bucket ids and selection methods. They live and end together.
 */
import type { Message } from '../../openflow/wire/index.ts';
import { errorName } from './errors.ts';
import { Session, type SessionOwner } from './session.ts';

/** No packet-in is cut: it takes nonzero for a service connection to get asynchronous messages at all. */
const WHOLE_PACKET = 0xffff;
/** Bits are reasons (OFPR): action, invalid_ttl, action_set, group, packet_out; not a table's miss. */
const PACKET_INS = 0b111110;
const PORT_CHANGES = 0b111;
const GROUPS_AND_METERS = 0b11;

/** What each session tells the switch before it is of use, by version. */
const SETTINGS: Readonly<Record<Session['version'], readonly Message[]>> = {
  14: [
    { kind: 'set_packet_in_format', format: 'nxt_packet_in2' },
    { kind: 'set_config', flags: 0, missSendLength: WHOLE_PACKET },
    {
      kind: 'set_async',
      packetIn: PACKET_INS,
      portStatus: PORT_CHANGES,
      flowRemoved: 0,
      requestForward: 0,
    },
    {
      kind: 'flow_monitor_request',
      id: 1,
      table: 0xff,
      match: [],
      initial: false,
      instructions: false,
      own: false,
    },
  ],
  // Group and meter changes are forwarded to every session but the one that asked for them.
  15: [
    { kind: 'set_config', flags: 0, missSendLength: WHOLE_PACKET },
    {
      kind: 'set_async',
      packetIn: 0,
      portStatus: 0,
      flowRemoved: 0,
      requestForward: GROUPS_AND_METERS,
    },
  ],
};

export interface LinkOwner {
  /** Both sockets are open. */
  connected(): void;
  /** The switch took the settings of both sessions. */
  agreed(): void;
  /** A message that nobody asked for, of either session. */
  message(message: Message): void;
  unreadable(error: unknown): void;
  /** Called once: both sessions are over. */
  lost(reason: string): void;
}

export class Link {
  readonly flows: Session;
  readonly groups: Session;
  readonly #owner: LinkOwner;
  #connected = 0;
  #agreed = 0;
  #over = false;

  constructor(path: string, probeMs: number, owner: LinkOwner) {
    this.#owner = owner;
    const sessions: SessionOwner = {
      connected: () => {
        this.#connected += 1;
        if (this.#connected === 2) owner.connected();
      },
      greeted: (session) => this.#configure(session),
      message: (message) => owner.message(message),
      unreadable: (error) => owner.unreadable(error),
      lost: (reason) => this.end(reason),
    };
    this.flows = new Session(path, 14, probeMs, sessions);
    this.groups = new Session(path, 15, probeMs, sessions);
  }

  end(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.flows.end(reason);
    this.groups.end(reason);
    this.#owner.lost(reason);
  }

  #configure(session: Session): void {
    const settings = SETTINGS[session.version];
    session.exchange(settings, settings.length).then(
      ({ refusals: [refused] }) => {
        if (refused !== undefined) {
          this.end(`the switch does not take our settings: ${errorName(refused.error)}`);
          return;
        }
        this.#agreed += 1;
        if (this.#agreed === 2) this.#owner.agreed();
      },
      (error: unknown) => this.end(String(error)),
    );
  }
}
