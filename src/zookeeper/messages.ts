/** ZooKeeper 3.8's messages (`zookeeper.jute`, `ZooDefs.OpCode`), as declarations. */
import {
  bool,
  buffer,
  int,
  long,
  nothing,
  record,
  text,
  vector,
  type Codec,
  type JuteReader,
  type JuteWriter,
} from './jute.ts';
import type { Acl, CreateMode, CreateOptions, Stat } from './types.ts';

/** The xids of packets that are not answered in turn. */
export const XID = { notification: -1, ping: -2, auth: -4, setWatches: -8 } as const;

/** A request's number, how it is written and how its answer is read. */
export interface Operation<Q, A> {
  readonly type: number;
  readonly write: (to: JuteWriter, request: Q) => void;
  readonly read: (from: JuteReader) => A;
}

export const connectRequest = record({
  protocolVersion: int,
  lastZxidSeen: long,
  timeoutMs: int,
  session: long,
  password: buffer,
  readOnly: bool,
});

export const connectResponse = record({
  protocolVersion: int,
  timeoutMs: int,
  session: long,
  password: buffer,
});

/** A request has none but for its first field, which is followed by its type. */
export const replyHeader = record({ xid: int, zxid: long, err: int });

export const watcherEvent = record({ type: int, state: int, path: text });

/** Written out: a million of them are read when a server starts. */
const stat: Codec<Stat> = {
  write: (to, value) => {
    to.long(value.czxid);
    to.long(value.mzxid);
    to.long(BigInt(value.ctime));
    to.long(BigInt(value.mtime));
    to.int(value.version);
    to.int(value.cversion);
    to.int(value.aversion);
    to.long(value.ephemeralOwner);
    to.int(value.dataLength);
    to.int(value.numChildren);
    to.long(value.pzxid);
  },
  read: (from) => ({
    czxid: from.long(),
    mzxid: from.long(),
    ctime: from.smallLong(),
    mtime: from.smallLong(),
    version: from.int(),
    cversion: from.int(),
    aversion: from.int(),
    ephemeralOwner: from.long(),
    dataLength: from.int(),
    numChildren: from.int(),
    pzxid: from.long(),
  }),
};

const identity = record({ scheme: text, id: text });

const acl: Codec<Acl> = {
  write: (to, { perms, scheme, id }) => {
    to.int(perms);
    identity.write(to, { scheme, id });
  },
  read: (from) => {
    const perms = from.int();
    return { perms, ...identity.read(from) };
  },
};

/** The `flags` of a create. */
export const CREATE_FLAGS: Readonly<Record<CreateMode, number>> = {
  persistent: 0,
  ephemeral: 1,
  persistent_sequential: 2,
  ephemeral_sequential: 3,
  container: 4,
};

/** How `addWatch` tells the modes. */
export const WATCH_MODES = { persistent: 0, recursive: 1 } as const;
/** `removeWatches` of whatever kind. */
export const ANY_WATCH = 3;

/** The numbers of requests, and of the parts of a multi. */
export const TYPE = {
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  getAcl: 6,
  setAcl: 7,
  getChildren: 8,
  sync: 9,
  ping: 11,
  getChildren2: 12,
  check: 13,
  multi: 14,
  create2: 15,
  removeWatches: 18,
  createContainer: 19,
  multiRead: 22,
  auth: 100,
  setWatches2: 105,
  addWatch: 106,
  closeSession: -11,
  error: -1,
} as const;

const OPEN_TO_ALL: readonly Acl[] = [{ perms: 31, scheme: 'world', id: 'anyone' }];

/** Text is written as its UTF-8, without being made into bytes before. */
const content: Codec<Uint8Array | string | null> = {
  write: (to, value) => (typeof value === 'string' ? to.text(value) : to.buffer(value)),
  read: buffer.read,
};

/** The records that several requests and the parts of multis share. */
export const onePath = record({ path: text });
export const readRequest = record({ path: text, watch: bool });
export const createRequest = record({ path: text, data: content, acl: vector(acl), flags: int });
export const created = record({ path: text, stat });
export const versioned = record({ path: text, version: int });
export const setRequest = record({ path: text, data: content, version: int });
export const withStat = record({ stat });
export const dataAndStat = record({ data: buffer, stat });
export const names = record({ children: vector(text) });

/** A create as it is sent. */
export const createOf = (
  path: string,
  data: Uint8Array | string | null,
  { mode = 'persistent', acl = OPEN_TO_ALL }: CreateOptions,
) => ({ path, data, acl, flags: CREATE_FLAGS[mode] });

const operation = <Q, A>(type: number, request: Codec<Q>, reply: Codec<A>): Operation<Q, A> => ({
  type,
  write: request.write,
  read: reply.read,
});

export const OPERATIONS = {
  create: operation(TYPE.create2, createRequest, created),
  createContainer: operation(TYPE.createContainer, createRequest, created),
  delete: operation(TYPE.delete, versioned, nothing),
  set: operation(TYPE.setData, setRequest, withStat),
  get: operation(TYPE.getData, readRequest, dataAndStat),
  exists: operation(TYPE.exists, readRequest, withStat),
  children: operation(TYPE.getChildren2, readRequest, record({ children: vector(text), stat })),
  sync: operation(TYPE.sync, onePath, onePath),
  getAcl: operation(TYPE.getAcl, onePath, record({ acl: vector(acl), stat })),
  setAcl: operation(TYPE.setAcl, record({ path: text, acl: vector(acl), version: int }), withStat),
  addWatch: operation(TYPE.addWatch, record({ path: text, mode: int }), nothing),
  removeWatches: operation(TYPE.removeWatches, record({ path: text, type: int }), nothing),
  setWatches: operation(
    TYPE.setWatches2,
    record({
      relativeZxid: long,
      data: vector(text),
      exist: vector(text),
      child: vector(text),
      persistent: vector(text),
      recursive: vector(text),
    }),
    nothing,
  ),
  auth: operation(TYPE.auth, record({ type: int, scheme: text, auth: buffer }), nothing),
  ping: operation(TYPE.ping, nothing, nothing),
  closeSession: operation(TYPE.closeSession, nothing, nothing),
} as const;
