/** A node of a topology as a real Open vSwitch holds it: bridges, ports and compiled programs. */
import type { AgentDump, AgentQuery } from '../../src/model/stream.ts';
import { formatFlow, formatGroup, formatMeter } from '../../src/openflow/text/index.ts';
import { BRIDGES } from '../../src/pipeline/compiler.ts';
import type { SimPort } from '../../src/sim/types.ts';
import type { Sandbox } from './ovs.ts';
import type { LiveNode } from './trace-bench.ts';

function addPorts(ovs: Sandbox, bridge: string, ports: readonly SimPort[]): void {
  const commands = ports
    .filter(({ kind }) => kind !== 'local')
    .map(({ name, ofport, localIp }) => {
      const type =
        localIp === undefined
          ? ['type=dummy']
          : [
              'type=vxlan',
              'options:remote_ip=flow',
              'options:key=flow',
              `options:local_ip=${localIp}`,
            ];
      const settings = [`ofport_request=${ofport}`, ...type];
      return ['add-port', bridge, name, '--', 'set', 'interface', name, ...settings];
    });
  ovs.vsctl(...commands.flatMap((command) => ['--', ...command]).slice(1));
}

/** Makes the bridges in an empty sandbox and puts into them what the simulated ones hold. */
export function program(ovs: Sandbox, { sim }: LiveNode): void {
  for (const bridge of BRIDGES) {
    ovs.addBridge(bridge);
    addPorts(ovs, bridge, [...sim.bridges[bridge].ports.values()]);
    const { flows, groups, meters } = sim.bridges[bridge].program();
    for (const meter of meters) {
      ovs.ofctl(['-O', 'OpenFlow15', 'add-meter', bridge, formatMeter(meter)]);
    }
    const text = groups.map((group) => formatGroup(group)).join('\n');
    if (groups.length > 0) ovs.ofctl(['-O', 'OpenFlow15', 'add-groups', bridge, '-'], text);
    const lines = flows.map((flow) => `cookie=0x${flow.cookie.toString(16)},${formatFlow(flow)}`);
    ovs.ofctl(['-O', 'OpenFlow13', '--bundle', 'add-flows', bridge, '-'], lines.join('\n'));
  }
}

const COMMANDS: Readonly<
  Record<Exclude<AgentQuery['what'], 'neighbours' | 'conntrack'>, readonly string[]>
> = {
  flows: ['-O', 'OpenFlow13', '--no-names', 'dump-flows'],
  groups: ['-O', 'OpenFlow15', '--no-names', 'dump-groups'],
  ports: ['-O', 'OpenFlow13', 'dump-ports-desc'],
};

/** Answers as the agents of switches do, with the tool's own words. */
export class VerbatimAgents {
  /** To be raised when a switch was changed. */
  generation = 1;
  /** By node, the answer about its neighbours. */
  readonly neighbours = new Map<string, string>();
  readonly #switches: ReadonlyMap<string, Sandbox>;

  constructor(switches: ReadonlyMap<string, Sandbox>) {
    this.#switches = switches;
  }

  readonly query = (
    node: string,
    { what, bridge, generation: known }: AgentQuery,
  ): Promise<AgentDump> => {
    const { generation } = this;
    if (what === 'neighbours') {
      return Promise.resolve({ generation, text: this.neighbours.get(node) ?? '' });
    }
    if (what === 'conntrack') {
      const text = this.#switches.get(node)?.appctl('dpctl/dump-conntrack') ?? '';
      return Promise.resolve({ generation, text });
    }
    if (generation === known) return Promise.resolve({ generation, unchanged: true });
    const text = this.#switches.get(node)?.ofctl([...COMMANDS[what], bridge]) ?? '';
    return Promise.resolve({ generation, text });
  };
}
