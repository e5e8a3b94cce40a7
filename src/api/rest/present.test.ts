import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Network, Node, Port } from '../../model/objects.ts';
import { Topology } from '../../model/topology.ts';
import type { Caller } from '../auth/caller.ts';
import { localCaller } from '../auth/caller.ts';
import { ports } from '../resources/ports.ts';
import { present, presentText } from './present.ts';

const STANDARD = {
  project_id: 'a',
  description: '',
  created_at: '2026-01-01T00:00:00Z',
  updated_at: '2026-01-01T00:00:00Z',
  revision_number: 1,
  tags: [],
};

const port: Port = {
  ...STANDARD,
  id: 'port',
  name: 'web',
  network_id: 'net',
  admin_state_up: true,
  mac_address: 'fa:16:3e:00:00:01',
  fixed_ips: [{ subnet_id: 'subnet', ip_address: '10.0.0.1' }],
  allowed_address_pairs: [],
  port_security_enabled: true,
  security_groups: [],
  device_id: '',
  device_owner: '',
  'binding:host_id': 'node1',
  'binding:vnic_type': 'normal',
  'binding:profile': {},
  'binding:vif_type': 'vhostuser',
  standby_bindings: [],
  extra_dhcp_opts: [],
  dns_name: 'web',
  dns_domain: '',
  status: 'DOWN',
};

const network = (dns_domain: string): Network => ({
  ...STANDARD,
  id: 'net',
  name: 'net',
  admin_state_up: true,
  mtu: 1450,
  'router:external': false,
  is_default: false,
  port_security_enabled: true,
  dns_domain,
  cidr: null,
  router_id: null,
  vpc: { id: 'net', vni: 1 },
  next_vpc: null,
  last_vpc: null,
  vni: 1,
  birth_vpc: 'net',
});

const node = (vhostuser_socket_dir: string): Node => ({
  ...STANDARD,
  id: 'node1',
  vtep: '192.0.2.1',
  datapath: { type: 'netdev', vhostuser_socket_dir },
});

type Step = readonly ['port' | 'network' | 'node', string | null];

const steps = fc.array(
  fc.tuple(
    fc.constantFrom('port', 'network', 'node'),
    fc.constantFrom('one.example.', 'two.example.', null),
  ) as fc.Arbitrary<Step>,
  { maxLength: 12 },
);

const change = (topology: Topology, [kind, value]: Step): void => {
  if (kind === 'port') {
    const object = value === null ? null : { ...port, dns_name: value.slice(0, 3) };
    topology.apply({ kind, id: port.id, object });
  } else if (kind === 'network') {
    topology.apply({ kind, id: 'net', object: value === null ? null : network(value) });
  } else topology.apply({ kind, id: 'node1', object: value === null ? null : node(`/${value}`) });
};

test('the JSON of an object follows all that it shows', () => {
  const admin = localCaller('test');
  const callers: Caller[] = [admin, { ...admin, admin: false }];
  fc.assert(
    fc.property(steps, (taken) => {
      const topology = new Topology();
      change(topology, ['port', 'one.example.']);
      for (const step of taken) {
        change(topology, step);
        const object = topology.get('port', port.id);
        if (object === undefined) continue;
        for (const caller of callers) {
          const text = presentText(ports, object, topology, caller, new Set());
          expect(text).toBe(JSON.stringify(present(ports, object, topology, caller)));
        }
      }
    }),
    { seed: 8, numRuns: 200 },
  );
});
