/** Neighbour discovery (RFC 4861), the bodies of ICMPv6 types 133 … 136. */
import type { Reader, Writer } from '../base/bytes.ts';
import { readIpv6, readMac, writeIpv6, writeMac } from './addresses.ts';
import { assemble } from './assemble.ts';
import { readDomains, writeDomain } from './domain.ts';
import type { Icmp } from './icmp.ts';
import { ICMPV6_TYPE } from './icmpv6.ts';
import { Malformed, need, reading, type Decoded } from './malformed.ts';

/** Times in seconds; 0xffffffff is for ever. */
export type NdOption =
  | { readonly kind: 'source_mac'; readonly mac: bigint }
  | { readonly kind: 'target_mac'; readonly mac: bigint }
  | {
      readonly kind: 'prefix';
      readonly prefix: bigint;
      readonly length: number;
      readonly onLink: boolean;
      readonly autonomous: boolean;
      readonly valid: number;
      readonly preferred: number;
    }
  | { readonly kind: 'mtu'; readonly mtu: number }
  /** RFC 8106 §5.1. */
  | { readonly kind: 'dns_servers'; readonly lifetime: number; readonly servers: readonly bigint[] }
  /** RFC 8106 §5.2. */
  | { readonly kind: 'dns_search'; readonly lifetime: number; readonly domains: readonly string[] }
  | { readonly kind: 'other'; readonly type: number; readonly data: Uint8Array };

export type NdMessage =
  | { readonly kind: 'router_solicitation'; readonly options: readonly NdOption[] }
  | {
      readonly kind: 'router_advertisement';
      readonly hopLimit: number;
      /** Addresses by DHCPv6. */
      readonly managed: boolean;
      /** Other configuration by DHCPv6. */
      readonly other: boolean;
      /** Seconds for which the sender is a default router; 0: it is none. */
      readonly lifetime: number;
      readonly options: readonly NdOption[];
    }
  | {
      readonly kind: 'neighbour_solicitation';
      readonly target: bigint;
      readonly options: readonly NdOption[];
    }
  | {
      readonly kind: 'neighbour_advertisement';
      readonly router: boolean;
      readonly solicited: boolean;
      readonly override: boolean;
      readonly target: bigint;
      readonly options: readonly NdOption[];
    };

type OptionOf<K extends NdOption['kind']> = Extract<NdOption, { kind: K }>;
type MessageOf<K extends NdMessage['kind']> = Extract<NdMessage, { kind: K }>;

const bit = (holds: boolean, mask: number): number => (holds ? mask : 0);

const ON_LINK = 0x80;
const AUTONOMOUS = 0x40;
const MANAGED = 0x80;
const OTHER = 0x40;
const ROUTER = 0x8000_0000;
const SOLICITED = 0x4000_0000;
const OVERRIDE = 0x2000_0000;

interface OptionCodec<K extends NdOption['kind']> {
  readonly type: number;
  /** @param reader of what follows the length; the type's minimum is checked by reading. */
  readonly read: (reader: Reader) => OptionOf<K>;
  readonly write: (option: OptionOf<K>, writer: Writer) => void;
}

type Known = Exclude<NdOption['kind'], 'other'>;

const OPTIONS: { readonly [K in Known]: OptionCodec<K> } = {
  source_mac: {
    type: 1,
    read: (reader) => ({ kind: 'source_mac', mac: readMac(reader) }),
    write: ({ mac }, writer) => void writeMac(writer, mac),
  },
  target_mac: {
    type: 2,
    read: (reader) => ({ kind: 'target_mac', mac: readMac(reader) }),
    write: ({ mac }, writer) => void writeMac(writer, mac),
  },
  prefix: {
    type: 3,
    read: (reader) => {
      const length = reader.u8();
      need(length <= 128, `prefix length is ${length}`);
      const flags = reader.u8();
      const valid = reader.u32();
      const preferred = reader.u32();
      const prefix = readIpv6(reader.skip(4));
      return {
        kind: 'prefix',
        prefix,
        length,
        onLink: (flags & ON_LINK) !== 0,
        autonomous: (flags & AUTONOMOUS) !== 0,
        valid,
        preferred,
      };
    },
    write: (option, writer) => {
      writer.u8(option.length);
      writer.u8(bit(option.onLink, ON_LINK) | bit(option.autonomous, AUTONOMOUS));
      writer.u32(option.valid).u32(option.preferred).u32(0);
      writeIpv6(writer, option.prefix);
    },
  },
  mtu: {
    type: 5,
    read: (reader) => ({ kind: 'mtu', mtu: reader.skip(2).u32() }),
    write: ({ mtu }, writer) => void writer.u16(0).u32(mtu),
  },
  dns_servers: {
    type: 25,
    read: (reader) => {
      const lifetime = reader.skip(2).u32();
      const servers: bigint[] = [];
      while (reader.remaining > 0) servers.push(readIpv6(reader));
      return { kind: 'dns_servers', lifetime, servers };
    },
    write: ({ lifetime, servers }, writer) => {
      writer.u16(0).u32(lifetime);
      for (const server of servers) writeIpv6(writer, server);
    },
  },
  dns_search: {
    type: 31,
    read: (reader) => ({
      kind: 'dns_search',
      lifetime: reader.skip(2).u32(),
      domains: readDomains(reader),
    }),
    write: ({ lifetime, domains }, writer) => {
      writer.u16(0).u32(lifetime);
      for (const domain of domains) writeDomain(writer, domain);
    },
  },
};

