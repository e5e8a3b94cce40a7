/** What single features compile to, in the words of ovs-ofctl. */
import { describe, expect, it } from 'vitest';
import {
  addressGroup,
  port,
  put,
  securityGroup,
  securityGroupRule,
  subnet,
} from '../../../test/support/objects.ts';
import {
  GROUP,
  NETWORK,
  SUBNET,
  VMS,
  walkthroughNode,
  walkthroughTopology,
} from '../../../test/support/walkthrough.ts';
import type { Change, Port, SecurityGroupRule } from '../../model/objects.ts';
import type { Topology } from '../../model/topology.ts';
import type { Flow } from '../../openflow/flow.ts';
import { formatFlow } from '../../openflow/text/index.ts';
import { compileAll } from '../compiler.ts';
import { dropCode } from '../drops.ts';

const [VM1, VM2, VM3] = VMS;
const VPC_MATCH = 'reg0=0xfa177aca,reg1=0xf9094a77,reg2=0x9d7b1055,reg3=0x1d105cb3';

function topologyWith(...changes: Change[]): Topology {
  const topology = walkthroughTopology();
  for (const change of changes) topology.apply(change);
  return topology;
}

function portWith(topology: Topology, id: string, patch: Partial<Port>): Change {
  const present = topology.get('port', id);
  if (present === undefined) throw new Error(`no port ${id}`);
  return put('port', { ...present, ...patch });
}

function flowsOf(topology: Topology, local = walkthroughNode('node1')): readonly Flow[] {
  return compileAll(topology, local)['br-int'].flows;
}

/** The flows of node1's br-int in a table, without cookies. */
function rows(topology: Topology, table: number, contains = ''): string[] {
  return flowsOf(topology)
    .filter((flow) => flow.table === table)
    .map((flow) => formatFlow({ ...flow, cookie: 0n }))
    .filter((line) => line.includes(contains));
}

const OTHER_GROUP = '00000000-0000-4000-8000-0000000000f1';
const OFFICE = '00000000-0000-4000-8000-0000000000f2';
const CLOUD = '00000000-0000-4000-8000-0000000000f3';

/** vm1 with addresses of both families, in a group of its own that has just `rules`. */
function withRules(...rules: Partial<SecurityGroupRule>[]): Topology {
  const topology = topologyWith(put('security_group', securityGroup({ id: OTHER_GROUP })));
  topology.apply(
    portWith(topology, VM1.port, {
      security_groups: [OTHER_GROUP],
      allowed_address_pairs: [{ ip_address: '2001:db8::7', mac_address: 'fa:16:3e:00:00:07' }],
    }),
  );
  rules.forEach((rule, index) => {
    const id = `00000000-0000-4000-8000-0000000000${10 + index}`;
    const whole = securityGroupRule({
      direction: 'egress',
      security_group_id: OTHER_GROUP,
      ...rule,
      id,
    });
    topology.apply(put('security_group_rule', whole));
  });
  return topology;
}

