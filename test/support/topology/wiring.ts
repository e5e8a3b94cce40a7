/** What routers do in a random world: interfaces, routes, and networks that move between VPCs. */
import { parsePrefix, prefixesOverlap } from '../../../src/address/index.ts';
import type { Change } from '../../../src/model/objects.ts';
import { INTERFACE_OWNER } from '../../../src/model/topology.ts';
import { advanced, headedFor, isMoving } from '../../../src/model/vpc.ts';
import { port, put, remove } from '../objects.ts';
import { Growth } from './growth.ts';

export class Wiring extends Growth {
  #addInterface(): Change[] {
    const { random } = this;
    const networkId = random.pick(this.internals());
    const inside = [...this.topology.find('subnet.by_network', networkId)].flatMap(
      (id) => this.topology.get('subnet', id) ?? [],
    );
    if (inside.length === 0) return [];
    const chosen = random.pick(inside);
    const taken = [...this.topology.find('interface.by_network', networkId)].some((id) =>
      this.topology.get('port', id)?.fixed_ips.some((fixed) => fixed.subnet_id === chosen.id),
    );
    if (taken) return [];
    const gateway = random.chance(0.6) ? chosen.gateway_ip : null;
    const ip_address = gateway ?? this.freeAddress(chosen);
    return this.apply([
      put(
        'port',
        port({
          id: random.uuid(),
          network_id: networkId,
          created_at: this.now(),
          mac_address: this.mac(),
          fixed_ips: [{ subnet_id: chosen.id, ip_address }],
          port_security_enabled: false,
          device_owner: INTERFACE_OWNER,
          device_id: random.pick([...this.topology.all('router')]).id,
        }),
      ),
    ]);
  }

  #removeInterface(): Change[] {
    const ids = [...this.topology.keysOf('interface.by_network')].flatMap((key) => [
      ...this.topology.find('interface.by_network', key),
    ]);
    return ids.length === 0 ? [] : this.apply([remove('port', this.random.pick(ids))]);
  }

  /** Sends a network on its way to another VPC that has none of its prefixes, or a step further. */
  #moveNetwork(): Change[] {
    const { random } = this;
    const present = this.topology.get('network', random.pick(this.internals()));
    if (present === undefined) return [];
    if (random.chance(0.6) && isMoving(present)) {
      return this.apply([put('network', advanced(present))]);
    }
    const firstLayers = [...this.topology.all('network')].filter((each) => each.cidr !== null);
    const { id, vpc } = random.pick(firstLayers);
    const there = this.subnetsOfVpc(id).filter((each) => each.network_id !== present.id);
    const own = [...this.topology.find('subnet.by_network', present.id)];
    const overlaps = own.some((subnetId) => {
      const cidr = this.topology.get('subnet', subnetId)?.cidr ?? '';
      return there.some((other) => prefixesOverlap(parsePrefix(cidr), parsePrefix(other.cidr)));
    });
    if (overlaps) return [];
    return this.apply([put('network', headedFor(present, { id, vni: vpc.vni }))]);
  }

  #changeRouter(): Change[] {
    const { random } = this;
    const present = random.pick([...this.topology.all('router')]);
    const hops = [...this.topology.all('port')].flatMap((each) => each.fixed_ips);
    const hop = hops.length === 0 ? '10.0.0.9' : random.pick(hops).ip_address;
    const six = ['2001:db8:0:1::/64', '2001:db8:9::/48', '::/0'];
    const four = ['10.0.0.0/24', '10.0.1.128/25', '198.51.100.0/24', '0.0.0.0/0'];
    const destination = random.pick(hop.includes(':') ? six : four);
    const routes = random.chance(0.3) ? [] : [...present.routes, { destination, nexthop: hop }];
    const patch = random.chance(0.8) ? { routes } : { admin_state_up: !present.admin_state_up };
    return this.apply([put('router', { ...present, ...patch })]);
  }

  protected wire(): Change[] {
    return this.random.pick<() => Change[]>([
      () => this.#addInterface(),
      () => this.#removeInterface(),
      () => this.#moveNetwork(),
      () => this.#moveNetwork(),
      () => this.#moveNetwork(),
      () => this.#changeRouter(),
      () => this.#changeRouter(),
    ])();
  }
}
