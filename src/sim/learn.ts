/** The flow that a `learn` adds for a packet (ovs-actions(7), *learn*). */
import type { Field, FlowKey } from '../openflow/fields.ts';
import {
  PORT,
  type Action,
  type Flow,
  type LearnSource,
  type Match,
  type Term,
} from '../openflow/flow.ts';
import { subfieldMask } from '../openflow/loads.ts';
import { readSubfield, widePort } from './subfield.ts';
import type { ActionOf } from './types.ts';

type Learn = ActionOf<'learn'>;

const valueOf = (source: LearnSource, key: FlowKey): bigint =>
  'value' in source ? source.value : readSubfield(key, source);

/** Reserved ports to which a learned flow may put out. */
const OUTPUTS: ReadonlySet<number> = new Set([PORT.inPort, PORT.flood, PORT.local, PORT.all]);
const FIRST_RESERVED = 0xff00;

/** Ports that there cannot be lead nowhere. */
function outputTo(value: bigint): readonly Action[] {
  if (value > 0xffffn) return [];
  const port = widePort(Number(value));
  return port < FIRST_RESERVED || OUTPUTS.has(port) ? [{ kind: 'output', port }] : [];
}

function matchOf({ specs }: Learn, key: FlowKey): Match {
  const terms = new Map<Field, Term>();
  for (const spec of specs) {
    if (spec.kind !== 'match') continue;
    const { field, first } = spec.target;
    const under = subfieldMask(spec.target);
    const before = terms.get(field) ?? { field, value: 0n, mask: 0n };
    const bits = (valueOf(spec.source, key) << BigInt(first)) & under;
    terms.set(field, { field, value: (before.value & ~under) | bits, mask: before.mask | under });
  }
  return [...terms.values()];
}

/** The flow that `learn` makes of a packet with this key. */
export function learned(learn: Learn, key: FlowKey): Flow {
  const { table, priority, cookie, idleTimeout, hardTimeout, finIdle, finHard, flags, specs } =
    learn;
  const timeouts: readonly Action[] =
    finIdle === 0 && finHard === 0 ? [] : [{ kind: 'fin_timeout', idle: finIdle, hard: finHard }];
  const actions = specs.flatMap((spec): readonly Action[] => {
    if (spec.kind === 'output') return outputTo(readSubfield(key, spec.source));
    if (spec.kind === 'match') return [];
    return [{ kind: 'load', value: valueOf(spec.source, key), target: spec.target }];
  });
  return {
    table,
    priority,
    cookie,
    match: matchOf(learn, key),
    actions: [...timeouts, ...actions],
    ...(idleTimeout !== 0 && { idleTimeout }),
    ...(hardTimeout !== 0 && { hardTimeout }),
    ...(flags.includes('send_flow_rem') && { flags: ['send_flow_rem'] }),
  };
}
