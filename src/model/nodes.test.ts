import { describe, expect, test } from 'vitest';
import { codeOf } from '../../test/support/model-world.ts';
import { recordVpc } from '../../test/support/vpcs.ts';

describe('nodes', () => {
  test('have a name and a VTEP of their own', () => {
    const { world, network } = recordVpc();
    world.create('node', { name: 'node1', vtep: '10.163.133.43' });
    const make = (name: string, vtep: string) => codeOf(() => world.create('node', { name, vtep }));
    expect(make('node1', '10.163.133.42')).toBe('NodeExists');
    expect(make('node2', '10.163.133.43')).toBe('VtepInUse');
    expect(make('a/b', '10.163.133.42')).toBe('InvalidInput');
    expect(make('node2', '10.163.133')).toBe('InvalidInput');
    expect(make('node2', '10.163.133.42')).toBeNull();
    world.update('node', 'node1', { vtep: '10.163.133.44' });
    const port = world.create('port', { network_id: network.id, 'binding:host_id': 'node1' });
    expect(codeOf(() => world.delete('node', 'node1'))).toBe('NodeInUse');
    world.update('port', port.id, { 'binding:host_id': '' });
    world.delete('node', 'node1');
    expect(world.paths('/vteps/')).toHaveLength(1);
  });
});
