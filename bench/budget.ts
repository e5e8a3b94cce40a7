/** How many flows br-int of a node takes for one more port there. */
import { Topology } from '../src/model/topology.ts';
import type { Change } from '../src/model/objects.ts';
import { compileAll } from '../src/pipeline/compiler.ts';
import {
  network,
  node,
  port,
  put,
  securityGroup,
  securityGroupRule,
  subnet,
} from '../test/support/objects.ts';
import { plugged } from '../test/support/programs.ts';

/** Ports that are there before the one that is counted. */
const PRESENT = 10;
const HERE = 'node1';

type Versions = readonly (4 | 6)[];

export interface BudgetFigures {
  readonly ports: string;
  readonly flowsPerPort: number;
}

const id = (kind: number, serial: number): string =>
  `${kind}0000000-0000-4000-8000-${String(serial).padStart(12, '0')}`;
const VPC = id(1, 0);
const GROUP = id(3, 0);

const SUBNETS = {
  4: { id: id(2, 4), cidr: '10.0.0.0/16', gateway_ip: '10.0.0.1' },
  6: { id: id(2, 6), cidr: 'fd00::/64', gateway_ip: 'fd00::1' },
} as const;

const addressOf = (version: 4 | 6, serial: number): string =>
  version === 4 ? `10.0.0.${serial + 2}` : `fd00::${(serial + 2).toString(16)}`;

function topologyOf(versions: Versions, remoteGroup: boolean, ports: number): Topology {
  const topology = new Topology();
  const vpc = { id: VPC, vni: 0x170b };
  const rules = (['ingress', 'egress'] as const).flatMap((direction, at) =>
    versions.map((version) =>
      securityGroupRule({
        id: id(5, 10 * at + version),
        security_group_id: GROUP,
        direction,
        ethertype: `IPv${version}`,
        ...(remoteGroup ? { remote_group_id: GROUP } : {}),
      }),
    ),
  );
  const changes: Change[] = [
    put('node', node(HERE, '10.1.0.1')),
    put('network', network({ id: VPC, vpc, cidr: '10.0.0.0/16' })),
    ...versions.map((version) => put('subnet', subnet({ network_id: VPC, ...SUBNETS[version] }))),
    put('security_group', securityGroup({ id: GROUP })),
    ...rules.map((rule) => put('security_group_rule', rule)),
    ...Array.from({ length: ports }, (_, n) =>
      put(
        'port',
        port({
          id: id(4, n),
          network_id: VPC,
          mac_address: `fa:16:3e:00:00:${(n + 16).toString(16)}`,
          fixed_ips: versions.map((version) => ({
            subnet_id: SUBNETS[version].id,
            ip_address: addressOf(version, n),
          })),
          security_groups: [GROUP],
          device_owner: 'compute:nova',
          'binding:host_id': HERE,
        }),
      ),
    ),
  ];
  for (const change of changes) topology.apply(change);
  return topology;
}

function flowsOf(versions: Versions, remoteGroup: boolean, ports: number): number {
  const topology = topologyOf(versions, remoteGroup, ports);
  return compileAll(topology, plugged(topology, HERE))['br-int'].flows.length;
}

const CASES: readonly (readonly [string, Versions, boolean])[] = [
  ['IPv4, one allow-all group', [4], false],
  ['dual stack, one allow-all group', [4, 6], false],
  ['IPv4, a group that trusts itself', [4], true],
  ['dual stack, a group that trusts itself', [4, 6], true],
];

export function countBudget(): BudgetFigures[] {
  return CASES.map(([ports, versions, remoteGroup]) => {
    const [before, after] = [PRESENT, PRESENT + 1].map((n) => flowsOf(versions, remoteGroup, n));
    return { ports, flowsPerPort: (after ?? 0) - (before ?? 0) };
  });
}
