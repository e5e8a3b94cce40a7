import type { Topology } from '../../model/topology.ts';
import { type Access, OPERATOR } from '../auth/rules.ts';
import { shown, view } from '../rest/resource.ts';
import { choice, text } from '../rest/schemas.ts';

interface Zone {
  readonly name: string;
  readonly resource: 'network' | 'router';
  readonly state: 'available' | 'unavailable';
}

/** What Nova calls the one that it has when it is not told of any. */
export const ZONE = 'nova';

const EVERYONES: Access = { ...OPERATOR, get: 'anyone' };

function* zones(topology: Topology): Iterable<Zone> {
  const served = [...topology.all('node')].some((node) => node.agent_alive !== false);
  const state = served ? 'available' : 'unavailable';
  for (const resource of ['network', 'router'] as const) yield { name: ZONE, resource, state };
}

/** All nodes are in one zone. */
export const availabilityZones = view({
  collection: 'availability_zones',
  member: 'availability_zone',
  typeName: 'AvailabilityZone',
  idAttribute: 'name',
  attributes: {
    name: shown(text()),
    resource: shown(choice('network', 'router')),
    state: shown(choice('available', 'unavailable')),
  },
  access: EVERYONES,
  source: {
    all: zones,
    get: (name, topology) => [...zones(topology)].find((zone) => zone.name === name),
  },
});
