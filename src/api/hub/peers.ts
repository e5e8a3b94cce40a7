/** What a hub and the servers beside it are to each other. `api/peers` is the one way to be `Peers`. */
import type { FastifyPluginAsync } from 'fastify';
import type { AgentDump, AgentQuery, Plugged } from '../../model/stream.ts';

/** A server that has agents, as it told last. */
export interface OtherServer {
  readonly id: string;
  /** Whether it is linked and has told all; else what it told last may no longer be so. */
  readonly up: boolean;
  /** Its agents have been sent what concerns them up to this revision. */
  readonly at: number;
}

/** An agent that is connected to another server, or was when that was heard of last. */
export interface NodeElsewhere {
  readonly node: string;
  readonly vtep: string;
  /** Of two links of one node's agent the one with the higher term is the later. */
  readonly term: number;
  /** The revision its switch holds; -1 before the first report. */
  readonly revision: number;
  /** The last one it was sent anything of. */
  readonly sent: number;
  readonly server: OtherServer;
}

/** What a node's agent says of its switch beside the dumps. */
export interface NodeState {
  readonly plugged: readonly Plugged[];
  /** Local network ids by VPC. */
  readonly networkIds: Readonly<Record<string, number>>;
  readonly epoch: number | null;
}

/** What one server can ask another of an agent. */
export interface Answering {
  /** @throws {Failure} unavailable. */
  dump(node: string, query: AgentQuery): Promise<AgentDump>;
  /** @throws {Failure} unavailable. */
  state(node: string): Promise<NodeState>;
}

/** What a hub tells other servers of its own agents. */
export interface Home extends Answering {
  /** Its agents have been sent what concerns them up to this revision. */
  readonly revision: number;
  /** No status of a port is about to be written. */
  readonly idle: boolean;
  /** The nodes whose agents are connected here. */
  nodes(): Iterable<string>;
  own(node: string): Omit<NodeElsewhere, 'server'> | undefined;
  /** Another server has taken the node's agent in. */
  joined(there: NodeElsewhere): void;
  /** These have reported to another server, or that server has come to a later revision. */
  reported(nodes: Iterable<string>): void;
  /** No other server has the node's agent any more, as far as is known. */
  left(node: string): void;
}

/** The servers beside this one. */
export interface Peers extends Answering {
  /** How many servers come before this one where one of them must do something. */
  readonly turn: number;
  /** Whether every other server is known with all its agents. */
  readonly complete: boolean;
  /** The latest revision that a linked server's agents have been sent; -1: none is linked. */
  readonly furthest: number;
  /** The last link of the node's agent to another server; undefined: there is none. */
  find(node: string): NodeElsewhere | undefined;
  /** The links of all agents to other servers; a node that moves may be there twice. */
  nodes(): Iterable<NodeElsewhere>;
  /** Whether the switches of all nodes elsewhere hold what there was up to `revision`. */
  settled(revision: number): boolean;
  /** From now on other servers are told of `home`. */
  attach(home: Home): void;
  /** Something about a node of this server is to be told. */
  tell(news: 'joined' | 'reported' | 'left', node: string): void;
  /** This server has come to a later revision, or has become idle or busy. */
  advanced(): void;
  /** Where the other servers link to this one; within a plugin that has WebSockets. */
  readonly plugin: FastifyPluginAsync | null;
}

const nobody = (): never => {
  throw new RangeError('there is no other server to ask');
};

/** The only server of its store. */
export const ALONE: Peers = {
  turn: 0,
  complete: true,
  furthest: -1,
  plugin: null,
  find: () => undefined,
  nodes: () => [],
  settled: () => true,
  attach: () => undefined,
  tell: () => undefined,
  advanced: () => undefined,
  dump: nobody,
  state: nobody,
};
