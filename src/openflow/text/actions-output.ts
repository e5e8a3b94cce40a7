/** Actions and instructions that send a packet somewhere: to a port, a group, a table, a controller. */
import { controller, output } from '../build.ts';
import { PORT, type Action } from '../flow.ts';
import { declareAction, type ActionContext, type ActionDeclaration } from './action.ts';
import { formatSubfield, parseSubfield } from './names.ts';
import { formatPort, isReserved, parsePort, tryParsePort } from './ports.ts';
import {
  formatBytes,
  items,
  parseBytes,
  parseInteger,
  slice,
  TextError,
  trim,
  type Item,
  type Span,
} from './span.ts';

const reasons = ['no_match', 'action', 'invalid_ttl', 'action_set', 'group', 'packet_out'] as const;
const wholePacket = 65535;

/** One form for every way to say "to the controller". */
export function outputTo(port: number): Action {
  return port === PORT.controller ? controller() : output(port);
}

function readTruncated(value: Span, context: ActionContext): Action {
  let port: number | undefined;
  let maxLength: number | undefined;
  for (const item of items(value)) {
    if (item.key.text === 'port') port = parsePort(item.value, context.options);
    else if (item.key.text === 'max_len') {
      maxLength = parseInteger(item.value, 'max_len', 14, 0xffffffff);
    } else throw new TextError(item.key.at, `expected port or max_len, found "${item.key.text}"`);
  }
  if (port === undefined || maxLength === undefined) {
    throw new TextError(value.at, 'expected output(port=PORT,max_len=BYTES)');
  }
  return { kind: 'output', port, maxLength };
}

function readOutput({ value, form }: Item, context: ActionContext): Action {
  if (form === 'call') return readTruncated(value, context);
  const port = tryParsePort(value.text, context.options);
  if (port !== null) return outputTo(port);
  if (/^[A-Za-z]\w*(\[|$)/.test(value.text)) {
    try {
      return { kind: 'output_subfield', source: parseSubfield(value) };
    } catch {
      // Neither: the message should speak of ports, which it is likelier to be.
    }
  }
  return outputTo(parsePort(value, context.options));
}

type ControllerOptions = NonNullable<Parameters<typeof controller>[0]>;

const controllerKeys: Readonly<Record<string, (value: Span) => ControllerOptions>> = {
  reason: (value) => {
    if (!(reasons as readonly string[]).includes(value.text)) {
      throw new TextError(value.at, `expected one of ${reasons.join(', ')}, found "${value.text}"`);
    }
    return { reason: value.text };
  },
  max_len: (value) => ({ maxLength: parseInteger(value, 'max_len', 0, 65535) }),
  id: (value) => ({ controllerId: parseInteger(value, 'controller id', 0, 65535) }),
  userdata: (value) => ({ userdata: parseBytes(value, 'userdata') }),
  pause: () => ({ pause: true }),
  meter_id: (value) => ({ meterId: parseInteger(value, 'meter_id', 0, 0xffffffff) }),
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
  return controller(options);
}

function readResubmit({ value, form, key }: Item, context: ActionContext): Action {
  const [port, table, ct, more] = splitAll(value);
  const inPort = port?.text ? parsePort(port, context.options) : PORT.inPort;
  const to = table?.text ? parseInteger(table, 'table', 0, 255) : 255;
  if (more !== undefined || (ct !== undefined && ct.text !== '' && ct.text !== 'ct')) {
    throw new TextError(
      (more ?? ct ?? value).at,
      'expected resubmit(PORT,TABLE) or (PORT,TABLE,ct)',
    );
  }
  if (form === 'word' || (inPort === PORT.inPort && to === 255)) {
    throw new TextError(key.at, 'resubmit needs a port, a table or both');
  }
  return {
    kind: 'resubmit',
    inPort: inPort === PORT.inPort ? null : inPort,
    table: to === 255 ? null : to,
    ct: ct?.text === 'ct',
  };
}

/** The parts between commas, empty ones too. */
function splitAll(span: Span): Span[] {
  const parts: Span[] = [];
  let start = 0;
  for (const text of span.text.split(',')) {
    parts.push(trim(slice(span, start, start + text.length)));
    start += text.length + 1;
  }
  return parts;
}

export const outputActions: readonly ActionDeclaration[] = [
  declareAction('output', { output: readOutput }, ({ port, maxLength }, { unresolved }) => {
    const name = formatPort(port, unresolved);
    if (port === PORT.controller) return `CONTROLLER:${maxLength ?? wholePacket}`;
    if (maxLength !== undefined) return `output(port=${name},max_len=${maxLength})`;
    return isReserved(port) ? name : `output:${name}`;
  }),
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
      group: ({ value }) => ({ kind: 'group', group: parseInteger(value, 'group', 0, 0xffffffff) }),
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
    {
      goto_table: ({ value }) => ({
        kind: 'goto_table',
        table: parseInteger(value, 'table', 0, 254),
      }),
    },
    ({ table }) => `goto_table:${table}`,
  ),
  declareAction(
    'clone',
    { clone: ({ value }, context) => ({ kind: 'clone', actions: context.nested(value) }) },
    ({ actions }, _format, list) => `clone(${list(actions)})`,
  ),
  declareAction(
    'write_actions',
    {
      write_actions: ({ value }, context) => ({
        kind: 'write_actions',
        actions: context.nested(value),
      }),
    },
    ({ actions }, _format, list) => `write_actions(${list(actions)})`,
  ),
  declareAction(
    'clear_actions',
    { clear_actions: () => ({ kind: 'clear_actions' }) },
    () => 'clear_actions',
  ),
];
