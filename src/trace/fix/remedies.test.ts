import { describe, expect, it } from 'vitest';
import { walkthrough } from '../../../test/support/traced.ts';
import { parseIp } from '../../address/index.ts';
import { parseProbe } from '../probe.ts';
import { narrowestRule, remediesFor, type Refusal } from './remedies.ts';

describe('remedies for a port that has groups', () => {
  it('keep them in every binding, as the command replaces the list', () => {
    const { world, group, vm1, vm2 } = walkthrough();
    const made = world.create('security_group', { name: 'made' });
    const web = world.create('security_group', { name: 'web' });
    world.update('port', vm1, { security_groups: [group, web.id] });
    world.update('port', vm2, { security_groups: [group] });
    const refusal: Refusal = {
      direction: 'egress',
      portId: vm1,
      peerId: vm2,
      peerAddress: parseIp('178.1.3.3'),
      probe: parseProbe({ protocol: 'tcp/22' }, 4),
      made: [made.id],
    };
    const rule =
      '--direction egress --ethertype IPv4 --protocol tcp --port-range 22:22 --remote-ip 178.1.3.3/32';
    const remedies = remediesFor(world.topology, world.topology, refusal);
    expect(remedies.map(({ commands }) => commands)).toEqual([
      [`tianchi security-group-rule-create web ${rule}`],
      [
        `tianchi security-group-rule-create made ${rule}`,
        'tianchi port-update vm1 --security-group default --security-group web --security-group made',
      ],
      [
        'tianchi security-group-create allow-tcp-22',
        `tianchi security-group-rule-create allow-tcp-22 ${rule}`,
        'tianchi port-update vm1 --security-group default --security-group web --security-group allow-tcp-22',
      ],
    ]);
    for (const remedy of remedies.slice(1)) {
      remedy.apply(world.topology, world.context);
      expect(world.get('port', vm1).security_groups).toEqual(
        expect.arrayContaining([group, web.id]),
      );
      expect(world.get('port', vm1).security_groups).toHaveLength(3);
    }
  });
});

describe('the narrowest rule', () => {
  const peer = parseIp('2001:db8::1');
  it.each([
    ['icmp', 6, { protocol: 'ipv6-icmp', port_range_min: 128, port_range_max: 0 }],
    ['udp/53', 6, { protocol: 'udp', port_range_min: 53, port_range_max: 53 }],
    ['ip/47', 6, { protocol: '47' }],
  ] as const)('for %s', (protocol, family, expected) => {
    expect(narrowestRule('ingress', parseProbe({ protocol }, family), peer)).toEqual({
      direction: 'ingress',
      ethertype: 'IPv6',
      remote_ip_prefix: '2001:db8::1/128',
      ...expected,
    });
  });
});
