/** Many operations in one packet: `multi` changes all or nothing, `multiRead` reads each for itself. */
import { errorCode } from './errors.ts';
import { bool, int, record, text, type Codec, type JuteReader, type JuteWriter } from './jute.ts';
import {
  created,
  createOf,
  createRequest,
  dataAndStat,
  names,
  readRequest,
  setRequest,
  TYPE,
  versioned,
  withStat,
  type Operation,
} from './messages.ts';
import type { MultiOp, MultiResult, ReadOp, ReadResult } from './types.ts';

/** A part of the answer to a multi; `refused` with 0: because of another operation. */
export type ChangeResult =
  | { readonly op: 'create'; readonly path: string }
  | Exclude<MultiResult, { readonly op: 'create' }>
  | { readonly op: 'refused'; readonly err: number };

/** Stands before each part, and with `done` after the last. */
const partHeader = record({ type: int, done: bool, err: int });
const AFTER_LAST = { type: -1, done: true, err: -1 };

function writePart<Q>(to: JuteWriter, type: number, codec: Codec<Q>, part: Q): void {
  partHeader.write(to, { type, done: false, err: -1 });
  codec.write(to, part);
}

/** A part of a multi, and its path in the servers' tree. */
interface Placed {
  readonly op: MultiOp;
  readonly path: string;
}

function writeChange(to: JuteWriter, { op, path }: Placed): void {
  switch (op.op) {
    case 'create': {
      const type = op.mode === 'container' ? TYPE.createContainer : TYPE.create;
      return writePart(to, type, createRequest, createOf(path, op.data, op));
    }
    case 'delete':
      return writePart(to, TYPE.delete, versioned, { path, version: op.version });
    case 'set':
      return writePart(to, TYPE.setData, setRequest, { path, data: op.data, version: op.version });
    case 'check':
      return writePart(to, TYPE.check, versioned, { path, version: op.version });
  }
}

const writeRead = (to: JuteWriter, { op, path }: ReadOp): void =>
  writePart(to, op === 'get' ? TYPE.getData : TYPE.getChildren, readRequest, {
    path,
    watch: false,
  });

/** How a part is read, by its number. */
type Parts<A> = Readonly<Record<number, (from: JuteReader) => A>>;

const CHANGED: Parts<ChangeResult> = {
  [TYPE.create]: (from) => ({ op: 'create', path: text.read(from) }),
  // A container's.
  [TYPE.create2]: (from) => ({ op: 'create', path: created.read(from).path }),
  [TYPE.delete]: () => ({ op: 'delete' }),
  [TYPE.setData]: (from) => ({ op: 'set', stat: withStat.read(from).stat }),
  [TYPE.check]: () => ({ op: 'check' }),
  [TYPE.error]: (from) => ({ op: 'refused', err: from.int() }),
};

const READ: Parts<ReadResult> = {
  [TYPE.getData]: (from) => {
    const { data, stat } = dataAndStat.read(from);
    return { op: 'get', data, stat };
  },
  [TYPE.getChildren]: (from) => ({ op: 'children', children: names.read(from).children }),
  [TYPE.error]: (from) => ({ op: 'error', code: errorCode(from.int()) }),
};

/** Headers are read without being made into objects: there are as many as nodes. */
function readParts<A>(from: JuteReader, parts: Parts<A>): readonly A[] {
  const all: A[] = [];
  for (;;) {
    const type = from.int();
    const done = from.bool();
    from.int();
    if (done) return all;
    const read = parts[type];
    if (read === undefined) throw new RangeError(`a part of type ${type} in the answer to a multi`);
    all.push(read(from));
  }
}

const ofParts = <Q, A>(
  type: number,
  write: (to: JuteWriter, part: Q) => void,
  parts: Parts<A>,
): Operation<readonly Q[], readonly A[]> => ({
  type,
  write: (to, all) => {
    for (const part of all) write(to, part);
    partHeader.write(to, AFTER_LAST);
  },
  read: (from) => readParts(from, parts),
});

export const multi = ofParts(TYPE.multi, writeChange, CHANGED);
export const multiRead = ofParts(TYPE.multiRead, writeRead, READ);
