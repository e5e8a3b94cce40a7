/** The objects of a capture: as the server tells them, or as far as the switches themselves know them. */
import type { Change, Kind, Network, Node, Port } from '../../model/objects.ts';
import { Topology } from '../../model/topology.ts';
import type { Fault } from './layout.ts';
import type { Known } from './guests.ts';

const KINDS: readonly Kind[] = [
  'network',
  'subnet',
  'router',
  'node',
  'address_group',
  'security_group',
  'security_group_rule',
  'port',
  'floatingip',
];

/** One object a line, what others refer to first: `{"kind":"port","id":…,"object":{…}}`. */
export function writeTopology(topology: Topology): string {
  const lines = KINDS.flatMap((kind) =>
    [...topology.all(kind)].map((object) => JSON.stringify({ kind, id: object.id, object })),
  );
  return lines.map((line) => `${line}\n`).join('');
}

const isChange = (value: unknown): value is Change =>
  typeof value === 'object' &&
  value !== null &&
  'kind' in value &&
  'id' in value &&
  'object' in value &&
  typeof value.id === 'string' &&
  typeof value.object === 'object' &&
  value.object !== null &&
  KINDS.some((kind) => kind === value.kind);

const EXPECTED = `expected an object such as {"kind":"port","id":"…","object":{…}}, of kind ${KINDS.join(', ')}`;

/** What `writeTopology` wrote; the same version's own words, so an object is taken as it is. */
export function readTopology(
  file: string,
  text: string,
): { topology: Topology; faults: readonly Fault[] } {
  const topology = new Topology();
  const faults: Fault[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const bad = (message: string): void => {
      faults.push({ file, line: index + 1, column: 1, message });
    };
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      bad(`${EXPECTED}; the line is no JSON`);
      continue;
    }
    if (!isChange(value)) {
      bad(EXPECTED);
      continue;
    }
    try {
      topology.apply(value);
    } catch (error) {
      // The indexes look into every part of an object that traces look into.
      bad(`the ${value.kind} is not whole: ${error instanceof Error ? error.message : 'damaged'}`);
    }
  }
  return { topology, faults };
}

/** The one network of a cloud whose networks nobody told of. */
const NETWORK = 'captured';
const STANDARD = {
  project_id: '',
  description: '',
  created_at: '',
  updated_at: '',
  revision_number: 0,
  tags: [],
} as const;

const network: Network = {
  ...STANDARD,
  id: NETWORK,
  name: NETWORK,
  admin_state_up: true,
  mtu: 65_535,
  'router:external': false,
  is_default: false,
  port_security_enabled: false,
  dns_domain: '',
  cidr: null,
  router_id: null,
  vpc: { id: NETWORK, vni: 1 },
  next_vpc: null,
  last_vpc: null,
  vni: 1,
  birth_vpc: NETWORK,
};

const nodeOf = (id: string, vtep: string): Node => ({ ...STANDARD, id, vtep });

const portOf = ({ id, node, name, mac, addresses }: Known): Port => ({
  ...STANDARD,
  id,
  name,
  network_id: NETWORK,
  admin_state_up: true,
  mac_address: mac,
  fixed_ips: addresses.map((ip_address) => ({ subnet_id: '', ip_address })),
  allowed_address_pairs: [],
  port_security_enabled: false,
  security_groups: [],
  extra_dhcp_opts: [],
  dns_name: '',
  dns_domain: '',
  device_id: '',
  device_owner: '',
  'binding:host_id': node,
  'binding:vnic_type': 'normal',
  'binding:profile': {},
  'binding:vif_type': 'ovs',
  standby_bindings: [],
  status: 'ACTIVE',
});

/** A topology of one network that holds every port which a VM may be behind. */
export function impliedTopology(
  nodes: ReadonlyMap<string, string>,
  ports: readonly Known[],
): Topology {
  const topology = new Topology();
  topology.apply({ kind: 'network', id: NETWORK, object: network });
  for (const [id, vtep] of nodes) topology.apply({ kind: 'node', id, object: nodeOf(id, vtep) });
  for (const port of ports) topology.apply({ kind: 'port', id: port.id, object: portOf(port) });
  return topology;
}
