import { beforeEach, describe, expect, it } from 'vitest';
import {
  allowAll,
  at,
  OUT,
  subjectOf,
  visits,
  walkthrough,
  without,
  type Walkthrough,
} from '../../test/support/traced.ts';
import { explain } from './explain.ts';
import type { ProbeRequest } from './probe.ts';
import { stepsOf } from './render/words.ts';
import type { Trace } from './types.ts';

let it1: Walkthrough;
const run = (from: string, to: string, request: ProbeRequest = {}): Trace =>
  explain(subjectOf(it1.world, from, to, request));

beforeEach(() => {
  it1 = walkthrough();
});

describe('a gateway', () => {
  beforeEach(() => {
    allowAll(it1.world, it1.group);
    it1.world.update('port', it1.vm1, { security_groups: [it1.group] });
  });

  it('is pinged: the row that answers ends the request, and no table sees the reply', () => {
    const { verdict, reason, fix, legs, to } = run(it1.vm1, '178.1.3.1');
    expect({ verdict, reason, fix }).toEqual({ verdict: 'delivered', reason: null, fix: [] });
    expect(to).toMatchObject({ port: null, address: '178.1.3.1', gateway: true });
    expect(legs.map((leg) => [leg.direction, leg.connection, leg.verdict])).toEqual([
      ['request', 'new', 'delivered'],
      ['reply', 'established', 'delivered'],
      ['request', 'established', 'delivered'],
    ]);
    const toGateway = at('node1 br-int', without(OUT, 115, 120));
    expect(legs.map(visits)).toEqual([toGateway, [], toGateway]);
    expect(legs[0]?.hops.at(-1)?.note).toMatch(/^A gateway is pinged/);
    const steps = legs.map((leg) => stepsOf(leg).map(({ text }) => text));
    expect(steps[0]?.at(-1)).toBe(
      'br-int of node1: tables 0 to 110; it answers for 178.1.3.1 itself.',
    );
    expect(steps[1]?.at(-1)).toBe('Port vm1 receives it on eth0.');
  });

  it('of another subnet, over IPv6, is pinged too', () => {
    const { world, network } = it1;
    world.create('subnet', { network_id: network, cidr: '2001:db8:1::/64', ip_version: 6 });
    world.create('subnet', { network_id: network, cidr: '2001:db8:2::/64', ip_version: 6 });
    const { id } = world.create('port', {
      network_id: network,
      fixed_ips: [{ ip_address: '2001:db8:1::9' }],
      security_groups: [it1.group],
      'binding:host_id': 'node1',
    });
    for (const gateway of ['2001:db8:1::1', '2001:db8:2::1']) {
      expect(run(id, gateway, { family: 6 })).toMatchObject({ verdict: 'delivered' });
    }
  });

  it('takes nothing else, and no ping that no rule lets out', () => {
    const tcp = run(it1.vm1, '178.1.3.1', { protocol: 'tcp/22' });
    expect(tcp.reason).toMatchObject({ code: 'gateway_only_answers_ping', table: 110 });
    expect(tcp.legs[0]?.hops.at(-1)?.note).toMatch(/answers ping and takes nothing else/);
    expect(run(it1.vm2, '178.1.3.1').reason).toMatchObject({ code: 'no_egress_rule', table: 72 });
  });
});
