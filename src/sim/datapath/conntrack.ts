import { formatIpv4 } from '../../address/index.ts';
import type { NatSpec } from '../../openflow/flow.ts';
import { formatV6 } from '../../openflow/text/values.ts';
import type { Step } from '../types.ts';
import { hexOf, hexOfBig } from './digits.ts';
type ConntrackStep = Extract<Step, { kind: 'conntrack' }>;

const ALL_LABEL = (1n << 128n) - 1n;

function label({ value, mask }: ConntrackStep['label']): string {
  return mask === ALL_LABEL
    ? `label=${hexOfBig(value)}`
    : `label=${hexOfBig(value)}/${hexOfBig(mask)}`;
}

/** An IPv6 address stands in brackets where a port follows it. */
function address(value: bigint, version: 4 | 6, bracketed: boolean): string {
  if (version === 4) return formatIpv4(value);
  return bracketed ? `[${formatV6(value)}]` : formatV6(value);
}

function range({ address: addresses, port }: NatSpec): string {
  if (addresses === undefined) return '';
  const { from, to, version } = addresses;
  const write = (value: bigint) => address(value, version, port !== undefined);
  const text = to > from ? `=${write(from)}-${write(to)}` : `=${write(from)}`;
  if (port === undefined) return text;
  return port.to > port.from ? `${text}:${port.from}-${port.to}` : `${text}:${port.from}`;
}

/** In the order that they print. */
const NAT_FLAGS = ['persistent', 'hash', 'random'] as const;

function nat(spec: NatSpec): string {
  if (spec.direction === undefined) return 'nat';
  const flags = NAT_FLAGS.filter((flag) => spec.flags?.includes(flag));
  return `nat(${[`${spec.direction}${range(spec)}`, ...flags].join(',')})`;
}

/** `ct` as the datapath's, with what `exec` does to mark and label. */
export function conntrackAction({ action, zone, mark, label: labels }: ConntrackStep): string {
  let parts = '';
  if (action.commit) parts += action.force ? ',force_commit' : ',commit';
  if (zone !== 0) parts += `,zone=${zone}`;
  if (mark.mask !== 0) parts += `,mark=${hexOf(mark.value)}/${hexOf(mark.mask)}`;
  if (labels.mask !== 0n) parts += `,${label(labels)}`;
  if (action.alg !== null) parts += `,helper=${action.alg}`;
  if (action.nat !== null) parts += `,${nat(action.nat)}`;
  return parts === '' ? 'ct' : `ct(${parts.slice(1)})`;
}
