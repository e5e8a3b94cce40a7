/**
 * The DHCP server of every subnet (RFC 2131). It keeps no state: a port's addresses are in the
 * topology, so the same question gets the same answer on every node and after every restart.
 */
import {
  BOOT,
  decodeDhcpv4,
  DHCP_OPTION,
  DHCP_PORT,
  DHCP_TYPE,
  encodeDhcpv4,
  Malformed,
} from '../packet/index.ts';
import type { Dhcpv4 } from '../packet/index.ts';
import { malformed, reply, silence, type Answer, type Sent } from './answer.ts';
import { addressesIn, mayUseMac, type Client } from './client.ts';
import {
  echoed,
  ipOption,
  leaseTimes,
  nextServer,
  parameters,
  type Lease,
} from './dhcpv4-options.ts';
import { ends4, openIpv4, openUdp, sealUdp4 } from './envelope.ts';

const BROADCAST = { ip: 0xffff_ffffn, mac: 0xffff_ffff_ffffn } as const;

/**
 * Names the server where there is no gateway: from the part of link-local addresses that no host
 * gives itself (RFC 3927 §2.1). Nobody can reach it, so such clients renew by broadcast.
 */
const SERVER_WITHOUT_GATEWAY = 0xa9fe_0001n;

interface Request {
  readonly message: Dhcpv4;
  readonly leases: readonly [Lease, ...Lease[]];
}

function leasesOf(client: Client): Lease[] {
  return addressesIn(client, 4)
    .filter(({ subnet }) => subnet.enable_dhcp)
    .map((address) => ({
      address,
      server: address.gateway ?? SERVER_WITHOUT_GATEWAY,
      client,
    }));
}

/** An address in an option, null where the option is absent or no address. */
function addressOption({ options }: Dhcpv4, code: number): bigint | null {
  const data = options.get(code);
  if (data?.length !== 4) return null;
  return data.reduce((value, octet) => (value << 8n) | BigInt(octet), 0n);
}

const u8 = (value: number): Uint8Array => Uint8Array.of(value);

/** Who is to take the answer, and how (RFC 2131 §4.1): relays there are none. */
function destinationOf(request: Dhcpv4, yourAddress: bigint, refused: boolean) {
  const toMac = { mac: request.clientMac };
  if (refused) return { mac: BROADCAST.mac, destination: BROADCAST.ip };
  if (request.clientAddress !== 0n) return { ...toMac, destination: request.clientAddress };
  if (request.broadcast) return { mac: BROADCAST.mac, destination: BROADCAST.ip };
  return { ...toMac, destination: yourAddress };
}

function send(
  what: Sent,
  request: Dhcpv4,
  lease: Lease,
  fields: { readonly clientAddress: bigint; readonly yourAddress: bigint },
  options: Dhcpv4['options'],
): Answer {
  const payload = encodeDhcpv4({
    op: BOOT.reply,
    hops: 0,
    xid: request.xid,
    secs: 0,
    broadcast: request.broadcast,
    serverAddress: what === 'dhcp_nak' ? 0n : nextServer(lease),
    relayAddress: 0n,
    clientMac: request.clientMac,
    ...fields,
    options,
  });
  const route = {
    source: lease.server,
    ...destinationOf(request, fields.yourAddress, what === 'dhcp_nak'),
  };
  const ports = { sourcePort: DHCP_PORT.server, destinationPort: DHCP_PORT.client };
  return reply(what, sealUdp4(route, { ...ports, payload }));
}

const head = (type: number, lease: Lease): readonly (readonly [number, Uint8Array])[] => [
  [DHCP_OPTION.messageType, u8(type)],
  [DHCP_OPTION.serverId, ipOption(lease.server)],
];

function offer({ message, leases }: Request): Answer {
  const requested = addressOption(message, DHCP_OPTION.requestedAddress);
  const lease = leases.find(({ address }) => address.ip === requested) ?? leases[0];
  const options = [...head(DHCP_TYPE.offer, lease), ...leaseTimes(), ...echoed(message)];
  const fields = { clientAddress: 0n, yourAddress: lease.address.ip };
  return send('dhcp_offer', message, lease, fields, parameters(message, lease, options));
}

