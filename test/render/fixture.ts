/**
 * Traces made by hand, so that the printers are tested apart from what makes traces: the record's
 * packets and the drops that a picture must show.
 */
import type { Endpoint, Leg, Reason, Trace } from '../../src/trace/types.ts';
import {
  EGRESS,
  INGRESS,
  ROUTING,
  endpoint,
  farLeg,
  nearLeg,
  past,
  stops,
  upTo,
  type Ends,
} from './parts.ts';

const VM1 = endpoint('ipv4_yanxia_test1', '178.1.3.2');
const VM2 = endpoint('ipv4_yanxia_test2', '178.1.3.3', {
  id: 'ff4028a6-4f26-471b-9d6c-346e23e7515e',
  mac: 'fa:16:3e:68:a5:98',
  vid: 0x2d,
});
const VM3 = endpoint('ipv4_yanxia_test5', '178.1.3.6', {
  id: '6c0a14df-895b-4e38-9a0a-be99c923505e',
  mac: 'fa:16:3e:73:5d:00',
  node: 'node2',
  vid: 0x26,
});

function trace([from, to]: Ends, legs: readonly Leg[], more: Partial<Trace> = {}): Trace {
  const [first] = legs;
  return {
    from,
    to,
    probe: { protocol: 'icmp', family: 4, source_port: null, destination_port: null },
    source: 'live',
    verdict: first?.verdict ?? 'dropped',
    reason: first?.reason ?? null,
    fix: [],
    legs,
    ...more,
  };
}

const FAR = [0, 100, 101, 120, ...INGRESS];
const answered = (ends: Ends, leg: Leg, tables: readonly number[]): Leg[] => {
  const again = nearLeg(ends, tables);
  const [from, to] = ends;
  return [
    leg,
    { ...nearLeg([to, from], tables), direction: 'reply', connection: 'established' },
    { ...again, connection: 'established' },
  ];
};

const noEgressRule = (from: Endpoint, to: Endpoint, protocol: string): Reason => ({
  code: 'no_egress_rule',
  message: `No security group rule lets ${protocol} from ${from.address} to ${to.address} out of port ${from.asked}, which has no security group.`,
  table: 72,
  node: from.port?.node ?? '',
  object: `port ${from.asked}`,
  cure: `bind a security group to port ${from.asked} that has an egress rule for it`,
});

const noIngressRule = (from: Endpoint, to: Endpoint): Reason => ({
  code: 'no_ingress_rule',
  message: `No security group rule lets icmp from ${from.address} to ${to.address} into port ${to.asked}, which has no security group.`,
  table: 152,
  node: to.port?.node ?? '',
  object: `port ${to.asked}`,
  cure: `bind a security group to port ${to.asked} that has an ingress rule for it`,
});

const bind = (name: string): string => `tianchi port-update ${name} --security-group default`;

const LONG_FROM = endpoint(
  'web-frontend-blue-deployment-of-the-customer-portal-in-zone-3-replica-17',
  '2001:db8:1234:5678:9abc:def0:1234:5678',
  { node: 'P6F2-edge-smart-16.compute.c3.example.com' },
);
const LONG_TO = endpoint(
  '数据库主节点-華北三区-WWWWWWWWWWWWWWWWWWWWWWWWWWWW',
  '2001:db8:1234:5678:ffff:ffff:ffff:fffe',
  {
    id: '6c0a14df-895b-4e38-9a0a-be99c923505e',
    node: 'P6F2-edge-smart-15.compute.c3.example.com',
  },
);
const UNBOUND = endpoint('vm4', '178.1.3.4', { node: '', vtep: '', interface: '', vid: 0 });
const NOBODY: Endpoint = { asked: '178.1.3.99', port: null, address: '178.1.3.99' };
const HOSTILE = endpoint('</text><script>alert("1")</script>\u001B[2J\u202E', '178.1.3.9');

const sameNode = (): Trace => {
  const ends = [VM1, VM2] as const;
  const tables = [...EGRESS, ...ROUTING, ...INGRESS];
  return trace(
    ends,
    answered(ends, nearLeg(ends, tables), past(tables, 72, 74, 80, 152, 154, 155)),
  );
};

const acrossNodes = (): Trace => {
  const ends = [VM1, VM3] as const;
  return trace(ends, [
    farLeg(ends, FAR),
    {
      ...farLeg([VM3, VM1], past(FAR, 152, 154, 155)),
      direction: 'reply',
      connection: 'established',
    },
    { ...farLeg(ends, past(FAR, 152, 154, 155)), connection: 'established' },
  ]);
};

const v6 = { protocol: 'tcp', family: 6, source_port: 40_000, destination_port: 443 } as const;

