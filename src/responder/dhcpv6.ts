/**
 * The DHCPv6 server (RFC 8415): addresses where the subnet's mode is dhcpv6-stateful or, as
 * Neutron has it, none at all; other configuration in dhcpv6-stateless too; nothing for slaac.
 * Stateless like its IPv4 sister.
 */
import { uuidToBigint } from '../base/ids.ts';
import { parseIp } from '../address/index.ts';
import type { Subnet } from '../model/objects.ts';
import { assemble } from '../packet/assemble.ts';
import { writeDomain } from '../packet/domain.ts';
import {
  decodeDhcpv6,
  decodeIa,
  decodeIaAddress,
  decodeIaTa,
  DHCPV6_OPTION,
  DHCPV6_PORT,
  DHCPV6_STATUS,
  DHCPV6_TYPE,
  encodeDhcpv6,
  encodeIa,
  encodeIaAddress,
  encodeIaTa,
  Malformed,
} from '../packet/index.ts';
import type { Dhcpv6, Dhcpv6Option } from '../packet/index.ts';
import { malformed, reply, silence, type Answer } from './answer.ts';
import { addressesIn, maySendAs, type Client, type FixedAddress } from './client.ts';
import {
  ends6,
  GATEWAY_LINK_LOCAL,
  isMulticast6,
  openIpv6,
  openUdp,
  sealUdp6,
} from './envelope.ts';
import { LEASE_SECONDS } from './lease.ts';

/** DUID-UUID (RFC 6355): the VPC's, so that a VM knows its server again on every node. */
const DUID_UUID = 4;
/** Bytes (RFC 8415 §11.1). */
const LONGEST_DUID = 130;
/** Associations of a message, and addresses of one, that are looked at: an answer has to fit a frame. */
const MOST_LISTED = 8;
/** Above all others: the client need not wait for a better offer (RFC 8415 §18.2.1). */
const PREFERENCE = 255;

type Role = 'addresses' | 'configuration';

/** What Neutron's DHCP agent does for a subnet. */
function roleOf(subnet: Subnet): Role | null {
  const { enable_dhcp, ipv6_address_mode: mode, ipv6_ra_mode } = subnet;
  if (!enable_dhcp) return null;
  if (mode === 'dhcpv6-stateful' || (mode === null && ipv6_ra_mode === null)) return 'addresses';
  return mode === 'dhcpv6-stateless' ? 'configuration' : null;
}

interface Request {
  readonly message: Dhcpv6;
  readonly client: Client;
  /** What the port is given. */
  readonly addresses: readonly FixedAddress[];
  /** The subnets that configuration comes from. */
  readonly subnets: readonly Subnet[];
  readonly serverId: Uint8Array;
}

const serverIdOf = ({ birthVpc }: Client): Uint8Array =>
  assemble((writer) => writer.u16(DUID_UUID).uint(uuidToBigint(birthVpc), 128));

const find = ({ options }: Dhcpv6, code: number): Uint8Array | undefined =>
  options.find((option) => option.code === code)?.data;

const equal = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, index) => byte === b[index]);

const status = (code: number): Dhcpv6Option => ({
  code: DHCPV6_OPTION.status,
  data: assemble((writer) => writer.u16(code)),
});

/** Addresses that an association lists; malformed ones are not there. */
function listed(options: readonly Dhcpv6Option[]): bigint[] {
  const addresses = options.flatMap(({ code, data }) => {
    if (code !== DHCPV6_OPTION.iaAddress) return [];
    const address = decodeIaAddress(data);
    return address instanceof Malformed ? [] : address.address;
  });
  return addresses.slice(0, MOST_LISTED);
}

const iaAddress = (address: bigint, seconds: number): Dhcpv6Option => ({
  code: DHCPV6_OPTION.iaAddress,
  data: encodeIaAddress({ address, preferred: seconds, valid: seconds }),
});

/**
 * An association with all of the port's addresses, or with the news that there are none; what the
 * client holds beside them is taken from it (RFC 8415 §18.3.4).
 */
function associate(data: Uint8Array, addresses: readonly FixedAddress[]): Dhcpv6Option[] {
  const ia = decodeIa(data);
  if (ia instanceof Malformed) return [];
  const given = addresses.map(({ ip }) => ip);
  const stale = listed(ia.options).filter((address) => !given.includes(address));
  const options = [
    ...given.map((address) => iaAddress(address, LEASE_SECONDS)),
    ...stale.map((address) => iaAddress(address, 0)),
    ...(given.length === 0 ? [status(DHCPV6_STATUS.noAddrsAvail)] : []),
  ];
  // Half and four fifths (RFC 8415 §21.4).
  const t1 = given.length === 0 ? 0 : LEASE_SECONDS / 2;
  const t2 = given.length === 0 ? 0 : (LEASE_SECONDS * 4) / 5;
  return [{ code: DHCPV6_OPTION.iaNa, data: encodeIa({ iaid: ia.iaid, t1, t2, options }) }];
}

