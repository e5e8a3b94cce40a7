/** What the lab reads from the server's REST API. */
import { Failure } from '../base/failure.ts';
import { isRecord } from './json.ts';

/** The REST API, as a client of it offers it. */
export interface Api {
  /** @throws {Failure} with the server's words when it refuses, `unavailable` when there is none. */
  request(method: string, path: string, body?: unknown): Promise<unknown>;
}

interface FixedIp {
  readonly subnet: string;
  readonly ip: string;
}

interface Port {
  readonly id: string;
  readonly mac: string;
  readonly network: string;
  readonly fixedIps: readonly FixedIp[];
  readonly status: string;
}

interface Subnet {
  readonly version: 4 | 6;
  readonly prefixLength: number;
  readonly gateway: string | null;
  readonly dhcp: boolean;
  /** How a VM gets an IPv6 address; null: as the operator says. */
  readonly mode: string | null;
}

interface Network {
  readonly name: string;
  readonly mtu: number;
}

/** The object of an answer, field by field; one that lacks a field is no answer of ours. */
class Fields {
  readonly #path: string;
  readonly #object: Readonly<Record<string, unknown>>;

  constructor(path: string, value: unknown) {
    this.#path = path;
    this.#object = isRecord(value) ? value : {};
  }

  #unexpected(name: string): Failure {
    return new Failure(
      'unavailable',
      'UnexpectedAnswer',
      `${this.#path} was answered without a usable ${name}; check TIANCHI_URL`,
    );
  }

  text(name: string): string {
    const value = this.#object[name];
    if (typeof value === 'string') return value;
    throw this.#unexpected(name);
  }

  textOrNull(name: string): string | null {
    return typeof this.#object[name] === 'string' ? this.text(name) : null;
  }

  number(name: string): number {
    const value = this.#object[name];
    if (typeof value === 'number') return value;
    throw this.#unexpected(name);
  }

  list(name: string): Fields[] {
    const value = this.#object[name];
    if (!Array.isArray(value)) throw this.#unexpected(name);
    return value.map((item: unknown) => new Fields(this.#path, item));
  }

  flag(name: string): boolean {
    return this.#object[name] === true;
  }
}

async function get(api: Api, collection: string, member: string, id: string): Promise<Fields> {
  const path = `/v2.0/${collection}/${id}`;
  const answer = await api.request('GET', path);
  return new Fields(path, isRecord(answer) ? answer[member] : undefined);
}

export async function portOf(api: Api, id: string): Promise<Port> {
  const port = await get(api, 'ports', 'port', id);
  return {
    id: port.text('id'),
    mac: port.text('mac_address'),
    network: port.text('network_id'),
    status: port.text('status'),
    fixedIps: port
      .list('fixed_ips')
      .map((fixed) => ({ subnet: fixed.text('subnet_id'), ip: fixed.text('ip_address') })),
  };
}

export async function subnetOf(api: Api, id: string): Promise<Subnet> {
  const subnet = await get(api, 'subnets', 'subnet', id);
  return {
    version: subnet.number('ip_version') === 6 ? 6 : 4,
    prefixLength: Number(subnet.text('cidr').split('/')[1]),
    gateway: subnet.textOrNull('gateway_ip'),
    dhcp: subnet.flag('enable_dhcp'),
    mode: subnet.textOrNull('ipv6_address_mode'),
  };
}

export async function networkOf(api: Api, id: string): Promise<Network> {
  const network = await get(api, 'networks', 'network', id);
  return { name: network.text('name'), mtu: network.number('mtu') };
}

/** Binds a port to a VM on a node as Nova does; all empty: to nothing. */
export async function bind(api: Api, port: string, node: string, device: string): Promise<void> {
  await api.request('PUT', `/v2.0/ports/${port}`, {
    port: {
      'binding:host_id': node,
      device_owner: device === '' ? '' : 'compute:nova',
      device_id: device,
    },
  });
}