/** By what they show. */
export const TRACES = {
  'same node': sameNode(),
  'across nodes': acrossNodes(),
  'dropped at 72': trace(
    [VM1, VM2],
    [nearLeg([VM1, VM2], upTo(EGRESS, 72), noEgressRule(VM1, VM2, 'icmp'))],
    { fix: [bind(VM1.asked), bind(VM2.asked)] },
  ),
  'dropped at 72, other node': trace(
    [VM1, VM3],
    [nearLeg([VM1, VM3], upTo(EGRESS, 72), noEgressRule(VM1, VM3, 'tcp/22'))],
    {
      probe: { protocol: 'tcp', family: 4, source_port: 40_000, destination_port: 22 },
      fix: [
        'tianchi security-group-create allow-tcp-22',
        'tianchi security-group-rule-create allow-tcp-22 --direction egress --ethertype IPv4 --protocol tcp --port-range 22:22 --remote-ip 178.1.3.6/32',
        `tianchi port-update ${VM1.asked} --security-group allow-tcp-22`,
      ],
    },
  ),
  'dropped at 152': trace(
    [VM1, VM2],
    [nearLeg([VM1, VM2], upTo([...EGRESS, ...ROUTING, ...INGRESS], 152), noIngressRule(VM1, VM2))],
    { fix: [bind(VM2.asked)] },
  ),
  'dropped at 152, other node': trace(
    [VM1, VM3],
    [farLeg([VM1, VM3], upTo(FAR, 152), noIngressRule(VM1, VM3))],
    { fix: [bind(VM3.asked)] },
  ),
  'nobody has the address': trace(
    [VM1, NOBODY],
    [
      nearLeg([VM1, NOBODY], [...EGRESS, ...ROUTING], {
        code: 'no_such_address',
        message: 'Nobody in VPC ipv4_yanxia_network1_1 has the address 178.1.3.99.',
        table: 120,
        node: 'node1',
        object: 'address 178.1.3.99',
        cure: 'create a port with the fixed ip 178.1.3.99, or ask for another address',
      }),
    ],
  ),
  'sender not bound': trace(
    [UNBOUND, VM2],
    [
      {
        direction: 'request',
        connection: 'new',
        verdict: 'dropped',
        reason: {
          code: 'port_unbound',
          message: 'Port vm4, which has 178.1.3.4, is bound to no node.',
          table: null,
          node: '',
          object: 'port vm4',
          cure: 'boot a VM with port vm4, which binds it (binding:host_id)',
        },
        hops: [],
        stops: [],
      },
    ],
  ),
  'receiver not bound': trace(
    [VM1, UNBOUND],
    [
      nearLeg([VM1, UNBOUND], [...EGRESS, ...ROUTING], {
        code: 'port_unbound',
        message: 'Port vm4, which has 178.1.3.4, is bound to no node.',
        table: 120,
        node: 'node1',
        object: 'port vm4',
        cure: 'boot a VM with port vm4, which binds it (binding:host_id)',
      }),
    ],
  ),
  'three uplinks': moreUplinks(acrossNodes()),
  'no uplink': noUplink(),
  'no VLAN': wrongVlan(),
  'no flows': trace(
    [VM1, VM2],
    [
      nearLeg([VM1, VM2], [], {
        code: 'no_flows',
        message: 'br-int of node1 holds no flows at all.',
        table: null,
        node: 'node1',
        object: 'node node1',
        cure: 'look whether the agent of node1 runs, and what it logs',
      }),
    ],
  ),
  'v6, long names': trace([LONG_FROM, LONG_TO], [farLeg([LONG_FROM, LONG_TO], FAR)], { probe: v6 }),
  'v6, long names, dropped': trace(
    [LONG_FROM, LONG_TO],
    [farLeg([LONG_FROM, LONG_TO], upTo(FAR, 152), noIngressRule(LONG_FROM, LONG_TO))],
    { probe: v6 },
  ),
  'hostile name': trace(
    [HOSTILE, VM2],
    [nearLeg([HOSTILE, VM2], upTo(EGRESS, 72), noEgressRule(HOSTILE, VM2, 'icmp'))],
  ),
} as const satisfies Readonly<Record<string, Trace>>;

/** Ends at the kernel's route: no uplink of the sender's node is up. */
function noUplink(): Trace {
  const full = farLeg([VM1, VM3], FAR);
  const reason: Reason = {
    code: 'uplinks_down',
    message: 'All uplinks of node1 are down, so nothing leaves the node.',
    table: null,
    node: 'node1',
    object: 'node node1',
    cure: 'look at the cabling of node1 and its switch ports',
  };
  const last = full.stops.findIndex(({ kind }) => kind === 'br-phy');
  return trace(
    [VM1, VM3],
    [
      {
        ...full,
        verdict: 'dropped',
        reason,
        hops: full.hops.slice(0, EGRESS.length + ROUTING.length + 1),
        stops: stops(true, full.stops.slice(0, last + 1)),
      },
    ],
  );
}

/** The receiver's node has one uplink more than the sender's. */
function moreUplinks(trace: Trace): Trace {
  const others = ['dpdk_phy1', 'enp129s0f1np1v2'];
  const legs = trace.legs.map((leg) => {
    const last = leg.stops.findLastIndex(({ kind }) => kind === 'uplink');
    return {
      ...leg,
      stops: leg.stops.map((stop, index) => (index === last ? { ...stop, others } : stop)),
    };
  });
  return { ...trace, legs };
}

/** Ends in br-phy of the receiver's node. */
function wrongVlan(): Trace {
  const full = farLeg([VM1, VM3], FAR);
  const reason: Reason = {
    code: 'not_underlay',
    message: 'br-phy of node2 takes from its uplinks only the VLAN of the underlay.',
    table: 0,
    node: 'node2',
    object: 'node node2',
    cure: 'give all agents and the fabric the same --vlan',
  };
  const met = EGRESS.length + ROUTING.length + 2;
  const dropping = {
    kind: 'br-phy',
    node: 'node2',
    step: 6,
    name: 'br-phy',
    text: 'br-phy of node2: table 0',
    hops: [met - 1, met],
  } as const;
  const last = full.stops.findLastIndex(({ kind }) => kind === 'br-phy');
  return trace(
    [VM1, VM3],
    [
      {
        ...full,
        verdict: 'dropped',
        reason,
        hops: full.hops.slice(0, met),
        stops: stops(true, [...full.stops.slice(0, last), dropping]),
      },
    ],
  );
}
