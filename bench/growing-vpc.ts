/** A VPC of a deployment whose ports become more and more, half of them on each node. */
import { plug, together, type BenchPort, type Deployment } from './deployment.ts';

/** As many as one request can make. */
const AT_ONCE = 500;

interface Made {
  readonly network_id: string;
  readonly security_groups: readonly string[];
  readonly 'binding:host_id'?: string;
}

export type Remote = 'anybody' | 'own group';

export class GrowingVpc {
  readonly #deployment: Deployment;
  readonly #made: Made;

  private constructor(deployment: Deployment, made: Made) {
    this.#deployment = deployment;
    this.#made = made;
  }

  /** @param remote Whom the ports' one group lets in and out. */
  static async make(deployment: Deployment, remote: Remote): Promise<GrowingVpc> {
    const cidr = '10.0.0.0/16';
    const { id: network_id } = await deployment.make('networks', 'network', { name: 'vpc', cidr });
    await deployment.make('subnets', 'subnet', { network_id, cidr });
    const name = `from ${remote}`;
    const { id } = await deployment.make('security-groups', 'security_group', { name });
    for (const direction of ['ingress', 'egress']) {
      await deployment.make('security-group-rules', 'security_group_rule', {
        security_group_id: id,
        direction,
        ...(remote === 'anybody' ? {} : { remote_group_id: id }),
      });
    }
    return new GrowingVpc(deployment, { network_id, security_groups: [id] });
  }

  /** Ports that are bound to no node, but plugged in one: the first in the first and so on. */
  async plugged(count: number): Promise<BenchPort[]> {
    const ports = await this.#make(count, this.#made);
    const { nodes } = this.#deployment;
    for (const [at, node] of nodes.entries()) {
      plug(
        node,
        ports.filter((_, n) => n % nodes.length === at),
      );
    }
    await this.#deployment.quiet();
    return ports;
  }

  /** Ports that are bound to a node outside the deployment. */
  async elsewhere(count: number, host: string): Promise<void> {
    await this.#make(count, { ...this.#made, 'binding:host_id': host });
  }

  /**
   * Binds what `plugged` made, several calls at a time.
   * @returns milliseconds until all nodes' switches hold all of it.
   */
  bind(ports: readonly BenchPort[]): Promise<number> {
    return this.#deployment.until('added', ports, () =>
      together(ports, (port, at) => this.#deployment.bind(port, this.#deployment.nodeOf(at))),
    );
  }

  async #make(count: number, attributes: Made): Promise<BenchPort[]> {
    const ports: BenchPort[] = [];
    while (ports.length < count) {
      const some = Math.min(AT_ONCE, count - ports.length);
      const all = Array.from({ length: some }, () => ({ ...attributes }));
      ports.push(...(await this.#deployment.ports(all)));
    }
    return ports;
  }
}
