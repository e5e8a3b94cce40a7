import { expect, test } from 'vitest';
import {
  checkVmName,
  FABRIC,
  isLabNamespace,
  MAX_NODES,
  nodesOf,
  uplinkMac,
  vhuName,
  vmNamespace,
} from './names.ts';

test('the first two nodes have the VTEPs of the record, the others those above', () => {
  expect(nodesOf(4).map(({ name, vtep }) => `${name} ${vtep}`)).toEqual([
    'node1 10.163.133.43',
    'node2 10.163.133.42',
    'node3 10.163.133.44',
    'node4 10.163.133.45',
  ]);
});

test('no two nodes share an address or a MAC, and br-phy gets the lower one of its two', () => {
  const nodes = nodesOf(MAX_NODES);
  expect(new Set(nodes.map(({ vtep }) => vtep)).size).toBe(MAX_NODES);
  expect(nodes.every(({ vtep }) => Number(vtep.split('.')[3]) < 255)).toBe(true);
  const macs = nodes.flatMap(({ vtep }) => [uplinkMac(vtep, 0), uplinkMac(vtep, 1)]);
  expect(new Set(macs).size).toBe(2 * MAX_NODES);
  for (const { vtep } of nodes) expect(uplinkMac(vtep, 0) < uplinkMac(vtep, 1)).toBe(true);
  // Neither multicast nor locally administered: Open vSwitch passes those over for a bridge.
  for (const mac of macs) expect(Number.parseInt(mac.slice(0, 2), 16) & 3).toBe(0);
});

test.each([0, -1, 1.5, Number.NaN, MAX_NODES + 1])('%s is no number of nodes', (count) => {
  expect(() => nodesOf(count)).toThrow(`--nodes is ${count}; it must be a number from 1 to 200`);
});

test('a VM is named as its user does, its interface as os-vif does', () => {
  expect(vmNamespace('ipv4_yanxia_test1')).toBe('tianchi-vm-ipv4_yanxia_test1');
  expect(vhuName('ff4028a6-4f26-471b-9d6c-346e23e7515e')).toBe('vhuff4028a6-4f');
});

test.each(['', '-x', '.x', 'a/b', '../x', 'a b', 'ü', 'x'.repeat(101)])(
  'no VM is named %j',
  (name) => {
    expect(() => checkVmName(name)).toThrow("the VM's name is");
  },
);

test('the lab knows its own namespaces by their names, and no other', () => {
  const own = [FABRIC, vmNamespace('x-1'), ...nodesOf(MAX_NODES).map(({ netns }) => netns)];
  expect(own.filter((name) => !isLabNamespace(name))).toEqual([]);
  const others = [
    'fabric',
    'tianchi-',
    'tianchi-prod',
    'tianchi-node',
    'tianchi-vm-',
    'my-tianchi-node1',
  ];
  expect(others.filter((name) => isLabNamespace(name))).toEqual([]);
});
