import { PURPOSE } from '../pipeline/registers.ts';
import { silence, type Answer, type Responder } from './answer.ts';
import type { Client } from './client.ts';
import { answerDhcpv4 } from './dhcpv4.ts';
import { answerDhcpv6 } from './dhcpv6.ts';
import { answerExpired } from './expired.ts';
import { answerNeighbourSolicitation } from './neighbour.ts';
import { answerRouterSolicitation } from './router.ts';

const BY_PURPOSE = new Map<number, Responder>([
  [PURPOSE.dhcp, answerDhcpv4],
  [PURPOSE.dhcpv6, answerDhcpv6],
  [PURPOSE.routerSolicitation, answerRouterSolicitation],
  [PURPOSE.neighbourSolicitation, answerNeighbourSolicitation],
]);

/** A packet that the switch sent to the agent. */
export interface PacketToAgent {
  readonly reason: 'action' | 'invalid_ttl';
  /** One of PURPOSE where a flow sent it; nothing where its TTL ran out. */
  readonly userdata: Uint8Array;
  /** From the Ethernet header on. */
  readonly frame: Uint8Array;
}

/**
 * The answer to a packet of `client`, as a frame for the port that it came from. Pure and total:
 * hostile bytes are silence with a reason, never an error. The sources in the frame are checked
 * against the port once more, although table 0 did.
 */
export function respond(packet: PacketToAgent, client: Client): Answer {
  if (packet.reason === 'invalid_ttl') return answerExpired(packet.frame, client);
  const [purpose] = packet.userdata;
  const responder = purpose === undefined ? undefined : BY_PURPOSE.get(purpose);
  if (responder === undefined) return silence('unknown_purpose', `userdata ${purpose}`);
  return responder(packet.frame, client);
}
