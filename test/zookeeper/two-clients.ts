/** The same operation through our client and through node-zookeeper-client, with answers that compare. */
import oracle, {
  type Client,
  type Exception,
  type Stat as OracleStat,
} from 'node-zookeeper-client';
import { errorCode } from '../../src/zookeeper/errors.ts';
import {
  ZooKeeperError,
  type Acl,
  type CreateMode,
  type MultiOp,
  type MultiResult,
  type Stat,
  type ZooKeeper,
} from '../../src/zookeeper/index.ts';

export type Operation =
  | { readonly op: 'create'; path: string; data: Uint8Array | null; mode: CreateMode; acl: Acl[] }
  | { readonly op: 'delete'; path: string; version: number }
  | { readonly op: 'set'; path: string; data: Uint8Array | null; version: number }
  | { readonly op: 'get' | 'exists' | 'children' | 'getAcl'; path: string }
  | { readonly op: 'setAcl'; path: string; acl: Acl[]; version: number }
  | { readonly op: 'multi'; ops: MultiOp[] };

/** What an operation answers, zxids and times included. */
export interface Answer {
  readonly error?: string;
  readonly path?: string;
  readonly data?: string | null;
  readonly stat?: Stat | null;
  readonly children?: readonly string[];
  readonly acl?: readonly Acl[];
  readonly results?: readonly MultiResult[];
}

export type Side = (operation: Operation) => Promise<Answer>;

const hex = (data: Uint8Array | null | undefined): string | null =>
  data === null || data === undefined ? null : Buffer.from(data).toString('hex');

const sorted = (names: readonly string[]): readonly string[] => [...names].sort();

/** Our client. */
export const ours =
  (zk: ZooKeeper): Side =>
  async (operation) => {
    try {
      return await askOurs(zk, operation);
    } catch (error) {
      if (error instanceof ZooKeeperError) return { error: error.code };
      throw error;
    }
  };

async function askOurs(zk: ZooKeeper, operation: Operation): Promise<Answer> {
  switch (operation.op) {
    case 'create':
      return { path: (await zk.create(operation.path, operation.data, operation)).path };
    case 'delete':
      await zk.delete(operation.path, operation.version);
      return {};
    case 'set':
      return { stat: await zk.set(operation.path, operation.data, operation.version) };
    case 'get': {
      const { data, stat } = await zk.get(operation.path);
      return { data: hex(data), stat };
    }
    case 'exists':
      return { stat: await zk.exists(operation.path) };
    case 'children': {
      const { children, stat } = await zk.children(operation.path);
      return { children: sorted(children), stat };
    }
    case 'getAcl':
      return zk.getAcl(operation.path);
    case 'setAcl':
      return { stat: await zk.setAcl(operation.path, operation.acl, operation.version) };
    default:
      return { results: await zk.multi(operation.ops) };
  }
}

const FLAGS: Readonly<Record<string, number>> = {
  persistent: 0,
  ephemeral: 1,
  persistent_sequential: 2,
  ephemeral_sequential: 3,
};

const statOf = (stat: OracleStat): Stat => ({
  czxid: stat.czxid.readBigInt64BE(),
  mzxid: stat.mzxid.readBigInt64BE(),
  pzxid: stat.pzxid.readBigInt64BE(),
  ctime: Number(stat.ctime.readBigInt64BE()),
  mtime: Number(stat.mtime.readBigInt64BE()),
  version: stat.version,
  cversion: stat.cversion,
  aversion: stat.aversion,
  ephemeralOwner: stat.ephemeralOwner.readBigInt64BE(),
  dataLength: stat.dataLength,
  numChildren: stat.numChildren,
});

const bufferOf = (data: Uint8Array | string | null) => (data === null ? null : Buffer.from(data));

const aclsOf = (acl: readonly Acl[]) =>
  acl.map(({ perms, scheme, id }) => new oracle.ACL(perms, new oracle.Id(scheme, id)));

/** node-zookeeper-client. */
export const theirs =
  (client: Client): Side =>
  (operation) =>
    new Promise((resolve) => {
      askTheirs(client, operation, (error, answer) =>
        resolve(
          error === null || error === undefined ? answer() : { error: errorCode(error.code) },
        ),
      );
    });

/** The oracle's callbacks give the error, and the answer only where there is none. */
type Settle = (error: Exception | null | undefined, answer: () => Answer) => void;

function askTheirs(client: Client, operation: Operation, settle: Settle): void {
  switch (operation.op) {
    case 'create': {
      const { path, data, mode, acl } = operation;
      client.create(path, bufferOf(data), aclsOf(acl), FLAGS[mode] ?? 0, (error, made = '') =>
        settle(error, () => ({ path: made })),
      );
      break;
    }
    case 'delete':
      client.remove(operation.path, operation.version, (error) => settle(error, () => ({})));
      break;
    case 'set':
      client.setData(operation.path, bufferOf(operation.data), operation.version, (error, stat) =>
        settle(error, () => ({ stat: stat ? statOf(stat) : null })),
      );
      break;
    case 'get':
      client.getData(operation.path, (error, data, stat) =>
        settle(error, () => ({ data: hex(data), stat: stat ? statOf(stat) : null })),
      );
      break;
    case 'exists':
      client.exists(operation.path, (error, stat) =>
        settle(error, () => ({ stat: stat ? statOf(stat) : null })),
      );
      break;
    case 'children':
      client.getChildren(operation.path, (error, children = [], stat) =>
        settle(error, () => ({ children: sorted(children), stat: stat ? statOf(stat) : null })),
      );
      break;
    case 'getAcl':
      client.getACL(operation.path, (error, acls = [], stat) =>
        settle(error, () => ({
          acl: acls.map(({ permission, id }) => ({
            perms: permission,
            scheme: id.scheme,
            id: id.id,
          })),
          stat: stat ? statOf(stat) : null,
        })),
      );
      break;
    case 'setAcl': {
      const { path, acl, version } = operation;
      client.setACL(path, aclsOf(acl), version, (error, stat) =>
        settle(error, () => ({ stat: stat ? statOf(stat) : null })),
      );
      break;
    }
    default:
      commitTheirs(client, operation.ops, settle);
      break;
  }
}

function commitTheirs(client: Client, ops: readonly MultiOp[], settle: Settle): void {
  const transaction = client.transaction();
  for (const op of ops) {
    if (op.op === 'create') {
      const { path, data, mode = 'persistent', acl = [] } = op;
      transaction.create(path, bufferOf(data), aclsOf(acl), FLAGS[mode] ?? 0);
      continue;
    }
    if (op.op === 'set') transaction.setData(op.path, bufferOf(op.data), op.version);
    else if (op.op === 'delete') transaction.remove(op.path, op.version);
    else transaction.check(op.path, op.version);
    // The oracle takes version 0 for «any».
    const last = transaction.ops.at(-1);
    if (last !== undefined) last.version = op.version;
  }
  transaction.commit((error, results = []) =>
    settle(error, () => ({
      results: results.map(({ path = '', stat }, index): MultiResult => {
        const op = ops[index]?.op ?? 'check';
        if (op === 'create') return { op, path, czxid: 0n };
        if (op === 'set' && stat !== undefined) return { op, stat: statOf(stat) };
        return op === 'set' ? { op: 'check' } : { op };
      }),
    })),
  );
}