const READERS = new Map<number, (reader: Reader) => NdOption>(
  Object.values(OPTIONS).map(({ type, read }) => [type, read]),
);

/** Options are multiples of 8 bytes. */
const UNIT = 8;

function readOptions(reader: Reader): NdOption[] {
  const options: NdOption[] = [];
  while (reader.remaining > 0) {
    const type = reader.u8();
    const units = reader.u8();
    need(units > 0, 'option of length 0');
    const data = reader.sub(units * UNIT - 2);
    const read = READERS.get(type);
    options.push(read === undefined ? { kind: 'other', type, data: data.rest() } : read(data));
  }
  return options;
}

function writeOption<K extends Known>(kind: K, option: OptionOf<K>, writer: Writer): void {
  const at = writer.length;
  writer.u8(OPTIONS[kind].type).u8(0);
  OPTIONS[kind].write(option, writer);
  writer.align(UNIT, at);
  const units = (writer.length - at) / UNIT;
  writer.patchU16(at, (OPTIONS[kind].type << 8) | units);
}

function writeOptions(options: readonly NdOption[], writer: Writer): void {
  for (const option of options) {
    if (option.kind === 'other') {
      writer
        .u8(option.type)
        .u8((option.data.length + 2) / UNIT)
        .bytes(option.data);
    } else {
      writeOption(option.kind, option, writer);
    }
  }
}

interface MessageCodec<K extends NdMessage['kind']> {
  readonly type: number;
  readonly read: (reader: Reader) => MessageOf<K>;
  readonly write: (message: MessageOf<K>, writer: Writer) => void;
}

const MESSAGES: { readonly [K in NdMessage['kind']]: MessageCodec<K> } = {
  router_solicitation: {
    type: ICMPV6_TYPE.routerSolicitation,
    read: (reader) => ({ kind: 'router_solicitation', options: readOptions(reader.skip(4)) }),
    write: (_message, writer) => void writer.u32(0),
  },
  router_advertisement: {
    type: ICMPV6_TYPE.routerAdvertisement,
    read: (reader) => {
      const hopLimit = reader.u8();
      const flags = reader.u8();
      const lifetime = reader.u16();
      return {
        kind: 'router_advertisement',
        hopLimit,
        managed: (flags & MANAGED) !== 0,
        other: (flags & OTHER) !== 0,
        lifetime,
        options: readOptions(reader.skip(8)),
      };
    },
    write: (message, writer) => {
      writer.u8(message.hopLimit).u8(bit(message.managed, MANAGED) | bit(message.other, OTHER));
      // Reachable and retransmission time stay the host's own choice.
      writer.u16(message.lifetime).u32(0).u32(0);
    },
  },
  neighbour_solicitation: {
    type: ICMPV6_TYPE.neighbourSolicitation,
    read: (reader) => ({
      kind: 'neighbour_solicitation',
      target: readIpv6(reader.skip(4)),
      options: readOptions(reader),
    }),
    write: ({ target }, writer) => void writeIpv6(writer.u32(0), target),
  },
  neighbour_advertisement: {
    type: ICMPV6_TYPE.neighbourAdvertisement,
    read: (reader) => {
      const flags = reader.u32();
      return {
        kind: 'neighbour_advertisement',
        router: (flags & ROUTER) !== 0,
        solicited: (flags & SOLICITED) !== 0,
        override: (flags & OVERRIDE) !== 0,
        target: readIpv6(reader),
        options: readOptions(reader),
      };
    },
    write: (message, writer) => {
      const { router, solicited, override } = message;
      writer.u32(bit(router, ROUTER) + bit(solicited, SOLICITED) + bit(override, OVERRIDE));
      writeIpv6(writer, message.target);
    },
  },
};

const MESSAGE_READERS = new Map<number, (reader: Reader) => NdMessage>(
  Object.values(MESSAGES).map(({ type, read }) => [type, read]),
);

/** The neighbour discovery message in an ICMPv6 message; the hop limit is the caller's to check. */
export function decodeNd({ type, code, body }: Icmp): Decoded<NdMessage> {
  const read = MESSAGE_READERS.get(type);
  if (read === undefined || code !== 0) return new Malformed('nd', `type ${type}, code ${code}`);
  return reading('nd', body, read);
}

function encodeAs<K extends NdMessage['kind']>(kind: K, message: MessageOf<K>): Icmp {
  const body = assemble((writer) => {
    MESSAGES[kind].write(message, writer);
    writeOptions(message.options, writer);
  });
  return { type: MESSAGES[kind].type, code: 0, body };
}

export const encodeNd = (message: NdMessage): Icmp => encodeAs(message.kind, message);
