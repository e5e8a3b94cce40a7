/** Actions that choose one of several by a hash of the packet. */
import { HASH_FIELDS, PORT, type Action, type HashFields, type Subfield } from '../flow.ts';
import {
  declareAction,
  packed,
  requireShortNumber,
  requireWritable,
  type ActionContext,
  type ActionDeclaration,
  type ActionOf,
} from './action.ts';
import { parseOutputPort } from './actions-output.ts';
import { formatSubfield, parseSubfield } from './names.ts';
import { leadingNumber } from './numbers.ts';
import { formatPort, parsePort } from './ports.ts';
import { TextError, type Item, type Span } from './span.ts';
import { Tokens } from './tokens.ts';

const BASIS_BITS = 16;
const MOST_LINKS = 65_536;
const MOST_MEMBERS = 2048;
/** A port's number has to fit. */
const PORT_BITS = 16;

/** The next argument. @throws {TextError} where there is none. */
function argument(tokens: Tokens, what: string, marks = ', '): Span {
  const word = tokens.next(marks);
  if (word === null) throw new TextError(tokens.rest.at, `expected ${what}`);
  return word;
}

function oneOf<T extends string>(known: readonly T[], { text, at }: Span): T {
  const found = known.find((name) => name === text.toLowerCase());
  if (found !== undefined) return found;
  throw new TextError(at, `expected one of ${known.join(', ')}, found "${text}"`);
}

function readTarget(word: Span, context: ActionContext): Subfield {
  const target = parseSubfield(word, context.options);
  requireShortNumber(target, word.at);
  requireWritable(target.field, word.at, context);
  return packed(target, word.at);
}

/** What `multipath` and `bundle` begin with. */
function readHash(tokens: Tokens): { fields: HashFields; basis: number } {
  const fields = oneOf(HASH_FIELDS, argument(tokens, 'the fields to hash'));
  return { fields, basis: leadingNumber(argument(tokens, 'the basis'), BASIS_BITS) };
}

const multipathAlgorithms = ['modulo_n', 'hash_threshold', 'hrw', 'iter_hash'] as const;

function readMultipath({ value }: Item, context: ActionContext): Action {
  const tokens = new Tokens(value);
  const hash = readHash(tokens);
  const algorithm = oneOf(multipathAlgorithms, argument(tokens, 'the algorithm'));
  const number = argument(tokens, 'the number of links');
  const links = leadingNumber(number, 32);
  if (links < 1 || links > MOST_LINKS) {
    throw new TextError(number.at, `links ${number.text} is outside 1 to ${MOST_LINKS}`);
  }
  const parameter = leadingNumber(argument(tokens, 'the argument of the algorithm'), 32);
  const word = argument(tokens, 'the field that takes the link');
  const target = readTarget(word, context);
  if (links > 2 ** target.bits) {
    throw new TextError(word.at, `${target.bits} bits do not tell ${links} links apart`);
  }
  return { kind: 'multipath', ...hash, algorithm, links, argument: parameter, target };
}

const bundleAlgorithms = ['active_backup', 'hrw'] as const;

function readMember(word: Span, context: ActionContext): number {
  const port = parsePort(word, context.options);
  // "none" ends nothing: it is a member that is never up.
  if (port === PORT.any) return port;
  if (port !== PORT.controller) return parseOutputPort(word, context);
  throw new TextError(word.at, 'a controller cannot be a member of a bundle');
}

function readBundle({ value }: Item, context: ActionContext, load: boolean): Action {
  const tokens = new Tokens(value);
  const hash = readHash(tokens);
  const algorithm = oneOf(bundleAlgorithms, argument(tokens, 'the algorithm'));
  oneOf(['ofport'], argument(tokens, 'ofport'));
  const word = load ? argument(tokens, 'the field that takes the port') : null;
  const target = word && readTarget(word, context);
  if (word && target && target.bits < PORT_BITS) {
    throw new TextError(word.at, `a port needs ${PORT_BITS} bits, not ${target.bits}`);
  }
  // Its name before 2.15 was "slaves".
  oneOf(['members', 'slaves'], argument(tokens, 'members', ': '));
  const members: number[] = [];
  while (members.length < MOST_MEMBERS) {
    const member = tokens.next(', []');
    if (member === null) break;
    members.push(readMember(member, context));
  }
  return { kind: 'bundle', ...hash, algorithm, members, target };
}

function formatBundle(action: ActionOf<'bundle'>, unresolved?: ReadonlyMap<number, string>) {
  const { fields, basis, algorithm, target } = action;
  const members = action.members.map((port) => formatPort(port, unresolved)).join(',');
  const name = target === null ? 'bundle' : 'bundle_load';
  const to = target === null ? '' : `${formatSubfield(target)},`;
  return `${name}(${fields},${basis},${algorithm},ofport,${to}members:${members})`;
}

export const choiceActions: readonly ActionDeclaration[] = [
  declareAction(
    'multipath',
    { multipath: readMultipath },
    ({ fields, basis, algorithm, links, argument: parameter, target }) =>
      `multipath(${fields},${basis},${algorithm},${links},${parameter},${formatSubfield(target)})`,
  ),
  declareAction(
    'bundle',
    {
      bundle: (item, context) => readBundle(item, context, false),
      bundle_load: (item, context) => readBundle(item, context, true),
    },
    (action, { unresolved }) => formatBundle(action, unresolved),
  ),
];
