import { Failure } from '../../base/failure.ts';
import { TextError, type Span } from './span.ts';

/** A line that could not be read; both counts start at 1. */
export interface LineError {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** Turns an error in one piece of text into the project's. */
export function asFailure<T>(what: string, text: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof TextError)) throw error;
    const message = `${what} "${text}", column ${error.at + 1}: ${error.message}`;
    throw new Failure('invalid', 'InvalidInput', message, { field: what, value: text });
  }
}

/** The header of a reply: `OFPST_FLOW reply (OF1.3) (xid=0x2):`, and `flags=[more]` in a long one. */
const header = /^\s*(OFPST|NXST|OFPT|NXT)_\w+ reply\b.*:(?: flags=\[\w+\])?\s*$/;

/** Reads line by line, past blank lines, comments and headers; a bad line does not stop the rest. */
export function eachLine<T>(
  text: string,
  read: (line: Span) => T,
): { values: T[]; errors: LineError[] } {
  const values: T[] = [];
  const errors: LineError[] = [];
  for (const [index, whole] of text.split('\n').entries()) {
    const line = whole.replace(/#.*/, '').trimEnd();
    if (line.trim() === '' || header.test(line)) continue;
    const lead = line.length - line.trimStart().length;
    try {
      values.push(read({ text: line.slice(lead), at: lead }));
    } catch (error) {
      if (!(error instanceof TextError)) throw error;
      errors.push({ line: index + 1, column: error.at + 1, message: error.message });
    }
  }
  return { values, errors };
}
