/** A sandbox's br-int as a datapath, by the tools that people use; nothing of it is ours. */
import { parseConnections } from '../../src/agent/ovs/conntrack.ts';
import type { Connection, Datapath } from '../../src/agent/datapath.ts';
import type { BridgeProgram } from '../../src/openflow/flow.ts';
import {
  formatFlow,
  formatGroup,
  formatMeter,
  parseFlows,
  parseGroups,
  parseMeters,
} from '../../src/openflow/text/index.ts';
import type { BridgeDelta } from '../../src/pipeline/feature.ts';
import type { Sandbox } from './ovs.ts';

/** A tuple in the words of `dpctl/flush-conntrack`. */
function tupleText({ protocol, source, destination, ...of }: Connection): string {
  const family = source.includes(':') ? 'ipv6' : 'nw';
  const ends = [
    `ct_nw_proto=${protocol}`,
    `ct_${family}_src=${source}`,
    `ct_${family}_dst=${destination}`,
  ];
  const inner =
    of.icmp === undefined
      ? [`ct_tp_src=${of.sourcePort}`, `ct_tp_dst=${of.destinationPort}`]
      : [`icmp_id=${of.sourcePort}`, `icmp_type=${of.icmp.type}`, `icmp_code=${of.icmp.code}`];
  return [...ends, ...inner].join();
}

export class SandboxDatapath implements Pick<
  Datapath,
  'connections' | 'forget' | 'apply' | 'program'
> {
  readonly #sandbox: Sandbox;

  constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox;
  }

  connections(zones: readonly number[]): Promise<readonly Connection[]> {
    const dump = this.#sandbox.appctl('dpctl/dump-conntrack');
    return Promise.resolve(parseConnections(dump).filter(({ zone }) => zones.includes(zone)));
  }

  forget(connections: readonly Connection[]): Promise<void> {
    for (const it of connections) {
      this.#sandbox.appctl('dpctl/flush-conntrack', `zone=${it.zone}`, tupleText(it));
    }
    return Promise.resolve();
  }

  apply(bridge: string, delta: BridgeDelta): Promise<void> {
    const ofctl = (
      version: string,
      command: string,
      lines: readonly string[],
      ...more: string[]
    ) => {
      if (lines.length === 0) return;
      const input = lines.map((line) => `${line}\n`).join('');
      this.#sandbox.ofctl(['-O', version, ...more, command, bridge, '-'], input);
    };
    for (const meter of delta.addMeters) {
      this.#sandbox.ofctl(['-O', 'OpenFlow13', 'add-meter', bridge, formatMeter(meter)]);
    }
    ofctl(
      'OpenFlow15',
      'add-groups',
      delta.addGroups.map((group) => formatGroup(group)),
    );
    ofctl('OpenFlow13', 'add-flows', [
      ...delta.add.map((flow) => `add ${formatFlow(flow)}`),
      ...delta.remove.map((flow) => {
        const [head = ''] = formatFlow({ ...flow, idleTimeout: 0 }).split(' actions=');
        return `delete_strict ${head.replace(/cookie=\w+, /, '')}`;
      }),
    ]);
    return Promise.resolve();
  }

  program(bridge: string): Promise<BridgeProgram> {
    const dump = (version: string, what: string) =>
      this.#sandbox.ofctl(['-O', version, '--no-names', what, bridge]);
    const { flows, errors } = parseFlows(dump('OpenFlow13', 'dump-flows'));
    if (errors.length > 0) throw new Error(JSON.stringify(errors));
    const { groups } = parseGroups(dump('OpenFlow15', 'dump-groups'));
    const { meters } = parseMeters(dump('OpenFlow13', 'dump-meters'));
    return Promise.resolve({ flows, groups, meters });
  }
}
