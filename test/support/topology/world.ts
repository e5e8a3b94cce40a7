/**
 * Random topologies that the API could have made, and random changes of them: several VPCs with
 * overlapping address spaces, both families, ports here, elsewhere, down and unbound, address pairs,
 * rules of every kind, floating ips. The same seed gives the same world.
 */
import { formatIp, parseIp, parsePrefix } from '../../../src/address/index.ts';
import type { Change, Port } from '../../../src/model/objects.ts';
import { put, remove } from '../objects.ts';
import type { Size } from './growth.ts';
import { Wiring } from './wiring.ts';

export interface WorldOptions extends Size {
  /** Networks move between VPCs, routers have interfaces and routes, and go down. */
  readonly wired?: boolean;
}

/** A mutable world; every method returns the changes that it applied to `topology`. */
export class World extends Wiring {
  readonly #wired: boolean;

  constructor(seed: number, options: WorldOptions = {}) {
    super(seed, options);
    this.#wired = options.wired ?? false;
  }

  /** All that there is, in an order in which it can be created. */
  changes(): Change[] {
    const { topology } = this;
    return [
      ...[...topology.all('node')].map((object) => put('node', object)),
      ...[...topology.all('network')].map((object) => put('network', object)),
      ...[...topology.all('router')].map((object) => put('router', object)),
      ...[...topology.all('subnet')].map((object) => put('subnet', object)),
      ...[...topology.all('address_group')].map((object) => put('address_group', object)),
      ...[...topology.all('security_group')].map((object) => put('security_group', object)),
      ...[...topology.all('security_group_rule')].map((o) => put('security_group_rule', o)),
      ...[...topology.all('port')].map((object) => put('port', object)),
      ...[...topology.all('floatingip')].map((object) => put('floatingip', object)),
    ];
  }

