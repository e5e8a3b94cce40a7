/** Meters: what `ovs-ofctl add-meter` takes and what `dump-meters` prints. */
import type { Meter } from '../flow.ts';
import { eachLine, type LineError } from './lines.ts';
import { items, parseInteger, slice, TextError, type Item, type Span } from './span.ts';

type Draft = { -readonly [K in keyof Meter]?: Meter[K] };

const lastMeter = 0xffff0000;
/** Of what goes to a controller without a meter of its own (OpenFlow 1.5.1 §7.3.4.4, OFPM_CONTROLLER). */
const ofController = { name: 'controller', id: 0xffff_fffe } as const;
const top = 0xffffffff;

const readers: Readonly<Record<string, (meter: Draft, item: Item) => void>> = {
  meter: (meter, { value }) => {
    const named = value.text === ofController.name;
    meter.id = named ? ofController.id : parseInteger(value, 'meter', 1, lastMeter);
  },
  kbps: (meter) => {
    meter.unit = 'kbps';
  },
  pktps: (meter) => {
    meter.unit = 'pktps';
  },
  // Said by burst_size too, and counters are always kept.
  burst: () => {},
  stats: () => {},
  type: (_meter, { value }) => {
    if (value.text !== 'drop') {
      throw new TextError(value.at, `expected a band of type drop, found "${value.text}"`);
    }
  },
  rate: (meter, { value }) => {
    meter.rate = parseInteger(value, 'rate', 1, top);
  },
  burst_size: (meter, { value }) => {
    meter.burst = parseInteger(value, 'burst_size', 1, top);
  },
};

function parseMeter(line: Span): Meter {
  const band = /\bbands?=/.exec(line.text);
  const head = slice(line, 0, band?.index);
  const tail =
    band === null ? slice(line, line.text.length) : slice(line, band.index + band[0].length);
  const draft: Draft = {};
  for (const part of [head, tail]) {
    for (const item of items(part)) {
      const read = readers[item.key.text];
      if (read === undefined) {
        const known = Object.keys(readers).join(', ');
        throw new TextError(item.key.at, `expected one of ${known}, found "${item.key.text}"`);
      }
      read(draft, item);
    }
  }
  const { id, unit, rate, burst } = draft;
  if (id === undefined) throw new TextError(line.at, 'expected meter=');
  if (unit === undefined) throw new TextError(line.at, 'expected kbps or pktps');
  if (rate === undefined) throw new TextError(line.at, 'expected a band with type=drop and rate=');
  return { id, unit, rate, ...(burst !== undefined && { burst }) };
}

/** All meters of a file (one a line) or of a dump, which breaks the line before each band. */
export function parseMeters(text: string): {
  readonly meters: readonly Meter[];
  readonly errors: readonly LineError[];
} {
  const { values, errors } = eachLine(
    text.replaceAll(/bands=[ \t]*\n([^\n]*)/g, 'bands=$1\n'),
    parseMeter,
  );
  return { meters: values, errors };
}

/** The two lines that `ovs-ofctl -O OpenFlow13 dump-meters` prints of a meter. */
export function formatMeter(meter: Meter): string {
  const burst = meter.burst === undefined ? '' : `burst `;
  const size = meter.burst === undefined ? '' : ` burst_size=${meter.burst}`;
  const id = meter.id === ofController.id ? ofController.name : meter.id;
  return `meter=${id} ${meter.unit} ${burst}bands=\ntype=drop rate=${meter.rate}${size}`;
}
