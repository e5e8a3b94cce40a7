/** What comes of a packet that a VM sent to its network. */
import type { Malformed } from '../packet/index.ts';
import type { Client } from './client.ts';

export type Sent =
  | 'dhcp_offer'
  | 'dhcp_ack'
  | 'dhcp_nak'
  | 'dhcpv6_advertise'
  | 'dhcpv6_reply'
  | 'router_advertisement'
  | 'neighbour_advertisement'
  | 'time_exceeded';

export type Silence =
  /** The bytes are no message of the protocol. */
  | 'malformed'
  /** It bears a source that is not the port's: no row should have let it through. */
  | 'not_its_own'
  /** The port has no address that is given out by this protocol. */
  | 'not_served'
  /** Meant for another server, a relay, or an address that nobody answers for. */
  | 'not_for_us'
  /** The protocol wants no answer. */
  | 'none_due'
  /** Nothing is known of such packets. */
  | 'unknown_purpose';

export type Answer =
  | { readonly kind: 'reply'; readonly what: Sent; readonly frame: Uint8Array }
  | { readonly kind: 'silence'; readonly why: Silence; readonly detail?: string };

/** Never throws, whatever the frame; the client is the port that sent it. */
export type Responder = (frame: Uint8Array, client: Client) => Answer;

export const reply = (what: Sent, frame: Uint8Array): Answer => ({ kind: 'reply', what, frame });

export const silence = (why: Silence, detail?: string): Answer =>
  detail === undefined ? { kind: 'silence', why } : { kind: 'silence', why, detail };

export const malformed = ({ protocol, why }: Malformed): Answer =>
  silence('malformed', `${protocol}: ${why}`);
