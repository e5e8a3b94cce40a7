/** Neighbour discovery: the VPC's router answers for everybody, as the ARP responder does in IPv4. */
import { linkLocalFromMac, prefixContains } from '../address/index.ts';
import { encodeNd, Malformed } from '../packet/index.ts';
import { MAC } from '../pipeline/registers.ts';
import { malformed, reply, silence, type Answer } from './answer.ts';
import { addressesIn, macs, mayAsk, type Client } from './client.ts';
import {
  ALL_NODES,
  GATEWAY_LINK_LOCAL,
  isMulticast6,
  LINK_HOP_LIMIT,
  openNd,
  sealIcmpv6,
  UNSPECIFIED,
} from './envelope.ts';

/** ff02::1:ff00:0/104 (RFC 4291 §2.7.1). */
const isSolicitedNode = (ip: bigint): boolean => ip >> 24n === 0xff02_0000_0000_0000_0000_0001_ffn;

/**
 * Addresses that the asker itself has: answered, they would look like duplicates. One that it
 * merely may use can be in use by another port, so only the asker's probe of it stays unanswered.
 */
function isItsOwn(client: Client, target: bigint, probes: boolean): boolean {
  if (addressesIn(client, 6).some(({ ip }) => ip === target)) return true;
  if (macs(client).some((mac) => linkLocalFromMac(mac) === target)) return true;
  const ip = { version: 6, value: target } as const;
  return probes && client.lent.some(({ prefix }) => prefixContains(prefix, ip));
}

const isGateway = (client: Client, target: bigint): boolean =>
  target === GATEWAY_LINK_LOCAL || addressesIn(client, 6).some(({ gateway }) => gateway === target);

/** Of link-local addresses only the gateway's leads anywhere: the VPC is no link. */
const isOnLink = (client: Client, target: bigint): boolean =>
  addressesIn(client, 6).some(({ prefix }) =>
    prefixContains(prefix, { version: 6, value: target }),
  );

/** Answers a neighbour solicitation (RFC 4861 §7.1.1, §7.2.4). */
export function answerNeighbourSolicitation(bytes: Uint8Array, client: Client): Answer {
  const opened = openNd(bytes);
  if (opened instanceof Malformed) return malformed(opened);
  const { frame, ip, message } = opened;
  const probes = ip.source === UNSPECIFIED;
  if (
    message.kind !== 'neighbour_solicitation' ||
    isMulticast6(message.target) ||
    (probes && !isSolicitedNode(ip.destination)) ||
    (probes && message.options.some(({ kind }) => kind === 'source_mac'))
  ) {
    return silence('malformed', 'nd: no proper neighbour solicitation');
  }
  if (!mayAsk(client, frame.source, ip.source)) return silence('not_its_own');
  const { target } = message;
  if (isItsOwn(client, target, probes)) return silence('none_due', 'it asks for its own address');
  const router = isGateway(client, target);
  if (!router && !isOnLink(client, target)) return silence('not_for_us', 'nobody has the address');

  const advertisement = encodeNd({
    kind: 'neighbour_advertisement',
    router,
    solicited: !probes,
    override: true,
    target,
    options: [{ kind: 'target_mac', mac: MAC.vpc }],
  });
  const to = probes
    ? { mac: ALL_NODES.mac, destination: ALL_NODES.ip }
    : { mac: frame.source, destination: ip.source };
  const answer = sealIcmpv6({ ...to, source: target }, advertisement, LINK_HOP_LIMIT);
  return reply('neighbour_advertisement', answer);
}
