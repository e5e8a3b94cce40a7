/** Actions and instructions that send a packet somewhere: to a port, a group, a table, a controller. */
import { controller, output } from '../build.ts';
import { PORT, type Action, type Subfield } from '../flow.ts';
import {
  declareAction,
  declareWord,
  holds,
  packed,
  requireField,
  type ActionContext,
  type ActionDeclaration,
} from './action.ts';
import { fieldByName, formatSubfield, parseSubfield } from './names.ts';
import { parseBytes, parseTable, parseWrapped } from './numbers.ts';
import { formatPort, isDestination, isReserved, parsePort, tryParsePort } from './ports.ts';
import { formatBytes, items, parseInteger, TextError, type Item, type Span } from './span.ts';
import { splitAll, Tokens } from './tokens.ts';

const reasons = ['no_match', 'action', 'invalid_ttl', 'action_set', 'group', 'packet_out'] as const;
const wholePacket = 65535;
/** An Ethernet header. */
const shortest = 14;
const presentTable = 255;

/** One form for every way to say "to the controller". */
export function outputTo(port: number): Action {
  return port === PORT.controller ? controller() : output(port);
}

/** Refuses a port that no packet can be sent to. */
export function parseOutputPort(span: Span, context: ActionContext): number {
  const port = parsePort(span, context.options);
  if (isDestination(port)) return port;
  throw new TextError(span.at, `${span.text} is no port to send a packet to`);
}

function readTruncated(value: Span, context: ActionContext): Action {
  let port = 0;
  let maxLength = 0;
  for (const { key, value: text } of items(value)) {
    if (key.text === 'port') {
      port = parsePort(text, context.options);
      if (isReserved(port) && port !== PORT.inPort && port !== PORT.local) {
        throw new TextError(text.at, `${text.text} cannot be sent a part of a packet`);
      }
    } else if (key.text === 'max_len') {
      maxLength = parseWrapped(text, 'max_len');
      if (maxLength < shortest) {
        throw new TextError(text.at, `max_len ${text.text} is below ${shortest}`);
      }
    } else throw new TextError(key.at, `expected port or max_len, found "${key.text}"`);
  }
  if (maxLength === 0) throw new TextError(value.at, 'expected output(port=PORT,max_len=BYTES)');
  return { kind: 'output', port, maxLength };
}

