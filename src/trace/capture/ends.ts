/** FROM and TO of a trace over a capture whose objects nobody named. */
import { formatIp, parseIp, parseMac, tryParseIp, type Ip } from '../../address/index.ts';
import { Failure } from '../../base/failure.ts';
import type { Known } from './guests.ts';
import { END_FORMS } from './layout.ts';

type Side = 'from' | 'to';

/** An end as the user wrote it. */
export interface End {
  readonly asked: string;
  /** undefined: an address that no captured port is known to have. */
  readonly guest: Known | undefined;
  /** The address that was written, where one was. */
  readonly address: Ip | null;
  /** The MAC that was written, in lower case; ''. */
  readonly mac: string;
}

const MAC = /^(?:[\da-f]{2}:){5}[\da-f]{2}$/i;
/** Candidates that an error names. */
const LISTED = 8;

function wrong(side: Side, asked: string, what: string, remedy: string): Failure {
  return new Failure('invalid', 'InvalidInput', `${side} "${asked}": ${what}; ${remedy}`, {
    field: side,
    value: asked,
    remedy,
  });
}

/** Whether a guest is meant by `who`. */
function means(who: string): (guest: Known) => boolean {
  const [node, ...rest] = who.split(':');
  const [bridge, number] = rest.length === 2 ? rest : ['br-int', rest[0]];
  const ip = tryParseIp(who);
  if (ip !== null) return ({ addresses }) => addresses.includes(formatIp(ip));
  if (MAC.test(who)) return ({ mac }) => mac === who.toLowerCase();
  return (guest) =>
    guest.id === who ||
    guest.name === who ||
    (guest.node === node && guest.bridge === bridge && String(guest.ofport) === number);
}

/**
 * The end that a user wrote.
 * @throws {Failure} invalid: nobody, or several, are meant by it; or an extra is none.
 */
export function readEnd(guests: readonly Known[], side: Side, asked: string): End {
  const [who = '', ...extras] = asked.split(',');
  let address = tryParseIp(who);
  let mac = '';
  for (const extra of extras) {
    const [, key, value = ''] = /^(ip|mac)=(.*)$/.exec(extra) ?? [];
    if (key === 'ip') address = parseIp(value, side);
    else if (key === 'mac' && MAC.test(value)) mac = value.toLowerCase();
    else throw wrong(side, asked, `"${extra}" is not understood`, 'give ip=ADDRESS or mac=MAC');
  }
  const found = guests.filter(means(who));
  const named = found.map(({ name, bridge, ofport }) => `${name} (${bridge} ${ofport})`);
  if (found.length > 1) {
    const list = `${named.slice(0, LISTED).join(', ')}${named.length > LISTED ? ' …' : ''}`;
    throw wrong(side, asked, `several ports are meant: ${list}`, 'give one of them as NODE:PORT');
  }
  const [guest] = found;
  if (guest === undefined && (side === 'from' || tryParseIp(who) === null)) {
    throw wrong(side, asked, 'no captured port is called that or has it', `give ${END_FORMS}`);
  }
  return { asked, guest, address, mac };
}

/** The address of an end, of the family that is wanted where one is. */
export function addressOf(side: Side, { asked, guest, address }: End, family?: 4 | 6): Ip {
  const own = (guest?.addresses ?? []).map((text) => parseIp(text));
  const [first] = family === undefined ? own : own.filter(({ version }) => version === family);
  const found = address ?? first;
  if (found !== undefined) return found;
  throw wrong(
    side,
    asked,
    `nothing in the capture says which ${family === undefined ? '' : `IPv${family} `}address it has`,
    `write it as ${asked},ip=ADDRESS`,
  );
}

/** The MAC that a port sends from, or that a frame to it is addressed to. */
export function macOf(side: Side, { asked, guest, mac }: End): bigint {
  const known = mac || guest?.mac || '';
  if (known !== '') return parseMac(known);
  const whose = side === 'from' ? 'which MAC it has' : 'which MAC a frame for it is addressed to';
  throw wrong(
    side,
    asked,
    `nothing in the capture says ${whose}`,
    `write it as ${asked},mac=MAC${side === 'to' ? " (a router's, where it is in another subnet)" : ''}`,
  );
}