describe('security groups', () => {
  it.each<[string, Partial<SecurityGroupRule>, string[]]>([
    ['everything', {}, ['ip,reg12=0x27']],
    ['everything of IPv6', { ethertype: 'IPv6', remote_ip_prefix: '::/0' }, ['ipv6,reg12=0x27']],
    ['a prefix', { remote_ip_prefix: '10.1.0.0/16' }, ['ip,reg12=0x27,nw_dst=10.1.0.0/16']],
    ['icmp', { protocol: 'icmp' }, ['icmp,reg12=0x27']],
    [
      'an icmp type and code',
      { protocol: 'icmp', port_range_min: 3, port_range_max: 4 },
      ['icmp,reg12=0x27,icmp_type=3,icmp_code=4'],
    ],
    [
      'icmp of IPv6 by its short name',
      { protocol: 'icmp', ethertype: 'IPv6', port_range_min: 128 },
      ['icmp6,reg12=0x27,icmp_type=128'],
    ],
    [
      'a port range',
      { protocol: 'tcp', port_range_min: 22, port_range_max: 24 },
      ['tcp,reg12=0x27,tp_dst=0x16/0xfffe', 'tcp,reg12=0x27,tp_dst=24'],
    ],
    ['a protocol by number', { protocol: '47' }, ['ip,reg12=0x27,nw_proto=47']],
    ['sctp over IPv6', { protocol: 'sctp', ethertype: 'IPv6' }, ['sctp6,reg12=0x27']],
    [
      'ports that OpenFlow cannot see',
      { protocol: 'dccp', port_range_min: 1, port_range_max: 2 },
      [],
    ],
  ])('lets %s through', (_, rule, matches) => {
    const found = rows(withRules(rule), 72, 'reg12=0x27').sort();
    expect(found).toEqual(
      matches.map((text) => `table=72, priority=2010,${text} actions=goto_table:74`).sort(),
    );
  });

  it('has no rows for rules of a family that the port has no address of', () => {
    const topology = withRules({ ethertype: 'IPv6' }, { ethertype: 'IPv4' });
    topology.apply(portWith(topology, VM1.port, { allowed_address_pairs: [] }));
    expect(rows(topology, 72, 'reg12=0x27')).toEqual([
      'table=72, priority=2010,ip,reg12=0x27 actions=goto_table:74',
    ]);
  });

  it('matches the sender in rules for what comes in', () => {
    const topology = withRules({ direction: 'ingress', remote_ip_prefix: '10.1.0.0/16' });
    expect(rows(topology, 152, 'reg13=0x27')).toEqual([
      'table=152, priority=2010,ip,reg13=0x27,nw_src=10.1.0.0/16 actions=goto_table:154',
    ]);
  });

  it('meets the prefixes of an address group by conjunction, one of two groups once', () => {
    const topology = withRules(
      { protocol: 'tcp', remote_address_group_id: OFFICE },
      { protocol: 'udp', remote_address_group_id: CLOUD },
    );
    const cloud = addressGroup({ id: CLOUD, addresses: ['203.0.113.0/24', '0.0.0.0/0'] });
    topology.apply(put('address_group', cloud));
    const office = { id: OFFICE, addresses: ['203.0.113.0/24', '2001:db8::/32'] };
    topology.apply(put('address_group', addressGroup(office)));
    const found = rows(topology, 72, 'conj');
    expect(found.map((line) => line.replace(/^.*priority=/, '')).sort()).toEqual(
      [
        '2000,conj_id=1,ip actions=goto_table:74',
        '2000,conj_id=2,ip actions=goto_table:74',
        '2000,ip actions=conjunction(2,1/2)',
        '2000,ip,nw_dst=203.0.113.0/24 actions=conjunction(1,1/2),conjunction(2,1/2)',
        '2000,tcp,reg12=0x27 actions=conjunction(1,2/2)',
        '2000,udp,reg12=0x27 actions=conjunction(2,2/2)',
      ].sort(),
    );
  });

  it('meets a remote group’s members by conjunction, an address that is in two groups once', () => {
    const topology = withRules(
      { protocol: 'tcp', remote_group_id: GROUP },
      { protocol: 'tcp', remote_group_id: OTHER_GROUP },
    );
    topology.apply(portWith(topology, VM3.port, { security_groups: [GROUP, OTHER_GROUP] }));
    const local = walkthroughNode('node1');
    const [first, second] = [GROUP, OTHER_GROUP].map((id) => local.conjunctionId(id));
    const found = flowsOf(topology, local)
      .filter((flow) => flow.table === 72 && flow.priority === 2000)
      .map((flow) => formatFlow({ ...flow, cookie: 0n }).replace('table=72, priority=2000,', ''));
    expect(found.sort()).toEqual(
      [
        `tcp,reg12=0x27 actions=conjunction(${first},2/2),conjunction(${second},2/2)`,
        `ip,${VPC_MATCH},nw_dst=178.1.3.2 actions=conjunction(${second},1/2)`,
        `ip,${VPC_MATCH},nw_dst=178.1.3.3 actions=conjunction(${first},1/2)`,
        `ip,${VPC_MATCH},nw_dst=178.1.3.6 actions=conjunction(${first},1/2),conjunction(${second},1/2)`,
        `conj_id=${first},ip actions=goto_table:74`,
        `conj_id=${second},ip actions=goto_table:74`,
      ].sort(),
    );
  });

  it('knows no rules without port security', () => {
    const topology = walkthroughTopology();
    const patch = { port_security_enabled: false, security_groups: [] };
    topology.apply(portWith(topology, VM1.port, patch));
    expect(rows(topology, 72, 'reg12=0x27')).toEqual([]);
    expect(rows(topology, 148, 'reg13')).toEqual([
      'table=148, priority=10,reg13=0x27 actions=goto_table:159',
    ]);
    const entry = rows(topology, 0, 'in_port=136').filter((line) => line.includes('goto_table:60'));
    expect(entry).toHaveLength(1);
    expect(entry[0]).toMatch(/^ ?priority=30,ip,in_port=136,vlan_tci=0x0000\/0x1fff actions=/);
    expect(entry[0]).toContain('write_metadata:0x8000000000000000/0x9000000000000000');
  });
});