function readOutput({ value }: Item, context: ActionContext): Action {
  if (/port/.test(value.text) && /max_len/.test(value.text)) return readTruncated(value, context);
  const port = tryParsePort(value.text, context.options);
  if (port !== null && isDestination(port)) return outputTo(port);
  if (/^[A-Za-z]\w*([[-]|$)/.test(value.text) && port === null) {
    const source = readSource(value, context);
    if (source !== null) return { kind: 'output_subfield', source };
  }
  return outputTo(parseOutputPort(value, context));
}

/** Bits of a field; null where the text names none, so that the message speaks of ports, likelier meant. */
function readSource(value: Span, context: ActionContext): Subfield | null {
  const name = /^[^[-]*/.exec(value.text)?.[0] ?? '';
  if (fieldByName(name) === undefined) return null;
  const source = parseSubfield(value, context.options);
  requireField(source.field, value.at, context);
  return packed(source, value.at);
}

function readEnqueue({ value }: Item, context: ActionContext): readonly Action[] {
  const tokens = new Tokens(value);
  const name = tokens.next(':q,');
  const queue = tokens.rest;
  if (name === null || queue.text === '') {
    throw new TextError(value.at, 'expected enqueue:PORT:QUEUE or enqueue(PORT,QUEUE)');
  }
  const port = parsePort(name, context.options);
  if (isReserved(port) && port !== PORT.inPort && port !== PORT.local) {
    throw new TextError(name.at, `${name.text} has no queues`);
  }
  return [
    { kind: 'set_queue', queue: parseWrapped(queue, 'queue') },
    output(port),
    { kind: 'pop_queue' },
  ];
}

type ControllerOptions = NonNullable<Parameters<typeof controller>[0]>;

const controllerKeys: Readonly<Record<string, (value: Span) => ControllerOptions>> = {
  reason: (value) => {
    const reason = value.text.toLowerCase();
    if (!(reasons as readonly string[]).includes(reason)) {
      throw new TextError(value.at, `expected one of ${reasons.join(', ')}, found "${value.text}"`);
    }
    return { reason };
  },
  max_len: (value) => ({ maxLength: parseInteger(value, 'max_len', 0, 65535) }),
  id: (value) => ({ controllerId: parseInteger(value, 'controller id', 0, 65535) }),
  userdata: (value) => ({ userdata: parseBytes(value, 'userdata') }),
  pause: () => ({ pause: true }),
  meter_id: (value) => ({ meterId: parseWrapped(value, 'meter_id') }),
};

function readController({ value }: Item): Action {
  if (value.text === '') return controller();
  if (/^[0-9]+$/.test(value.text)) {
    return controller({ maxLength: parseInteger(value, 'max_len', 0, 65535) });
  }
  const options: ControllerOptions = {};
  for (const item of items(value)) {
    const read = controllerKeys[item.key.text];
    if (read === undefined) {
      const known = Object.keys(controllerKeys).join(', ');
      throw new TextError(item.key.at, `expected one of ${known}, found "${item.key.text}"`);
    }
    Object.assign(options, read(item.value));
  }
  const { userdata, meterId, ...rest } = options;
  return controller({
    ...rest,
    ...(userdata?.length && { userdata }),
    // Meter 0 is none.
    ...(meterId && { meterId }),
  });
}

function readResubmit({ value, key }: Item, context: ActionContext): Action {
  const [port, table, ct] = splitAll(value);
  const inPort = port?.text ? parsePort(port, context.options) : PORT.inPort;
  const to = table?.text ? parseTable(table, presentTable) : presentTable;
  if (ct?.text && ct.text !== 'ct') {
    throw new TextError(ct.at, `expected ct, found "${ct.text}"`);
  }
  if (inPort === PORT.inPort && to === presentTable) {
    throw new TextError(key.at, 'resubmit needs a port, a table or both');
  }
  const withTuple = Boolean(ct?.text);
  if (withTuple && !holds('ct', context)) {
    throw new TextError(ct?.at ?? key.at, 'resubmit(…,ct) needs a match on ct_state=+trk');
  }
  return {
    kind: 'resubmit',
    inPort: inPort === PORT.inPort ? null : inPort,
    table: to === presentTable ? null : to,
    ct: withTuple,
  };
}

export const outputActions: readonly ActionDeclaration[] = [
  declareAction(
    'output',
    { output: readOutput, output_reg: readOutput },
    ({ port, maxLength }, { unresolved }) => {
      const name = formatPort(port, unresolved);
      if (port === PORT.controller) return `CONTROLLER:${maxLength ?? wholePacket}`;
      if (maxLength !== undefined) return `output(port=${name},max_len=${maxLength})`;
      return isReserved(port) ? name : `output:${name}`;
    },
  ),
  declareAction('output_subfield', {}, ({ source }) => `output:${formatSubfield(source)}`),
  declareAction('controller', { controller: readController }, (action) => {
    const parts = [
      ...(action.reason === 'action' ? [] : [`reason=${action.reason}`]),
      ...(action.maxLength === wholePacket ? [] : [`max_len=${action.maxLength}`]),
      ...(action.controllerId === 0 ? [] : [`id=${action.controllerId}`]),
      ...(action.userdata?.length ? [`userdata=${formatBytes(action.userdata)}`] : []),
      ...(action.pause ? ['pause'] : []),
      ...(action.meterId === undefined ? [] : [`meter_id=${action.meterId}`]),
    ];
    const plain =
      action.reason === 'action' &&
      action.controllerId === 0 &&
      action.userdata === undefined &&
      !action.pause &&
      action.meterId === undefined;
    return plain ? `CONTROLLER:${action.maxLength}` : `controller(${parts.join(',')})`;
  }),
  declareAction(
    'group',
    {
      group: ({ value }) => ({ kind: 'group', group: parseWrapped(value, 'group') }),
    },
    ({ group }) => `group:${group}`,
  ),
  declareAction('resubmit', { resubmit: readResubmit }, (action, { unresolved }) => {
    const port = action.inPort === null ? '' : formatPort(action.inPort, unresolved);
    if (action.table === null && action.inPort !== null) return `resubmit:${port}`;
    return `resubmit(${port},${action.table ?? ''}${action.ct ? ',ct' : ''})`;
  }),
  declareAction(
    'goto_table',
    { goto_table: ({ value }) => ({ kind: 'goto_table', table: parseTable(value, 255) }) },
    ({ table }) => `goto_table:${table}`,
  ),
  declareAction(
    'set_queue',
    {
      set_queue: ({ value }) => ({ kind: 'set_queue', queue: parseWrapped(value, 'queue') }),
      enqueue: readEnqueue,
    },
    ({ queue }) => `set_queue:${queue}`,
  ),
  declareWord('pop_queue'),
  declareAction(
    'clone',
    { clone: ({ value }, context) => ({ kind: 'clone', actions: context.nested(value, 'clone') }) },
    ({ actions }, _format, list) => `clone(${list(actions)})`,
  ),
  declareAction(
    'write_actions',
    {
      write_actions: ({ value }, context) => {
        const actions = context.nested(value, 'write_actions');
        // An empty one adds nothing: no message carries it.
        return actions.length === 0 ? [] : { kind: 'write_actions', actions };
      },
    },
    ({ actions }, _format, list) => `write_actions(${list(actions)})`,
  ),
  declareWord('clear_actions'),
];
