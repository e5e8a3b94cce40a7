/** What can be done with the objects of a resource, as its declaration says. */
import type { TSchema } from 'typebox';
import type { Plan, PlanContext } from '../../model/plan.ts';
import type { Topology } from '../../model/topology.ts';
import type { Caller } from '../auth/caller.ts';
import type { Rule } from '../auth/rules.ts';

/** Whose objects are asked for. */
export interface Scope {
  readonly caller: Caller;
  /** Of a sub-collection: the id of the object above it; else ''. */
  readonly parent: string;
}

/** Where the objects of a collection come from. */
export interface Source<O> {
  all(topology: Topology, scope: Scope): Iterable<O>;
  get(id: string, topology: Topology, scope: Scope): O | undefined;
}

/** What a request changes; `never`, as what is given was held against its schema, not its type. */
export interface Plans {
  readonly create?: (
    topology: Topology,
    input: never,
    context: PlanContext,
    parent: string,
  ) => Plan<object>;
  readonly update?: (
    topology: Topology,
    id: string,
    patch: never,
    context: PlanContext,
    parent: string,
  ) => Plan<object>;
  readonly delete?: (
    topology: Topology,
    id: string,
    context: PlanContext,
    parent: string,
  ) => Plan<unknown>;
}

/** A request for an action. */
export interface Call<B = unknown> extends Scope {
  readonly id: string;
  readonly body: B;
  readonly query: URLSearchParams;
  /** All that the path names. */
  readonly params: Readonly<Record<string, string>>;
}

/** What can be done to an object beside creating, showing, changing and deleting it. */
export interface ActionOf<B, R> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Last in the path; with parts such as `:tag` that are in `params`. */
  readonly name: string;
  /** Who may, of those who see the object. */
  readonly access: Rule;
  /** Type of the body; left out: none is read. */
  readonly body?: TSchema;
  /** The one key of the body that holds it; left out: it is the body itself. */
  readonly key?: string;
  /** Of the answer; 200 when left out. */
  readonly status?: number;
  /** Left out: nothing is written, and `answer` gets the object itself. */
  readonly plan?: (topology: Topology, call: Call<B>, context: PlanContext) => Plan<R>;
  /** Left out: the object that the plan returns, as a GET shows it; undefined: nothing. */
  readonly answer?: (result: R, topology: Topology, call: Call<B>) => unknown;
}

export interface AnyAction extends Omit<ActionOf<never, unknown>, 'answer'> {
  readonly answer?: (result: never, topology: Topology, call: Call<never>) => unknown;
}

export const action = <B, R>(declaration: ActionOf<B, R>): AnyAction => declaration;