function refusePrefix(data: Uint8Array): Dhcpv6Option[] {
  const ia = decodeIa(data);
  if (ia instanceof Malformed) return [];
  const options = [status(DHCPV6_STATUS.noPrefixAvail)];
  return [{ code: DHCPV6_OPTION.iaPd, data: encodeIa({ iaid: ia.iaid, t1: 0, t2: 0, options }) }];
}

function refuseTemporary(data: Uint8Array): Dhcpv6Option[] {
  const ia = decodeIaTa(data);
  if (ia instanceof Malformed) return [];
  const options = [status(DHCPV6_STATUS.noAddrsAvail)];
  return [{ code: DHCPV6_OPTION.iaTa, data: encodeIaTa(ia.iaid, options) }];
}

const ASSOCIATIONS: ReadonlySet<number> = new Set([
  DHCPV6_OPTION.iaNa,
  DHCPV6_OPTION.iaTa,
  DHCPV6_OPTION.iaPd,
]);

/** The first association gets what there is; a port's addresses are not split among several. */
function associations({ message, addresses }: Request): Dhcpv6Option[] {
  let left = addresses;
  const asked = message.options.filter(({ code }) => ASSOCIATIONS.has(code));
  return asked.slice(0, MOST_LISTED).flatMap(({ code, data }) => {
    if (code === DHCPV6_OPTION.iaPd) return refusePrefix(data);
    if (code === DHCPV6_OPTION.iaTa) return refuseTemporary(data);
    const association = associate(data, left);
    if (association.length > 0) left = [];
    return association;
  });
}

interface Parameter {
  readonly code: number;
  readonly value: (request: Request) => Uint8Array | null;
}

const PARAMETERS: readonly Parameter[] = [
  {
    code: DHCPV6_OPTION.dnsServers,
    value: ({ subnets }) => {
      const servers = new Set(subnets.flatMap((subnet) => subnet.dns_nameservers));
      if (servers.size === 0) return null;
      return assemble((writer) => {
        for (const server of servers) writer.uint(parseIp(server).value, 128);
      });
    },
  },
  {
    code: DHCPV6_OPTION.domainList,
    value: ({ client }) => assemble((writer) => writeDomain(writer, client.domain)),
  },
  {
    code: DHCPV6_OPTION.informationRefresh,
    value: () => assemble((writer) => writer.u32(LEASE_SECONDS)),
  },
];

/** Bytes of a port's own options that are told: an answer has to fit a frame. */
const EXTRA_BYTES = 1000;

/** Whoever gave a port options of its own wants it to have them, listed by the client or not. */
function ownOptions({ client }: Request): Dhcpv6Option[] {
  let room = EXTRA_BYTES;
  return [...client.extra[6]].flatMap(([code, data]) => {
    if (data === null || data.length + 4 > room) return [];
    room -= data.length + 4;
    return { code, data };
  });
}

/** What the client's option request lists; all of it to one that sent no list. */
function configuration(request: Request): Dhcpv6Option[] {
  const { message, client } = request;
  const list = find(message, DHCPV6_OPTION.optionRequest);
  const isWanted = (code: number) => {
    if (list === undefined) return true;
    for (let at = 0; at + 1 < list.length; at += 2) {
      if (((list[at] ?? 0) << 8) + (list[at + 1] ?? 0) === code) return true;
    }
    return false;
  };
  const common = PARAMETERS.flatMap(({ code, value }) => {
    const data = isWanted(code) && !client.extra[6].has(code) ? value(request) : null;
    return data === null ? [] : { code, data };
  });
  return [...ownOptions(request), ...common];
}

/** A message's type and what it says. */
type Said = { readonly type: number; readonly options: readonly Dhcpv6Option[] } | Answer;

const say = (type: number, ...options: readonly Dhcpv6Option[]): Said => ({ type, options });

function solicited(request: Request): Said {
  const settled = [...associations(request), ...configuration(request)];
  if (find(request.message, DHCPV6_OPTION.rapidCommit) !== undefined) {
    const rapid = { code: DHCPV6_OPTION.rapidCommit, data: new Uint8Array() };
    return say(DHCPV6_TYPE.reply, rapid, ...settled);
  }
  const preference = { code: DHCPV6_OPTION.preference, data: Uint8Array.of(PREFERENCE) };
  return say(DHCPV6_TYPE.advertise, preference, ...settled);
}

const granted = (request: Request): Said =>
  say(DHCPV6_TYPE.reply, ...associations(request), ...configuration(request));

/** A client that woke up on this link: are its addresses still right (RFC 8415 §18.3.3)? */
function confirmed({ message, addresses }: Request): Said {
  const held = message.options.flatMap(({ code, data }) => {
    const ia = code === DHCPV6_OPTION.iaNa ? decodeIa(data) : null;
    return ia === null || ia instanceof Malformed ? [] : listed(ia.options);
  });
  if (held.length === 0) return silence('none_due', 'it confirms no address');
  const right = held.every((address) => addresses.some(({ ip }) => ip === address));
  return say(DHCPV6_TYPE.reply, status(DHCPV6_STATUS[right ? 'success' : 'notOnLink']));
}