/** Selecting, rebooting, renewing or rebinding, told apart by what is filled in (RFC 2131 §4.3.2). */
function confirm({ message, leases }: Request): Answer {
  const server = addressOption(message, DHCP_OPTION.serverId);
  if (server !== null && !leases.some((lease) => lease.server === server)) {
    return silence('not_for_us', 'the client chose another server');
  }
  const { clientAddress } = message;
  const asked =
    clientAddress === 0n ? addressOption(message, DHCP_OPTION.requestedAddress) : clientAddress;
  if (asked === null) return silence('malformed', 'dhcpv4: a request for no address');
  const lease = leases.find(({ address }) => address.ip === asked);
  if (lease === undefined) {
    const [first] = leases;
    const options = new Map([...head(DHCP_TYPE.nak, first), ...echoed(message)]);
    return send('dhcp_nak', message, first, { clientAddress: 0n, yourAddress: 0n }, options);
  }
  const options = [...head(DHCP_TYPE.ack, lease), ...leaseTimes(), ...echoed(message)];
  const fields = { clientAddress, yourAddress: asked };
  return send('dhcp_ack', message, lease, fields, parameters(message, lease, options));
}

/** Who has its address by other means wants the rest: without lease times (RFC 2131 §4.3.5). */
function inform({ message, leases }: Request): Answer {
  const { clientAddress } = message;
  const lease = leases.find(({ address }) => address.ip === clientAddress);
  if (lease === undefined) return silence('not_its_own', 'it informs from an address not its own');
  const options = [...head(DHCP_TYPE.ack, lease), ...echoed(message)];
  const fields = { clientAddress, yourAddress: 0n };
  return send('dhcp_ack', message, lease, fields, parameters(message, lease, options));
}

/** An address stays the port's whatever its VM says of it. */
const noted = (detail: string) => (): Answer => silence('none_due', detail);

const HANDLERS = new Map<number, (request: Request) => Answer>([
  [DHCP_TYPE.discover, offer],
  [DHCP_TYPE.request, confirm],
  [DHCP_TYPE.inform, inform],
  [DHCP_TYPE.decline, noted('the client found its address in use')],
  [DHCP_TYPE.release, noted('the client gave its address back')],
]);

/** Answers what a client broadcasts or sends to its server. */
export function answerDhcpv4(bytes: Uint8Array, client: Client): Answer {
  const opened = openIpv4(bytes);
  if (opened instanceof Malformed) return malformed(opened);
  const { frame, ip } = opened;
  if (ip.moreFragments || ip.fragmentOffset > 0) return silence('malformed', 'ipv4: a fragment');
  const ports = [DHCP_PORT.client, DHCP_PORT.server] as const;
  const udp = openUdp(ip.protocol, ip.payload, ends4(ip), ports);
  if (udp instanceof Malformed) return malformed(udp);
  const message = decodeDhcpv4(udp.payload);
  if (message instanceof Malformed) return malformed(message);
  if (message.op !== BOOT.request) return silence('malformed', `dhcpv4: op is ${message.op}`);
  if (message.relayAddress !== 0n) return silence('not_for_us', 'it comes from a relay');

  const own = addressesIn(client, 4).some((address) => address.ip === ip.source);
  if (
    message.clientMac !== client.mac ||
    !mayUseMac(client, frame.source) ||
    (ip.source !== 0n && !own)
  ) {
    return silence('not_its_own');
  }
  const [first, ...others] = leasesOf(client);
  if (first === undefined) return silence('not_served');
  const leases = [first, ...others] as const;
  if (ip.destination !== BROADCAST.ip && !leases.some(({ server }) => server === ip.destination)) {
    return silence('not_for_us', 'it is for another address');
  }
  const [type = 0] = message.options.get(DHCP_OPTION.messageType) ?? [];
  const handler = HANDLERS.get(type);
  if (handler === undefined) return silence('malformed', `dhcpv4: message type ${type}`);
  return handler({ message, leases });
}
