import { Failure } from '../../base/failure.ts';
import type { IndexName, Topology } from '../../model/topology.ts';
import { allows, found, type Rule, type Target } from '../auth/rules.ts';
import { shorten } from './check.ts';
import { present, presentText, readerOf } from './present.ts';
import type { AnyResource, Scope } from './resource.ts';

/** A collection as one caller sees it now: what he may not see is not in it. */
export class Sight {
  readonly of: AnyResource;
  readonly topology: Topology;
  readonly scope: Scope;

  constructor(of: AnyResource, topology: Topology, scope: Scope) {
    this.of = of;
    this.topology = topology;
    this.scope = scope;
  }

  *all(): Iterable<object> {
    const { kind, source, access } = this.of;
    const ids = kind === null ? null : found(access.get, this.scope.caller, kind, this.topology);
    if (ids === null) {
      for (const object of source.all(this.topology, this.scope)) {
        if (this.#shows(object)) yield object;
      }
      return;
    }
    for (const id of ids) {
      const object = source.get(id, this.topology, this.scope);
      if (object !== undefined) yield object;
    }
  }

  get(id: string): object | undefined {
    const object = this.of.source.get(id, this.topology, this.scope);
    return object !== undefined && this.#shows(object) ? object : undefined;
  }

  /**
   * @param rule Who of those that see it is told so.
   * @throws {Failure} `not_found`, in the same words whether it is not there or not to be seen.
   */
  existing(id: string, rule: Rule = 'anyone'): object {
    const object = this.get(id);
    const { caller } = this.scope;
    if (object !== undefined && allows(rule, caller, object as Target, this.topology)) {
      return object;
    }
    const { typeName, collection } = this.of;
    throw new Failure(
      'not_found',
      `${typeName}NotFound`,
      `${typeName} ${shorten(id).slice(1, -1)} could not be found`,
      { field: 'id', value: id, remedy: `GET /v2.0/${collection} lists all` },
    );
  }

  /** The objects that belong to a project. */
  *ownedBy(project: string): Iterable<object> {
    if (this.of.kind === null) return;
    for (const id of this.topology.owned(this.of.kind, project)) {
      const object = this.get(id);
      if (object !== undefined) yield object;
    }
  }

  /** The objects that an index files under `key`. */
  *find(index: IndexName, key: string): Iterable<object> {
    for (const id of this.topology.find(index, key)) {
      const object = this.get(id);
      if (object !== undefined) yield object;
    }
  }

  idOf(object: object): string {
    return String(this.reader(this.of.idAttribute)(object));
  }

  /** Reads what is shown of an object for one attribute. */
  reader(attribute: string): (object: object) => unknown {
    return readerOf(this.of, attribute, this.topology, this.scope.caller);
  }

  present(object: object, fields?: ReadonlySet<string>): Record<string, unknown> {
    return present(this.of, object, this.topology, this.scope.caller, fields);
  }

  /** As `present`, as JSON. */
  presentText(object: object, fields: ReadonlySet<string> = new Set()): string {
    return presentText(this.of, object, this.topology, this.scope.caller, fields);
  }

  #shows(object: object): boolean {
    return allows(this.of.access.get, this.scope.caller, object as Target, this.topology);
  }
}
