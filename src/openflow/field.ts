/** What is to be known of a match field. */
export type FieldFormat =
  | 'decimal'
  | 'hex'
  | 'flow_label'
  | 'mac'
  | 'ipv4'
  | 'ipv6'
  | 'port'
  | 'ct_state'
  | 'tcp_flags'
  | 'frag'
  | 'vlan_tci'
  | 'tun_flags'
  | 'packet_type';

/** What a packet must be for a field to exist in it (ovs-fields(7), *Prerequisites*). */
export type Prerequisite =
  | 'none'
  | 'ethernet'
  | 'ct'
  | 'ct4'
  | 'ct6'
  | 'vlan'
  | 'mpls'
  | 'nsh'
  | 'arp'
  | 'ipv4'
  | 'ipv6'
  | 'ip'
  | 'tcp'
  | 'udp'
  | 'sctp'
  | 'icmp'
  | 'icmp6'
  | 'nd'
  | 'nd_solicit'
  | 'nd_advert';

export interface Field {
  /** Name in `set_field:…->NAME` and everywhere in our own data. */
  readonly name: string;
  /** Name that `ovs-ofctl` prints in a match (`dl_src` for eth_src). */
  readonly matchName: string;
  /** Name in `load:…->NXM[]` and `move`. */
  readonly nxm: string;
  /** 1…128; up to 992 where a tunnel option is as long as it can be. */
  readonly bits: number;
  readonly format: FieldFormat;
  /** First bit in the flow key, counted from the most significant bit of word 0. */
  readonly at: number;
  readonly maskable: boolean;
  readonly writable: boolean;
  readonly needs: Prerequisite;
  /** Mask of an exact match: all ones, save bits that carry nothing (the ECN bits of nw_tos). */
  readonly exact: bigint;
  /** Further names that text may use for it. */
  readonly aliases: readonly string[];
  /** Its number in each class of OXM headers that has one (ovs-fields(7)). */
  readonly oxm: Readonly<Partial<Record<OxmClass, number>>>;
  /** Bytes of its value in a message, where what exceeds `bits` is zero. */
  readonly bytes: number;
  /** Bits that Open vSwitch counts in it where an action names it whole or in part: `bits`, but of a few. */
  readonly namedBits: number;
  /** The bit of the key that is set in a packet that has the field; only tunnel options have one. */
  readonly present?: number;
}

/**
 * Families of match fields in messages: Nicira's two, OpenFlow's own, its 64-bit registers, the
 * experimenters ONF and Nicira, Nicira's for NSH, and Ericsson's.
 */
export type OxmClass =
  | 'NXM_OF'
  | 'NXM_NX'
  | 'OXM_OF'
  | 'PACKET_REGS'
  | 'ONFOXM_ET'
  | 'NXOXM_ET'
  | 'NXOXM_NSH'
  | 'ERICOXM_OF';

/** An option of Geneve is as long as this at most, in bytes. */
export const LONGEST_OPTION = 124;

/** Words of 32 bits in a flow key, and in one that has room for tunnel options behind the rest. */
export const KEY_WORDS = 99;
export const LONG_KEY_WORDS = KEY_WORDS + 2 + 64;

/** First words of what lies in a key without a field that names all of it. */
export const PLACES = {
  /** Three label stack entries, the outermost first; the fields of MPLS lie in that one. */
  mpls: 84,
  /** The Ethernet types of the outer and the inner VLAN tag, 16 bits each. */
  vlanTypes: 87,
  /** In its upper half the inner VLAN tag, as vlan_tci is the outer; its lower half is free. */
  innerVlan: 88,
  /** 64 bits, the least significant for tun_metadata0: which tunnel options the packet has. */
  optionsPresent: KEY_WORDS,
  /** The contents of the tunnel options, 64 words. */
  options: KEY_WORDS + 2,
} as const;

/**
 * What a switch knows of a packet: header fields, registers and metadata, at each field's `at`. Tunnel
 * options exist where a switch has a TLV map, so most keys do without their room.
 */
export type FlowKey = Uint32Array;

interface Options {
  readonly match?: string;
  readonly nxm?: string;
  readonly format?: FieldFormat;
  readonly maskable?: boolean;
  readonly writable?: boolean;
  readonly needs?: Prerequisite;
  readonly exact?: bigint;
  readonly aliases?: readonly string[];
  readonly oxm: Field['oxm'];
  readonly bytes?: number;
  readonly namedBits?: number;
  /** Bit offset inside the word, from its most significant bit. */
  readonly bit?: number;
  readonly present?: number;
}

/** Sizes that values have in messages. */
const SIZES = [1, 2, 4, 6, 8, 16];

/** One field: `word` and `options.bit` say where it lies in a key. */
export function declareField(name: string, word: number, bits: number, options: Options): Field {
  return Object.freeze({
    name,
    matchName: options.match ?? name,
    nxm: options.nxm ?? name,
    bits,
    format: options.format ?? 'decimal',
    at: word * 32 + (options.bit ?? 0),
    maskable: options.maskable ?? true,
    writable: options.writable ?? true,
    needs: options.needs ?? 'none',
    exact: options.exact ?? (1n << BigInt(bits)) - 1n,
    aliases: options.aliases ?? [],
    oxm: options.oxm,
    namedBits: options.namedBits ?? bits,
    bytes: options.bytes ?? SIZES.find((size) => size * 8 >= bits) ?? 16,
    ...(options.present !== undefined && { present: options.present }),
  });
}
