/** The life of a channel as a table: what may follow what. */

/**
 * `connecting`: the socket is being opened; `negotiating`: versions and settings are being agreed on;
 * `ready`: the switch takes requests; `waiting`: until the next attempt; `closed`: for good.
 */
export type ChannelState = 'connecting' | 'negotiating' | 'ready' | 'waiting' | 'closed';

/**
 * `connected`: the socket is open; `agreed`: the switch took our settings; `lost`: refused, hung up or
 * silent; `due`: the wait is over; `close`: the owner wants no more.
 */
export type ChannelInput = 'connected' | 'agreed' | 'lost' | 'due' | 'close';

const NEXT: Readonly<Record<ChannelState, Readonly<Partial<Record<ChannelInput, ChannelState>>>>> =
  {
    connecting: { connected: 'negotiating', lost: 'waiting', close: 'closed' },
    negotiating: { agreed: 'ready', lost: 'waiting', close: 'closed' },
    ready: { lost: 'waiting', close: 'closed' },
    waiting: { due: 'connecting', close: 'closed' },
    closed: {},
  };

/** The state after `input`, null where `input` has no meaning: it came too late and is to be passed over. */
export function nextState(state: ChannelState, input: ChannelInput): ChannelState | null {
  return NEXT[state][input] ?? null;
}

const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 2000;

/** Milliseconds to wait before the next attempt after `failures` (1 …) in a row: 50 to 2000, doubling. */
export function waitAfter(failures: number): number {
  return Math.min(FIRST_WAIT_MS * 2 ** (failures - 1), LONGEST_WAIT_MS);
}
