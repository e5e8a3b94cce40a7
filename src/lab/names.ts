/** What the lab calls things, and the addresses it gives. Pure. */
import { Failure } from '../base/failure.ts';

const PREFIX = 'tianchi-';
export const FABRIC = `${PREFIX}fabric`;
/** A node's links into the fabric, one to each of its two switches. */
export const UPLINKS = ['dpdk_phy0', 'dpdk_phy1'] as const;
/** VLAN of the underlay, as in the record. */
export const VLAN = 101;
export const MAX_NODES = 200;

/** A node as `lab up` makes it. */
export interface LabNode {
  readonly name: string;
  /** Its tunnel address, on br-phy. */
  readonly vtep: string;
  readonly netns: string;
}

export const vmNamespace = (name: string): string => `${PREFIX}vm-${name}`;

/** Whether a namespace is the lab's by its name: so `down` finds all of them after a crash too. */
export const isLabNamespace = (name: string): boolean =>
  name === FABRIC || /^tianchi-(node\d+|vm-.+)$/.test(name);

/** As os-vif names the interface of a port: 14 characters, one less than Linux allows. */
export const vhuName = (port: string): string => `vhu${port.slice(0, 11)}`;

/** The record's two VTEPs first: node1 has 10.163.133.43, node2 .42, the next ones .44, .45 … */
function vtepOf(index: number): string {
  return `10.163.133.${index <= 2 ? 44 - index : 41 + index}`;
}

/**
 * @param count from 1 to MAX_NODES.
 * @throws {Failure} `invalid` for any other.
 */
export function nodesOf(count: number): LabNode[] {
  if (!Number.isInteger(count) || count < 1 || count > MAX_NODES) {
    throw new Failure(
      'invalid',
      'Usage',
      `--nodes is ${count}; it must be a number from 1 to ${MAX_NODES}`,
      { field: 'nodes', value: count },
    );
  }
  return Array.from({ length: count }, (_, each) => {
    const name = `node${each + 1}`;
    return { name, vtep: vtepOf(each + 1), netns: `${PREFIX}${name}` };
  });
}

/**
 * The MAC of a node's uplink, made of its VTEP, out of Xen's range for devices that are not of
 * metal. That of uplink 0 is br-phy's too: Open vSwitch gives a bridge the lowest of its ports'
 * universal addresses, so a br-phy that was made anew has it again.
 */
export function uplinkMac(vtep: string, uplink: number): string {
  const octets = vtep.split('.').map((octet) => Number(octet).toString(16).padStart(2, '0'));
  return ['00:16:3e', ...octets.slice(2), `0${uplink}`].join(':');
}

/** A VM's name goes into the name of a namespace, which is a file's. */
export function checkVmName(name: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/.test(name)) return;
  throw new Failure(
    'invalid',
    'Usage',
    `the VM's name is '${name}'; it must be 1 to 100 letters, digits, '.', '_' or '-', a letter or digit first`,
    { field: 'name', value: name },
  );
}