describe('forwarding', () => {
  const PAIR = '178.1.3.200';
  const pair = (ip_address: string) => ({ ip_address, mac_address: '00:00:5e:00:01:01' });
  const reasons = (topology: Topology, address: string) =>
    flowsOf(topology)
      .filter((flow) => flow.table === 120)
      .filter((flow) => formatFlow(flow).includes(`nw_dst=${address} `))
      .map((flow) => dropCode(flow));

  it('says why an address cannot be reached', () => {
    const patches: [Partial<Port>, string][] = [
      [{ 'binding:host_id': '' }, 'port_unbound'],
      [{ admin_state_up: false }, 'port_down'],
      [{ 'binding:host_id': 'node9' }, 'no_tunnel_to_node'],
      [{ 'binding:host_id': 'node1' }, 'port_not_plugged'],
    ];
    for (const [patch, code] of patches) {
      const topology = walkthroughTopology();
      topology.apply(portWith(topology, VM3.port, patch));
      expect(reasons(topology, VM3.ip)).toEqual([code]);
    }
  });

  it('cuts the ports of a network that is down', () => {
    const topology = topologyWith();
    const up = flowsOf(topology).length;
    const before = topology.get('network', topology.get('port', VM1.port)?.network_id ?? '');
    if (before === undefined) throw new Error('the port is in no network');
    topology.apply(put('network', { ...before, admin_state_up: false }));
    expect(rows(topology, 0, 'in_port=136,')).toEqual([]);
    expect(rows(topology, 180, 'reg13')).toEqual([]);
    expect(rows(topology, 120, `nw_dst=${VM1.ip} `)).toEqual([
      expect.stringMatching(/priority=22,.* actions=drop$/),
    ]);
    topology.apply(put('network', before));
    expect(flowsOf(topology)).toHaveLength(up);
  });

  it('gives a pair’s address to the oldest claimant, and to no claimant once it is fixed', () => {
    const topology = walkthroughTopology();
    const claim = (id: string, created_at: string) =>
      topology.apply(portWith(topology, id, { allowed_address_pairs: [pair(PAIR)], created_at }));
    claim(VM1.port, '2023-01-14T00:00:00Z');
    claim(VM2.port, '2023-01-13T00:00:00Z');
    expect(rows(topology, 120, `nw_dst=${PAIR} `)[0]).toContain('group:638320685');
    const owner = port({
      id: '00000000-0000-4000-8000-0000000000aa',
      network_id: NETWORK,
      mac_address: 'fa:16:3e:00:00:aa',
      created_at: '2023-02-01T00:00:00Z',
      fixed_ips: [{ subnet_id: SUBNET, ip_address: PAIR }],
      'binding:host_id': 'node2',
    });
    topology.apply(put('port', owner));
    const [row, ...others] = rows(topology, 120, `nw_dst=${PAIR} `);
    expect(others).toEqual([]);
    expect(row).toContain('set_field:10.163.133.42->tun_dst');
  });

  it('puts prefix pairs below every exact row, the nested above what contains them', () => {
    const topology = walkthroughTopology();
    const pairs = ['10.0.0.0/8', '10.7.0.0/16', '10.7.7.0/24', '178.1.3.6/32'].map(pair);
    topology.apply(portWith(topology, VM1.port, { allowed_address_pairs: pairs }));
    const priorities = rows(topology, 120, 'nw_dst=10.').map((line) =>
      line.replace(/^.*priority=(\d+),.*nw_dst=(\S+) .*$/, '$1 $2'),
    );
    expect(priorities.sort()).toEqual(['2 10.0.0.0/8', '3 10.7.0.0/16', '4 10.7.7.0/24']);
    expect(rows(topology, 120, 'nw_dst=178.1.3.6 ')).toHaveLength(1);
  });
});

describe('routing', () => {
  it('takes one row a prefix between subnets, below that of the sender’s own', () => {
    const other = subnet({
      id: '00000000-0000-4000-8000-0000000000bb',
      network_id: NETWORK,
      cidr: '178.1.4.0/24',
      gateway_ip: '178.1.4.1',
    });
    const found = rows(topologyWith(put('subnet', other)), 110, 'nw_dst=178.1.4.');
    expect(found.map((line) => line.replace(VPC_MATCH, 'VPC')).slice(1)).toEqual([
      'table=110, priority=7200,ip,VPC,nw_dst=178.1.4.0/24 actions=dec_ttl,goto_table:115',
      expect.stringMatching(/priority=9604,icmp,VPC,nw_dst=178.1.4.1,icmp_type=8,icmp_code=0 /),
      'table=110, priority=9603,ip,VPC,nw_dst=178.1.4.1 actions=drop',
    ]);
  });
});

describe('floating ips', () => {
  it('translates what leaves the VPC, and nothing inside it', () => {
    const topology = walkthroughTopology();
    expect(rows(topology, 115, 'nw_src')).toContain(
      `table=115, priority=300,ip,${VPC_MATCH},metadata=0x800000000000000/0x800000000000000,nw_src=178.1.3.2 actions=set_field:2.1.0.197->ip_src,goto_table:120`,
    );
    expect(rows(topology, 101, 'nw_dst=178')).toEqual([]);
    expect(rows(topology, 101, 'nw_dst=2.1.0.229')).toEqual([]);
  });

  it('leaves an address of the VPC alone that is spelled like a floating ip', () => {
    const present = walkthroughTopology().get('floatingip', '00000000-0000-4000-8000-000000000000');
    if (present === undefined) throw new Error('the walkthrough has no such floating ip');
    const namesake = put('floatingip', { ...present, floating_ip_address: '178.1.3.9' });
    expect(rows(topologyWith(namesake), 101, '178.1.3.0')).toEqual([
      `table=101, priority=310,ip,${VPC_MATCH},nw_dst=178.1.3.0/24 actions=goto_table:120`,
    ]);
  });
});
