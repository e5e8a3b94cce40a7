/** What a random world stands on: its topology, its chance, and what is there to pick from. */
import { formatIp, parsePrefix } from '../../../src/address/index.ts';
import type { Change, Port, Subnet } from '../../../src/model/objects.ts';
import { Topology, type DependencyKey } from '../../../src/model/topology.ts';
import { Random } from '../random.ts';

export class Ground {
  readonly topology = new Topology();
  readonly random: Random;
  readonly nodes: readonly string[];
  #serial = 0;
  #touched = new Set<DependencyKey>();

  constructor(seed: number, nodes: number) {
    this.random = new Random(seed);
    this.nodes = Array.from({ length: nodes }, (_, index) => `node${index + 1}`);
  }

  protected apply(changes: readonly Change[]): Change[] {
    for (const change of changes) {
      for (const key of this.topology.apply(change)) this.#touched.add(key);
    }
    return [...changes];
  }

  /** The keys touched since the last call. */
  takeTouched(): Set<DependencyKey> {
    const touched = this.#touched;
    this.#touched = new Set();
    return touched;
  }

  protected next(): number {
    this.#serial += 1;
    return this.#serial;
  }

  /** Later objects are younger, several within one second. */
  protected now(): string {
    const time = new Date(Date.UTC(2023, 0, 12) + Math.floor(this.#serial / 3) * 1000);
    return time.toISOString().replace('.000Z', 'Z');
  }

  protected mac(): string {
    return `fa:16:3e:00:${[this.next() >> 8, this.#serial & 255]
      .map((byte) => byte.toString(16).padStart(2, '0'))
      .join(':')}`;
  }

  protected externals(): string[] {
    return [...this.topology.all('network')].filter((n) => n['router:external']).map((n) => n.id);
  }

  protected internals(): string[] {
    return [...this.topology.all('network')]
      .filter((n) => !n['router:external'] && n.id !== n.vpc.id)
      .map((n) => n.id);
  }

  protected subnetsOfVpc(vpc: string): Subnet[] {
    return [...this.topology.find('subnet.by_vpc', vpc)].flatMap(
      (id) => this.topology.get('subnet', id) ?? [],
    );
  }

  protected freeAddress({ id, cidr, ip_version }: Subnet): string {
    const taken = new Set(
      [...this.topology.find('port.by_subnet', id)].flatMap((portId) =>
        (this.topology.get('port', portId)?.fixed_ips ?? []).map((fixed) => fixed.ip_address),
      ),
    );
    const first = parsePrefix(cidr).value;
    for (let host = 2n; ; host += 1n) {
      const address = formatIp({ version: ip_version, value: first + host });
      if (!taken.has(address)) return address;
    }
  }

  protected groups(): string[] {
    return [...this.topology.all('security_group')].map((group) => group.id);
  }

  protected anyPort(): Port | undefined {
    const ports = [...this.topology.all('port')];
    return ports.length === 0 ? undefined : this.random.pick(ports);
  }
}
