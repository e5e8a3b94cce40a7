import type { Hop, Leg, Trace } from '../types.ts';
import { oneLine } from './markup.ts';
import {
  aboutHop,
  endpointText,
  fatalHop,
  legTitle,
  probeText,
  sourceText,
  stepsOf,
  stretches,
  type Step,
} from './words.ts';

export interface TextOptions {
  /** ANSI colours. */
  readonly color: boolean;
  /** Width of a line, at least 40; only a single long word may exceed it. */
  readonly columns: number;
}

type Style = 'bold' | 'dim' | 'green' | 'red' | 'cyan';

const CODES: Readonly<Record<Style, number>> = { bold: 1, dim: 2, green: 32, red: 31, cyan: 36 };

/** Breaks a flow's text after commas and spaces, where a reader would. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const piece of text.match(/[^, ]+[, ]*/g) ?? []) {
    if (line !== '' && line.length + piece.trimEnd().length > width) {
      lines.push(line.trimEnd());
      line = '';
    }
    line += piece;
  }
  return line === '' ? lines : [...lines, line.trimEnd()];
}

/** Column of what a table's name is followed by. */
const NAME_WIDTH = 23;

class Printer {
  readonly #lines: string[] = [];
  readonly columns: number;
  readonly #color: boolean;

  constructor({ color, columns }: TextOptions) {
    this.#color = color;
    this.columns = Math.max(40, Math.min(columns, 160));
  }

  style(style: Style, text: string): string {
    return this.#color ? `\u001B[${CODES[style]}m${text}\u001B[0m` : text;
  }

  line(text = ''): void {
    this.#lines.push(text.trimEnd());
  }

  /** Text under a tree's branch, wrapped, the first line led by `first`. */
  block(branch: string, first: string, text: string, style: Style | null): void {
    const indent = ' '.repeat(first.length);
    const parts = wrap(oneLine(text), this.columns - branch.length - first.length);
    for (const [index, part] of parts.entries()) {
      const lead = index === 0 ? first : indent;
      this.line(`${branch}${lead}${style === null ? part : this.style(style, part)}`);
    }
  }

  toString(): string {
    return this.#lines.join('\n');
  }
}

const verdictText = (printer: Printer, verdict: Trace['verdict']): string =>
  verdict === 'delivered'
    ? printer.style('green', '✔ delivered')
    : printer.style('red', '✘ dropped');

function printHop(printer: Printer, hop: Hop, last: boolean, trunk: string, fatal: boolean): void {
  const mark = fatal ? printer.style('red', '✘') : last ? '└' : '├';
  const table = String(hop.table).padStart(3);
  const about = aboutHop(hop).join(', ');
  const branch = `${trunk}${last ? ' ' : '│'}     `;
  const name = printer.style('bold', hop.name);
  const gap = ' '.repeat(Math.max(NAME_WIDTH - hop.name.length, 1));
  const beside = about !== '' && branch.length + NAME_WIDTH + about.length <= printer.columns;
  const told = beside ? `${gap}${printer.style('cyan', oneLine(about))}` : '';
  printer.line(`${trunk}${mark} ${table} ${name}${told}`);
  if (!beside) printer.block(branch, '', about, 'cyan');
  const match = hop.match === '' ? '' : `,${hop.match}`;
  const flow = hop.priority === null ? 'no flow matches' : `priority=${hop.priority}${match}`;
  printer.block(branch, '', flow, 'dim');
  if (hop.priority !== null) printer.block(branch, '→ ', hop.actions, null);
  if (hop.group !== undefined) {
    const bucket = hop.group.bucket === null ? 'no live bucket' : `bucket ${hop.group.bucket}`;
    const text = hop.group.text === undefined ? '' : `: ${hop.group.text}`;
    printer.block(branch, '⇒ ', `group ${hop.group.id}, ${bucket}${text}`, null);
  }
  if (hop.note !== undefined) printer.block(branch, '# ', hop.note, 'dim');
}

/** A step of the traffic model, and the flows that the packet meets there. */
function printStep(printer: Printer, step: Step, leg: Leg): void {
  const number = `(${step.number}) `;
  printer.block('', number.padStart(5), step.text, 'bold');
  const dropped = fatalHop(leg);
  for (const [index, hop] of step.hops.entries()) {
    printHop(printer, hop, index === step.hops.length - 1, '  ', hop === dropped);
  }
}

/** Only the way: later legs differ from the first by the tables they skip. */
function printWay(printer: Printer, leg: Leg): void {
  // No table sees the answer that a row has made.
  if (leg.hops.length === 0)
    for (const { text } of stepsOf(leg)) printer.block('  ', '', text, null);
  for (const stretch of stretches(leg.hops)) {
    const tables = stretch.hops.map((hop) => hop.table).join(' ');
    printer.block('  ', `${stretch.node} ${stretch.bridge}: `, tables, null);
  }
}

/** A trace to read in a terminal: the verdict, the first leg hop by hop, the others as their way. */
export function renderText(trace: Trace, options: TextOptions): string {
  const printer = new Printer(options);
  const ends = `${endpointText(trace.from)} → ${endpointText(trace.to)}`;
  const about = `${ends}, ${probeText(trace.probe)}, ${sourceText(trace.source)}`;
  printer.block('', '', about, 'bold');
  printer.line(verdictText(printer, trace.verdict));
  for (const [index, leg] of trace.legs.entries()) {
    printer.line();
    printer.line(`${legTitle(leg)}: ${verdictText(printer, leg.verdict)}`);
    if (index === 0) for (const step of stepsOf(leg)) printStep(printer, step, leg);
    else printWay(printer, leg);
    // The first leg's reason is the trace's, told at the end.
    if (index > 0 && leg.reason !== null) {
      printer.block('', 'why: ', leg.reason.message, null);
    }
  }
  if (trace.reason !== null) {
    printer.line();
    printer.block('', 'why: ', trace.reason.message, 'red');
    const { cure, drift } = trace.reason;
    if (drift !== undefined) printer.block('', 'drift: ', drift, null);
    if (trace.fix.length === 0 && cure !== undefined) printer.block('', 'to cure it: ', cure, null);
  }
  for (const [index, command] of trace.fix.entries()) {
    printer.line(`${index === 0 ? 'fix: ' : '     '}${oneLine(command)}`);
  }
  return printer.toString();
}
