/** Meters: what `ovs-ofctl add-meter` takes and what `dump-meters` prints. */
import type { Meter, MeterBand } from '../flow.ts';
import { readLines, type LineError } from './lines.ts';
import { parseInteger, slice, TextError, type Span } from './span.ts';

const lastMeter = 0xffff0000;
/** Meters of what takes other ways than flows (OpenFlow 1.5.1 §7.3.4.4). */
const reserved: ReadonlyMap<string, number> = new Map([
  ['slowpath', 0xffff_fffd],
  ['controller', 0xffff_fffe],
]);
const reservedNames = new Map([...reserved].map(([name, id]) => [id, name]));
const top = 0xffffffff;
const drop = 'drop';
const remark = 'dscp_remark';

type Draft<T> = { -readonly [K in keyof T]?: T[K] };

/** Words between `=`, commas and white space: ovs-ofctl tells names from values by their order alone. */
function* words(span: Span): Generator<Span> {
  for (const { index, 0: text } of span.text.matchAll(/[^=,\s]+/g)) {
    yield { text, at: span.at + index };
  }
}

function valueOf(name: Span, rest: Iterator<Span>): Span {
  const next = rest.next();
  if (next.done === true) throw new TextError(name.at, `${name.text} has no value`);
  return next.value;
}

interface Head {
  id?: number;
  unit?: Meter['unit'];
  burst: boolean;
  stats: boolean;
}

const flags: Readonly<Record<string, (head: Head, word: Span) => void>> = {
  kbps: setUnit('kbps'),
  pktps: setUnit('pktps'),
  burst: (head) => {
    head.burst = true;
  },
  stats: (head) => {
    head.stats = true;
  },
};

function setUnit(unit: Meter['unit']) {
  return (head: Head, word: Span) => {
    if (head.unit !== undefined && head.unit !== unit) {
      throw new TextError(word.at, 'a meter counts in kbps or in pktps, not in both');
    }
    head.unit = unit;
  };
}

function readHead(span: Span): Head {
  const head: Head = { burst: false, stats: false };
  const rest = words(span);
  for (const word of rest) {
    if (word.at === span.at && word.text === 'add') continue;
    if (Object.hasOwn(flags, word.text)) {
      flags[word.text]?.(head, word);
      continue;
    }
    if (word.text !== 'meter') {
      const known = ['meter', ...Object.keys(flags), 'bands'].join(', ');
      throw new TextError(word.at, `expected one of ${known}, found "${word.text}"`);
    }
    const value = valueOf(word, rest);
    head.id = reserved.get(value.text) ?? parseInteger(value, 'meter', 1, lastMeter);
  }
  return head;
}

interface BandDraft extends Draft<MeterBand> {
  readonly at: number;
  readonly type: string;
}

const bandKeys: Readonly<Record<string, (band: BandDraft, value: Span) => void>> = {
  rate: (band, value) => {
    band.rate = parseInteger(value, 'rate', 1, top);
  },
  burst_size: (band, value) => {
    band.burst = parseInteger(value, 'burst_size', 0, top);
  },
  prec_level: (band, value) => {
    band.remark = parseInteger(value, 'prec_level', 0, 255);
  },
};

function readBands(span: Span): BandDraft[] {
  const bands: BandDraft[] = [];
  const rest = words(span);
  for (const word of rest) {
    const value = valueOf(word, rest);
    if (word.text === 'type') {
      if (value.text !== drop && value.text !== remark) {
        throw new TextError(value.at, `expected ${drop} or ${remark}, found "${value.text}"`);
      }
      bands.push({ at: word.at, type: value.text });
      continue;
    }
    const band = bands.at(-1);
    if (band === undefined) throw new TextError(word.at, 'a band begins with type=');
    const read = Object.hasOwn(bandKeys, word.text) ? bandKeys[word.text] : undefined;
    if (read === undefined) {
      const known = ['type', ...Object.keys(bandKeys)].join(', ');
      throw new TextError(word.at, `expected one of ${known}, found "${word.text}"`);
    }
    read(band, value);
  }
  return bands;
}

function bandOf({ at, type, rate, burst, remark: level }: BandDraft, bursts: boolean): MeterBand {
  if (rate === undefined) throw new TextError(at, 'expected rate= in the band');
  if (bursts !== Boolean(burst)) {
    throw new TextError(
      at,
      bursts ? 'expected burst_size=, for the meter says burst' : 'burst_size goes with burst only',
    );
  }
  if ((type === remark) !== Boolean(level)) {
    throw new TextError(
      at,
      type === remark
        ? `expected prec_level= in a band of type ${remark}`
        : 'drop has no prec_level',
    );
  }
  return { rate, ...(bursts && { burst }), ...(type === remark && { remark: level }) };
}

function parseMeter(line: Span): Meter {
  const band = /band[^=]*=/.exec(line.text);
  if (band === null) throw new TextError(line.at + line.text.length, 'expected bands=');
  const { id, unit, burst, stats } = readHead(slice(line, 0, band.index));
  if (id === undefined) throw new TextError(line.at, 'expected meter=');
  if (unit === undefined) throw new TextError(line.at, 'expected kbps or pktps');
  const from = band.index + band[0].length;
  const drafts = readBands(slice(line, from));
  const [first, ...further] = drafts.map((draft) => bandOf(draft, burst));
  if (first === undefined) throw new TextError(line.at + from, 'expected a band: type=');
  return {
    id,
    unit,
    ...(stats && { stats }),
    ...first,
    ...(further.length > 0 && { further }),
  };
}

const beginsMeter = (line: string) => /^\s*(?:add[,\s]+)?meter=/.test(line);

/** All meters of a file (one a line) or of a dump, which has each band on a line of its own. */
export function parseMeters(text: string): {
  readonly meters: readonly Meter[];
  readonly errors: readonly LineError[];
} {
  const { values, errors } = readLines(text, {
    read: parseMeter,
    begins: beginsMeter,
    continues: (line) => /^\s*type=/.test(line),
    belongs: (_soFar, _line, begins, gap) => !gap && !begins,
  });
  return { meters: values, errors };
}

function formatBand({ rate, burst, remark: level }: MeterBand): string {
  return [
    `type=${level === undefined ? drop : remark} rate=${rate}`,
    ...(burst === undefined ? [] : [`burst_size=${burst}`]),
    ...(level === undefined ? [] : [`prec_level=${level}`]),
  ].join(' ');
}

/** The lines that `ovs-ofctl -O OpenFlow13 dump-meters` prints of a meter: one, and one a band. */
export function formatMeter(meter: Meter): string {
  const head = [
    `meter=${reservedNames.get(meter.id) ?? meter.id}`,
    meter.unit,
    ...(meter.burst === undefined ? [] : ['burst']),
    ...(meter.stats === true ? ['stats'] : []),
    'bands=',
  ].join(' ');
  return [head, ...[meter, ...(meter.further ?? [])].map(formatBand)].join('\n');
}
