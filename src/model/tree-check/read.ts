import { Failure } from '../../base/failure.ts';
import type { Change, Kind } from '../objects.ts';
import { Topology } from '../topology.ts';
import { ROOT, decodeEntry, pathOf } from '../tree.ts';
import { named, type Report } from './finding.ts';
import { KINDS, formApart, isObject } from './forms.ts';

/** There while an import is under way: what else is in the tree is not yet whole. */
export const IMPORTING = `${ROOT}/importing`;

/** A node of the tree; values are JSON text. */
export interface TreeEntry {
  readonly path: string;
  readonly value: string;
}

/** A tree, as far as it can be read. */
export interface ReadTree {
  readonly topology: Topology;
  /** Values of the nodes that are neither objects nor of a kind of their own: what is claimed. */
  readonly claims: ReadonlyMap<string, string>;
  /** Objects that cannot be read: what they claim is not known. */
  readonly unread: Set<string>;
  /** Where an object lies, by what {@link named} calls it. */
  readonly places: ReadonlyMap<string, string>;
}

/** Whether there is one, `object` with what it says; anything else is no JSON. */
function parsed(value: string): { readonly json: unknown } | null {
  try {
    return { json: JSON.parse(value) };
  } catch {
    return null;
  }
}

/** Which object a node is, null for a claim; undefined for what cannot be a path of ours. */
function objectAt(path: string): Pick<Change, 'kind' | 'id'> | null | undefined {
  try {
    return decodeEntry(path, null);
  } catch (error) {
    // Percent signs that encode nothing.
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

/** Reads every node, and tells what is not as nodes of its place are. */
export function readTree(entries: Iterable<TreeEntry>, report: Report): ReadTree {
  const topology = new Topology();
  const claims = new Map<string, string>();
  const unread = new Set<string>();
  const places = new Map<string, string>();

  const readObject = (kind: Kind, id: string, { path, value }: TreeEntry): void => {
    const which = named(kind, id);
    const known = places.get(which);
    if (known !== undefined) {
      report('Duplicate', path, `${which} lies at ${known} already; an object has one place`);
      return;
    }
    places.set(which, path);
    const content = parsed(value);
    const wrong = (what: string) => report('Unreadable', path, `${which}: ${what}`);
    if (content === null) wrong('its value is no JSON');
    else if (isObject(kind, content.json, wrong)) {
      if (content.json.id === id) {
        topology.apply({ kind, id, object: content.json } as Change);
        return;
      }
      report('WrongPlace', path, `${kind} ${content.json.id} lies where ${which} belongs`);
    }
    unread.add(id);
  };

  for (const entry of entries) {
    const { path, value } = entry;
    const object = objectAt(path);
    const apart = path.startsWith(`${ROOT}/`) ? formApart(path.slice(ROOT.length + 1)) : undefined;
    if (path === IMPORTING) {
      const remedy = 'import the file again';
      report('ImportUnfinished', path, `an import into this store was cut off; ${remedy}`);
    } else if (object) readObject(object.kind, object.id, entry);
    else if (apart === undefined) claims.set(path, value);
    else if (!apart.fits(parsed(value)?.json)) {
      report('Unreadable', path, `${path} holds ${value}, not ${apart.wanted}`);
    }
  }
  checkPlaces(topology, places, report, unread);
  return { topology, claims, unread, places };
}

/** Each object must lie where its attributes say: that is where everybody looks for it. */
function checkPlaces(
  topology: Topology,
  places: ReadonlyMap<string, string>,
  report: Report,
  unread: Set<string>,
): void {
  for (const kind of KINDS) {
    for (const object of topology.all(kind)) {
      const which = named(kind, object.id);
      const place = places.get(which) ?? '';
      try {
        const right = pathOf(kind, object, topology);
        if (right !== place) {
          report('WrongPlace', place, `${which} lies at ${place}; its place is ${right}`);
        }
      } catch (error) {
        // The network that its path begins with is missing, which its reference tells.
        if (!(error instanceof Failure)) throw error;
        unread.add(object.id);
      }
    }
  }
}
