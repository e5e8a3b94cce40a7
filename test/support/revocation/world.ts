/** Three VMs on one node: a server with rules of its own, and two that may speak to it. */
import type { Port, SecurityGroupRule } from '../../../src/model/objects.ts';
import { Topology, type DependencyKey } from '../../../src/model/topology.ts';
import { LocalState } from '../../../src/pipeline/local-state.ts';
import {
  addressGroup,
  network,
  node,
  port,
  put,
  securityGroup,
  securityGroupRule,
  subnet,
} from '../objects.ts';

const uuid = (n: number): string => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;

export interface Vm {
  readonly id: string;
  readonly ofport: number;
  readonly mac: string;
  readonly 4: string;
  readonly 6: string;
}

const vm = (n: number): Vm => ({
  id: uuid(0x100 + n),
  ofport: 10 + n,
  mac: `fa:16:3e:00:00:0${n}`,
  4: `10.0.0.${n}`,
  6: `2001:db8::${n}`,
});

export const SERVER = vm(2);
export const CLIENT = vm(3);
export const FRIEND = vm(4);

export const GATEWAY = { mac: 'fe:ff:ff:ff:ff:ff', ip: '10.0.0.1' };
const OPEN = uuid(1);
const SERVED = uuid(2);
/** A group that rules name as remote. */
export const FRIENDS = uuid(3);
/** Addresses that rules name as remote. */
export const OFFICE = uuid(7);
const VPC = uuid(4);
const SUBNETS = [uuid(5), uuid(6)] as const;

/** A topology that says what its changes touched. */
export class ChangingWorld {
  readonly topology = new Topology();
  readonly local = new LocalState({
    node: 'node1',
    vtep: '10.163.133.43',
    tunnel: { ofport: 1, name: 'vf' },
    uplinks: [],
    vlan: null,
    epoch: 0x63bfd884,
  });
  #rules = 0x10;
  #touched = new Set<DependencyKey>();

  constructor() {
    this.#apply(put('node', node('node1', '10.163.133.43')));
    for (const id of [OPEN, SERVED, FRIENDS]) {
      this.#apply(put('security_group', securityGroup({ id })));
    }
    this.#apply(put('network', network({ id: VPC, vpc: { id: VPC, vni: 0x170b } })));
    const cidrs = ['10.0.0.0/24', '2001:db8::/64'] as const;
    for (const [index, id] of SUBNETS.entries()) {
      const cidr = cidrs[index] ?? '';
      const gateway_ip = index === 0 ? GATEWAY.ip : null;
      this.#apply(put('subnet', subnet({ id, network_id: VPC, cidr, gateway_ip })));
    }
    for (const ethertype of ['IPv4', 'IPv6'] as const) {
      this.rule({ security_group_id: OPEN, direction: 'ingress', ethertype });
      this.rule({ security_group_id: OPEN, direction: 'egress', ethertype });
      this.rule({ security_group_id: SERVED, direction: 'egress', ethertype });
    }
    this.port(SERVER, { security_groups: [SERVED] });
    this.port(CLIENT, { security_groups: [OPEN] });
    this.port(FRIEND, { security_groups: [OPEN, FRIENDS] });
    for (const { id, ofport } of [SERVER, CLIENT, FRIEND]) {
      this.local.attach(id, { ofport, interface: `vhu${ofport}` });
    }
  }

  #apply(change: Parameters<Topology['apply']>[0]): void {
    for (const key of this.topology.apply(change)) this.#touched.add(key);
  }

  /** Adds a rule, of the server's group unless told otherwise. */
  rule(of: Partial<SecurityGroupRule>): string {
    const id = uuid(this.#rules++);
    const rule = { id, security_group_id: SERVED, direction: 'ingress', ...of } as const;
    this.#apply(put('security_group_rule', securityGroupRule(rule)));
    return id;
  }

  addresses(id: string, addresses: readonly string[]): void {
    this.#apply(put('address_group', addressGroup({ id, addresses })));
  }

  revoke(id: string): void {
    this.#apply({ kind: 'security_group_rule', id, object: null });
  }

  port(vm: Vm, more: Partial<Port>): void {
    const before = this.topology.get('port', vm.id) ?? {
      id: vm.id,
      network_id: VPC,
      mac_address: vm.mac,
      fixed_ips: [
        { subnet_id: SUBNETS[0], ip_address: vm[4] },
        { subnet_id: SUBNETS[1], ip_address: vm[6] },
      ],
      'binding:host_id': 'node1',
    };
    this.#apply(put('port', port({ ...before, ...more })));
  }

  vid(vm: Vm): number {
    return this.local.attachment(vm.id)?.vid ?? 0;
  }

  /** What changed since it was last asked. */
  touched(): ReadonlySet<DependencyKey> {
    const touched = this.#touched;
    this.#touched = new Set();
    return touched;
  }
}