  #update(kind: 'port', id: string, patch: Partial<Port>): Change[] {
    const present = this.topology.get(kind, id);
    return present === undefined ? [] : this.apply([put(kind, { ...present, ...patch })]);
  }

  deletePort(): Change[] {
    const present = this.anyPort();
    if (present === undefined) return [];
    const freed = [...this.topology.find('floatingip.by_port', present.id)].flatMap((id) => {
      const found = this.topology.get('floatingip', id);
      return found === undefined
        ? []
        : [put('floatingip', { ...found, port_id: null, fixed_ip_address: null, router_id: null })];
    });
    return this.apply([...freed, remove('port', present.id)]);
  }

  changePort(): Change[] {
    const { random } = this;
    const present = this.anyPort();
    if (present === undefined) return [];
    const secured = present.port_security_enabled;
    const groups = random.some(this.groups(), 0.4);
    const patch = random.pick<() => Partial<Port>>([
      () => ({ 'binding:host_id': this.host() }),
      () => ({ 'binding:host_id': this.host() }),
      () => ({ admin_state_up: !present.admin_state_up }),
      () => (secured ? { security_groups: groups } : {}),
      () => (secured ? { allowed_address_pairs: this.pairs(present.mac_address) } : {}),
      () =>
        secured
          ? { port_security_enabled: false, security_groups: [], allowed_address_pairs: [] }
          : { port_security_enabled: true, security_groups: groups },
      () => ({ name: `renamed ${this.next()}` }),
      () => ({ fixed_ips: this.fixedIps(present.network_id) }),
    ])();
    if (
      patch.fixed_ips !== undefined &&
      this.topology.find('floatingip.by_port', present.id).size
    ) {
      return [];
    }
    return this.#update('port', present.id, patch);
  }

  deleteRule(): Change[] {
    const rules = [...this.topology.all('security_group_rule')];
    return rules.length === 0
      ? []
      : this.apply([remove('security_group_rule', this.random.pick(rules).id)]);
  }

  deleteGroup(): Change[] {
    const unused = this.groups().filter(
      (id) =>
        this.topology.find('port.by_group', id).size === 0 &&
        this.topology.find('rule.by_remote_group', id).size === 0,
    );
    if (unused.length === 0) return [];
    const id = this.random.pick(unused);
    const rules = [...this.topology.find('rule.by_group', id)];
    return this.apply([
      ...rules.map((rule) => remove('security_group_rule', rule)),
      remove('security_group', id),
    ]);
  }

  deleteSubnet(): Change[] {
    const unused = [...this.topology.all('subnet')].filter(
      (s) =>
        this.topology.find('port.by_subnet', s.id).size === 0 &&
        !this.externals().includes(s.network_id) &&
        this.topology.find('subnet.by_network', s.network_id).size > 1,
    );
    return unused.length === 0 ? [] : this.apply([remove('subnet', this.random.pick(unused).id)]);
  }

  changeSubnet(): Change[] {
    const { random } = this;
    const subnets = [...this.topology.all('subnet')].filter(
      (s) => !this.externals().includes(s.network_id),
    );
    const present = random.pick(subnets);
    const gateway = parseIp(present.gateway_ip ?? formatIp(parsePrefix(present.cidr)));
    const moved = formatIp({ ...gateway, value: parsePrefix(present.cidr).value + 1n });
    const patch = random.chance(0.5)
      ? { enable_dhcp: !present.enable_dhcp }
      : { gateway_ip: present.gateway_ip === null ? moved : null };
    return this.apply([put('subnet', { ...present, ...patch })]);
  }

  changeGateway(): Change[] {
    const present = this.random.pick([...this.topology.all('router')]);
    if (this.topology.find('floatingip.by_router', present.id).size > 0) return [];
    const external_gateway_info =
      present.external_gateway_info === null
        ? {
            network_id: this.random.pick(this.externals()),
            enable_snat: true,
            external_fixed_ips: [],
          }
        : null;
    return this.apply([put('router', { ...present, external_gateway_info })]);
  }

  deleteFloatingIp(): Change[] {
    const all = [...this.topology.all('floatingip')];
    return all.length === 0 ? [] : this.apply([remove('floatingip', this.random.pick(all).id)]);
  }

  /** Takes a floating ip from its port. */
  changeFloatingIp(): Change[] {
    const used = [...this.topology.all('floatingip')].filter(({ port_id }) => port_id !== null);
    if (used.length === 0) return [];
    const free = { port_id: null, fixed_ip_address: null, router_id: null };
    return this.apply([put('floatingip', { ...this.random.pick(used), ...free })]);
  }

  changeNode(): Change[] {
    const present = this.topology.get('node', this.random.pick(this.nodes));
    if (present === undefined) return [];
    const vtep = `10.163.134.${this.next() & 255}`;
    return this.apply([put('node', { ...present, vtep })]);
  }

  /** One random change, as one request to the API would make it; often several objects, never none. */
  step(): Change[] {
    for (;;) {
      if (this.#wired && this.random.chance(0.3)) {
        const changes = this.wire();
        if (changes.length > 0) return changes;
      }
      const operation = this.random.pick<() => Change[]>([
        () => this.addPort(),
        () => this.addPort(),
        () => this.deletePort(),
        () => this.changePort(),
        () => this.changePort(),
        () => this.changePort(),
        () => this.changePort(),
        () => this.addRule(),
        () => this.addRule(),
        () => this.deleteRule(),
        () => this.changeAddresses(),
        () => this.addGroup(),
        () => this.deleteGroup(),
        () => this.addSubnet(),
        () => this.addSubnet(this.random.pick(this.internals()), 6),
        () => this.deleteSubnet(),
        () => this.changeSubnet(),
        () => this.changeGateway(),
        () => this.addFloatingIp(),
        () => this.deleteFloatingIp(),
        () => this.changeFloatingIp(),
        () => this.changeNode(),
        () => (this.topology.count('network') < 16 ? this.addVpc() : []),
      ]);
      const changes = operation();
      if (changes.length > 0) return changes;
    }
  }
}
