import { beforeEach, describe, expect, it } from 'vitest';
import {
  allowAll,
  at,
  IN,
  OUT,
  subjectOf,
  visits,
  walkthrough,
  without,
  type Walkthrough,
} from '../../test/support/traced.ts';
import { explain } from './explain.ts';
import type { ProbeRequest } from './probe.ts';
import type { Trace } from './types.ts';

let it1: Walkthrough;
const run = (from: string, to: string, request: ProbeRequest = {}): Trace =>
  explain(subjectOf(it1.world, from, to, request));

beforeEach(() => {
  it1 = walkthrough();
});

describe('the walkthrough with the security group bound', () => {
  beforeEach(() => {
    allowAll(it1.world, it1.group);
    for (const port of [it1.vm1, it1.vm2, it1.vm3]) {
      it1.world.update('port', port, { security_groups: [it1.group] });
    }
  });

  it('follows VM1 to VM2 through the tables of the record', () => {
    const traced = run(it1.vm1, it1.vm2);
    expect(traced.verdict).toBe('delivered');
    expect(traced.reason).toBeNull();
    expect(visits(traced.legs[0])).toEqual(at('node1 br-int', [...OUT, ...IN]));
    expect(traced.legs[0]?.stops.map(({ step, kind, name }) => [step, kind, name])).toEqual([
      [1, 'vm', 'eth0'],
      [1, 'vm_port', `vhu${it1.vm1.slice(0, 11)}`],
      [2, 'br-int', 'br-int'],
      [3, 'vm_port', `vhu${it1.vm2.slice(0, 11)}`],
      [4, 'vm', 'eth0'],
    ]);
  });

  it('follows VM1 to VM3 over br-phy of both nodes', () => {
    const traced = run(it1.vm1, it1.vm3);
    expect(traced.verdict).toBe('delivered');
    expect(visits(traced.legs[0])).toEqual([
      ...at('node1 br-int', OUT),
      'node1 br-phy 0',
      'node2 br-phy 0',
      ...at('node2 br-int', [0, 100, 101, 120, ...IN]),
    ]);
    expect(traced.legs[0]?.stops.map(({ step, kind, node }) => `${step} ${kind} ${node}`)).toEqual([
      '1 vm node1',
      '1 vm_port node1',
      '2 br-int node1',
      '3 tunnel_port node1',
      '4 kernel_route node1',
      '5 br-phy node1',
      '5 uplink node1',
      '6 wire node1',
      '6 uplink node2',
      '6 br-phy node2',
      '7 kernel_route node2',
      '8 tunnel_port node2',
      '9 br-int node2',
      '10 vm_port node2',
      '10 vm node2',
    ]);
  });

  it.each(['icmp', 'tcp/22', 'udp/53'])(
    'takes the reply and what follows past the rules: %s',
    (protocol) => {
      const [request, reply, established] = run(it1.vm1, it1.vm2, { protocol }).legs;
      expect(request?.verdict).toBe('delivered');
      expect(reply).toMatchObject({
        direction: 'reply',
        connection: 'established',
        verdict: 'delivered',
      });
      expect(established).toMatchObject({ direction: 'request', verdict: 'delivered' });
      const past = at('node1 br-int', [...without(OUT, 72, 74, 80), ...without(IN, 152, 154, 155)]);
      expect(visits(reply)).toEqual(past);
      expect(visits(established)).toEqual(past);
    },
  );

  it('tells the group, the state of the connection, the object and what changed', () => {
    const hops = run(it1.vm1, it1.vm2).legs[0]?.hops ?? [];
    const hop = (table: number) => hops.find((candidate) => candidate.table === table);
    expect(hop(0)).toMatchObject({ name: 'INPUT', priority: 30, object: 'port vm1' });
    expect(hop(0)?.changes).toContain('reg12=0x1');
    expect(hop(71)?.ct_state).toBe('+new+trk');
    expect(hop(72)?.object).toBe('security groups of port vm1');
    expect(hop(120)).toMatchObject({ object: 'port vm2', group: { bucket: 1 } });
    expect(hop(133)?.note).toMatch(/with in_port 0 it may/);
    for (const { note, table } of hops) expect(note, `table ${table}`).toBeTruthy();
  });

  it('answers what 02:… means where the packet leaves the node', () => {
    const hops = run(it1.vm1, it1.vm3).legs[0]?.hops ?? [];
    expect(hops.find(({ table }) => table === 120)?.note).toMatch(/02:00:00:00:00:00/);
    expect(hops.find(({ table }) => table === 101)?.note).toMatch(/external gateway/);
  });
});

describe('beyond the record', () => {
  const six = (name: string, subnet: string, node: string): string =>
    it1.world.create('port', {
      network_id: it1.network,
      name,
      fixed_ips: [{ subnet_id: subnet }],
      security_groups: [it1.group],
      'binding:host_id': node,
    }).id;

  beforeEach(() => {
    allowAll(it1.world, it1.group);
    for (const port of [it1.vm1, it1.vm2, it1.vm3]) {
      it1.world.update('port', port, { security_groups: [it1.group] });
    }
  });

  it.each(['icmp', 'tcp/80', 'ip/47'])('walks the same tables over IPv6: %s', (protocol) => {
    const { id } = it1.world.create('subnet', { network_id: it1.network, cidr: '2001:db8::/64' });
    const [a, b] = [six('a', id, 'node1'), six('b', id, 'node1')];
    const traced = run(a, b, { family: 6, protocol });
    expect(traced.legs.map(({ verdict }) => verdict)).toEqual(Array(3).fill('delivered'));
    const untracked = protocol === 'ip/47' ? [71, 151] : [];
    expect(visits(traced.legs[0])).toEqual(
      at('node1 br-int', without([...OUT, ...IN], ...untracked)),
    );
  });

  it('finds who claims an address by a pair or a prefix', () => {
    it1.world.update('port', it1.vm3, {
      allowed_address_pairs: [
        { ip_address: '178.1.3.200' },
        { ip_address: '178.1.3.128/26' },
        { ip_address: '178.1.3.160/28', mac_address: '00:00:5e:00:01:05' },
      ],
    });
    for (const address of ['178.1.3.200', '178.1.3.140', '178.1.3.170']) {
      const traced = run(it1.vm1, address);
      expect(traced).toMatchObject({
        verdict: 'delivered',
        to: { address, port: { name: 'vm3' } },
      });
      expect(traced.legs[1]?.verdict).toBe('delivered');
    }
  });

  it('goes past tracking and rules of a port without port security', () => {
    it1.world.update('port', it1.vm2, { security_groups: [], port_security_enabled: false });
    expect(visits(run(it1.vm1, it1.vm2).legs[0])).toEqual(
      at('node1 br-int', without([...OUT, ...IN], 150, 151, 152, 154, 155)),
    );
    expect(visits(run(it1.vm2, it1.vm1).legs[0])).toEqual(
      at('node1 br-int', without([...OUT, ...IN], 70, 71, 72, 74, 80)),
    );
  });
});
