/** Whom the hub lets in: agents that prove their node, are not ahead of this server, and share no node. */
import type { BaseLogger } from 'pino';
import { Failure } from '../../base/failure.ts';
import { PLANNERS, type Requester } from '../../model/plan.ts';
import type { AgentMessage } from '../../model/stream.ts';
import { sound } from '../alarms.ts';
import type { Runtime } from '../runtime.ts';
import { prove, refusal, stands, type CredentialList, type Proof } from './credentials.ts';
import type { Nodes } from './nodes.ts';

export type Hello = Extract<AgentMessage, { type: 'hello' }>;

/** Who registers a node: one that can go to another server, and is not to wait for the store here. */
const AGENT: Requester = { projectId: 'default', admin: true };
/** How long a node that holds more than this server is waited with until the server has it too. */
const CATCHING_UP_MS = 2_000;

export class Admission {
  readonly #runtime: Runtime;
  readonly #nodes: Nodes;
  readonly #log: BaseLogger;
  readonly #credentials: (() => CredentialList) | null;

  /** @param credentials What agents that come over the network must prove; null: nothing. */
  constructor(
    runtime: Runtime,
    nodes: Nodes,
    log: BaseLogger,
    credentials: (() => CredentialList) | null,
  ) {
    this.#runtime = runtime;
    this.#nodes = nodes;
    this.#log = log;
    this.#credentials = credentials;
  }

  /**
   * The node that an agent proves to speak for by its header Authorization; null: none is asked for.
   * @throws {Failure} forbidden.
   */
  prove(header: string | undefined): Proof | null {
    if (this.#credentials === null) return null;
    try {
      return prove(header, this.#credentials());
    } catch (error) {
      sound(this.#log, 'agent_refused', { err: error });
      throw error;
    }
  }

  /** Why an agent with this proof is not to stay; null: it may. */
  objection(proof: Proof | null): Failure | null {
    const list = this.#credentials?.();
    if (proof === null || list === undefined || stands(proof, list)) return null;
    return refusal(
      `The credential of node ${proof.node} was withdrawn`,
      'make a new one with tianchi agent-credential',
    );
  }

  /**
   * Resolves once the agent may be welcomed, and its node's object says what it says.
   * @throws {Failure} forbidden: its credential is not this node's; conflict: the node is connected
   *   with another VTEP, or of the plan; unavailable: another server may do, this one cannot now.
   */
  async admit(proof: Proof | null, hello: Hello): Promise<void> {
    const objection = this.objection(proof);
    if (objection !== null) throw objection;
    if (proof !== null && proof.node !== hello.node) {
      throw refusal(
        `The credential is node ${proof.node}'s and does not speak for node ${hello.node}`,
        `start the agent with the credential of ${hello.node}`,
      );
    }
    await this.#catchUp(hello);
    await this.#register(hello);
  }

  /**
   * Makes the node's object say what its agent says.
   * @throws {Failure} of the plan; unavailable.
   */
  async write({ node, vtep, datapath }: Pick<Hello, 'node' | 'vtep' | 'datapath'>): Promise<void> {
    const said = { vtep, agent_alive: true, ...(datapath === undefined ? {} : { datapath }) };
    await this.#runtime.execute(
      (topology, context) =>
        topology.get('node', node) === undefined
          ? PLANNERS.node.create(topology, { name: node, ...said }, context)
          : PLANNERS.node.update(topology, node, said, context),
      AGENT,
    );
  }

  /** Takes no node back in time: to what was before what it holds, or before what others know. */
  async #catchUp({ store, revision, stale }: Hello): Promise<void> {
    const runtime = this.#runtime;
    const behind = () =>
      store === runtime.storeId && revision !== null && revision > runtime.revision;
    for (
      let waited = 0;
      runtime.health.fresh && behind() && waited < CATCHING_UP_MS;
      waited += 10
    ) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    if (runtime.health.fresh || (stale === true && !behind())) return;
    throw lostStore();
  }

  async #register(hello: Hello): Promise<void> {
    const { node, vtep } = hello;
    const connected = this.#nodes.vtep(node);
    if (connected !== undefined && connected !== vtep) {
      throw new Failure(
        'conflict',
        'NodeConnected',
        `Node ${node} is connected with VTEP ${connected} and can't be ${vtep} too; stop the other agent or use another name.`,
        { field: 'vtep', value: vtep },
      );
    }
    if (this.#runtime.health.fresh) return this.write(hello);
    // What it says anew is written when the store is back and it comes again, or is marked.
    if (this.#runtime.topology.get('node', node)?.vtep !== vtep) throw lostStore();
  }
}

const lostStore = (): Failure =>
  new Failure('unavailable', 'StoreUnavailable', 'this server has lost its store');
