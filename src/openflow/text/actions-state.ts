/** Actions that neither send a packet nor rewrite its headers. */
import { PORT, type Action, type Subfield } from '../flow.ts';
import {
  declareAction,
  declareWord,
  widthOf,
  type ActionDeclaration,
  type ActionFormat,
  type ActionOf,
} from './action.ts';
import { arrow } from './actions-rewrite.ts';
import { fieldByName, formatSubfield, parseSubfield } from './names.ts';
import { parseBytes, parseWrapped } from './numbers.ts';
import { formatPort, parsePort, type PortOptions } from './ports.ts';
import {
  formatBytes,
  items,
  parseInteger,
  slice,
  TextError,
  type Item,
  type Span,
} from './span.ts';

type SampleDraft = { -readonly [K in keyof ActionOf<'sample'>]: ActionOf<'sample'>[K] };

/** A number, or since Open vSwitch 3.4 32 bits of a field. */
function readObservation(value: Span, what: string): number | Subfield {
  if (fieldByName(/^[^[]*/.exec(value.text)?.[0] ?? '') === undefined) {
    return parseWrapped(value, what);
  }
  const source = parseSubfield(value);
  if (source.bits === 32) return source;
  throw new TextError(value.at, `${what} has 32 bits, not ${source.bits}`);
}

const sampleKeys: Readonly<
  Record<string, (sample: SampleDraft, value: Span, options: PortOptions) => void>
> = {
  probability: (sample, value) =>
    void (sample.probability = parseInteger(value, 'probability', 1, 65535)),
  collector_set_id: (sample, value) =>
    void (sample.collectorSet = parseWrapped(value, 'collector_set_id')),
  obs_domain_id: (sample, value) =>
    void (sample.observationDomain = readObservation(value, 'obs_domain_id')),
  obs_point_id: (sample, value) =>
    void (sample.observationPoint = readObservation(value, 'obs_point_id')),
  sampling_port: (sample, value, options) => {
    const port = parsePort(value, options);
    sample.samplingPort = port === PORT.any ? null : port;
  },
  ingress: (sample) => void (sample.direction = 'ingress'),
  egress: (sample) => void (sample.direction = 'egress'),
};

function readSample({ value }: Item, options: PortOptions): Action {
  const sample: SampleDraft = {
    kind: 'sample',
    probability: 0,
    collectorSet: 0,
    observationDomain: 0,
    observationPoint: 0,
    samplingPort: null,
    direction: null,
  };
  for (const { key, value: text } of items(value)) {
    const set = sampleKeys[key.text];
    if (set === undefined) {
      const known = Object.keys(sampleKeys).join(', ');
      throw new TextError(key.at, `expected one of ${known}, found "${key.text}"`);
    }
    set(sample, text, options);
  }
  if (sample.probability === 0) throw new TextError(value.at, 'sample needs a probability');
  return sample;
}

function formatSample(sample: ActionOf<'sample'>, { unresolved }: ActionFormat): string {
  const observed = (id: number | Subfield) => (typeof id === 'number' ? id : formatSubfield(id));
  const parts = [
    `probability=${sample.probability}`,
    `collector_set_id=${sample.collectorSet}`,
    `obs_domain_id=${observed(sample.observationDomain)}`,
    `obs_point_id=${observed(sample.observationPoint)}`,
    ...(sample.samplingPort === null
      ? []
      : [`sampling_port=${formatPort(sample.samplingPort, unresolved)}`]),
    ...(sample.direction === null ? [] : [sample.direction]),
  ];
  return `sample(${parts.join(',')})`;
}

function readCheckPacketLarger({ value }: Item): Action {
  const [given, to] = arrow(value);
  const length = given.text.endsWith(')') ? slice(given, 0, -1) : given;
  const target = parseSubfield(to);
  if (widthOf(target) !== 1) {
    throw new TextError(to.at, `the answer has one bit, not ${widthOf(target)}`);
  }
  if (!target.field.writable) throw new TextError(to.at, `${target.field.name} cannot be written`);
  return {
    kind: 'check_pkt_larger',
    length: parseInteger(length, 'the length', 0, 65535),
    target,
  };
}

/** A note fills its action to a multiple of eight bytes, of which ten are the header. */
function padded(bytes: readonly number[]): readonly number[] {
  const size = Math.max(6, Math.ceil((bytes.length + 10) / 8) * 8 - 10);
  return [...bytes, ...Array.from({ length: size - bytes.length }, () => 0)];
}

export const stateActions: readonly ActionDeclaration[] = [
  declareAction(
    'note',
    { note: ({ value }) => ({ kind: 'note', bytes: padded(parseBytes(value, 'note')) }) },
    ({ bytes }) => `note:${formatBytes(padded(bytes))}`,
  ),
  declareAction(
    'sample',
    { sample: (item, { options }) => readSample(item, options) },
    formatSample,
  ),
  declareAction(
    'check_pkt_larger',
    { check_pkt_larger: readCheckPacketLarger },
    ({ length, target }) => `check_pkt_larger(${length})->${formatSubfield(target)}`,
  ),
  declareWord('exit'),
  declareWord('debug_recirc'),
  declareWord('debug_slow'),
  declareAction(
    'meter',
    {
      meter: ({ value }) => ({ kind: 'meter', meter: parseInteger(value, 'meter', 1, 0xffff0000) }),
    },
    ({ meter }) => `meter:${meter}`,
  ),
];