/** An address stays the port's whatever its VM says of it. */
const noted = (): Said => say(DHCPV6_TYPE.reply, status(DHCPV6_STATUS.success));

function informed(request: Request): Said {
  if (request.message.options.some(({ code }) => ASSOCIATIONS.has(code))) {
    return silence('malformed', 'dhcpv6: an information request with addresses');
  }
  return say(DHCPV6_TYPE.reply, ...configuration(request));
}

interface Handler {
  /** Whether the message names the client, its server (RFC 8415 §16). */
  readonly client: 'needed' | 'optional';
  readonly server: 'needed' | 'forbidden' | 'optional';
  readonly answer: (request: Request) => Said;
}

const HANDLERS = new Map<number, Handler>([
  [DHCPV6_TYPE.solicit, { client: 'needed', server: 'forbidden', answer: solicited }],
  [DHCPV6_TYPE.request, { client: 'needed', server: 'needed', answer: granted }],
  [DHCPV6_TYPE.confirm, { client: 'needed', server: 'forbidden', answer: confirmed }],
  [DHCPV6_TYPE.renew, { client: 'needed', server: 'needed', answer: granted }],
  [DHCPV6_TYPE.rebind, { client: 'needed', server: 'forbidden', answer: granted }],
  [DHCPV6_TYPE.release, { client: 'needed', server: 'needed', answer: noted }],
  [DHCPV6_TYPE.decline, { client: 'needed', server: 'needed', answer: noted }],
  [DHCPV6_TYPE.informationRequest, { client: 'optional', server: 'optional', answer: informed }],
]);

/** Why a message is not to be answered, as RFC 8415 §16 has it; null for a proper one. */
function objection(message: Dhcpv6, handler: Handler, serverId: Uint8Array): Answer | null {
  const server = find(message, DHCPV6_OPTION.serverId);
  const client = find(message, DHCPV6_OPTION.clientId);
  if (handler.client === 'needed' && client === undefined) {
    return silence('malformed', 'dhcpv6: no client id');
  }
  if (client !== undefined && client.length > LONGEST_DUID) {
    return silence('malformed', `dhcpv6: a client id of ${client.length} bytes`);
  }
  if (handler.server === 'needed' && server === undefined) {
    return silence('malformed', 'dhcpv6: no server id');
  }
  if (handler.server === 'forbidden' && server !== undefined) {
    return silence('malformed', 'dhcpv6: a server id');
  }
  if (server !== undefined && !equal(server, serverId)) {
    return silence('not_for_us', 'the client chose another server');
  }
  return null;
}

/** Answers what a client sends to all DHCPv6 servers. */
export function answerDhcpv6(bytes: Uint8Array, client: Client): Answer {
  const opened = openIpv6(bytes);
  if (opened instanceof Malformed) return malformed(opened);
  const { frame, ip } = opened;
  if (ip.fragment !== null) return silence('malformed', 'ipv6: a fragment');
  const ports = [DHCPV6_PORT.client, DHCPV6_PORT.server] as const;
  const udp = openUdp(ip.protocol, ip.payload, ends6(ip), ports);
  if (udp instanceof Malformed) return malformed(udp);
  const message = decodeDhcpv6(udp.payload);
  if (message instanceof Malformed) return malformed(message);
  if (!maySendAs(client, frame.source, { version: 6, value: ip.source })) {
    return silence('not_its_own');
  }
  if (!isMulticast6(ip.destination)) return silence('not_for_us', 'it is for one server alone');
  const handler = HANDLERS.get(message.type);
  if (handler === undefined) return silence('malformed', `dhcpv6: type ${message.type}`);

  const served = addressesIn(client, 6).filter(({ subnet }) => roleOf(subnet) !== null);
  if (served.length === 0) return silence('not_served');
  const serverId = serverIdOf(client);
  const objected = objection(message, handler, serverId);
  if (objected !== null) return objected;
  const said = handler.answer({
    message,
    client,
    serverId,
    addresses: served.filter(({ subnet }) => roleOf(subnet) === 'addresses'),
    subnets: served.map(({ subnet }) => subnet),
  });
  if ('kind' in said) return said;

  const clientId = message.options
    .filter(({ code }) => code === DHCPV6_OPTION.clientId)
    .slice(0, 1);
  const options = [...clientId, { code: DHCPV6_OPTION.serverId, data: serverId }, ...said.options];
  const payload = encodeDhcpv6({ type: said.type, xid: message.xid, options });
  const route = { mac: frame.source, source: GATEWAY_LINK_LOCAL, destination: ip.source };
  const back = { sourcePort: DHCPV6_PORT.server, destinationPort: DHCPV6_PORT.client };
  return reply(
    said.type === DHCPV6_TYPE.advertise ? 'dhcpv6_advertise' : 'dhcpv6_reply',
    sealUdp6(route, { ...back, payload }),
  );
}
