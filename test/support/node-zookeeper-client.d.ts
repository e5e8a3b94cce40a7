/** As much of node-zookeeper-client 1.1 as the tests use; it brings no types of its own. */
declare module 'node-zookeeper-client' {
  type Done<A extends readonly unknown[]> = (error: Exception | null, ...answer: A) => void;

  interface Exception extends Error {
    readonly code: number;
  }

  /** Longs are eight bytes. */
  interface Stat {
    readonly czxid: Buffer;
    readonly mzxid: Buffer;
    readonly pzxid: Buffer;
    readonly ctime: Buffer;
    readonly mtime: Buffer;
    readonly version: number;
    readonly cversion: number;
    readonly aversion: number;
    readonly ephemeralOwner: Buffer;
    readonly dataLength: number;
    readonly numChildren: number;
  }

  class Id {
    constructor(scheme: string, id: string);
    readonly scheme: string;
    readonly id: string;
  }

  class ACL {
    constructor(permission: number, id: Id);
    readonly permission: number;
    readonly id: Id;
  }

  interface Transaction {
    readonly ops: { version?: number }[];
    create(path: string, data: Buffer | null, acls: ACL[], mode: number): this;
    remove(path: string, version: number): this;
    setData(path: string, data: Buffer | null, version: number): this;
    check(path: string, version: number): this;
    commit(
      done: Done<[{ readonly type: number; readonly path?: string; readonly stat?: Stat }[]?]>,
    ): void;
  }

  interface Client {
    once(event: 'connected', listener: () => void): this;
    connect(): void;
    close(): void;
    getSessionId(): Buffer;
    create(
      path: string,
      data: Buffer | null,
      acls: ACL[],
      mode: number,
      done: Done<[string?]>,
    ): void;
    remove(path: string, version: number, done: Done<[]>): void;
    setData(path: string, data: Buffer | null, version: number, done: Done<[Stat?]>): void;
    getData(path: string, done: Done<[Buffer?, Stat?]>): void;
    exists(path: string, done: Done<[Stat?]>): void;
    getChildren(path: string, done: Done<[string[]?, Stat?]>): void;
    getACL(path: string, done: Done<[ACL[]?, Stat?]>): void;
    setACL(path: string, acls: ACL[], version: number, done: Done<[Stat?]>): void;
    transaction(): Transaction;
  }

  function createClient(connectString: string): Client;

  const client: { createClient: typeof createClient; ACL: typeof ACL; Id: typeof Id };
  export default client;
  export type { Client, Stat, Exception };
}
