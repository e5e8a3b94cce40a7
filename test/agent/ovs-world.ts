/** Agents on real Open vSwitches without root: a sandbox a node, and what stands in for the rest of it. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningAgent } from '../../src/agent/index.ts';
import { OvsDatapath } from '../../src/agent/ovs/datapath.ts';
import type { OvsOptions } from '../../src/agent/ovs/index.ts';
import type { BridgeName } from '../../src/pipeline/compiler.ts';
import type { BridgeDelta } from '../../src/pipeline/feature.ts';
import { BRIDGES, compileAll } from '../../src/pipeline/compiler.ts';
import {
  formatFlow,
  formatGroup,
  formatMeter,
  parseGroups,
  parseMeters,
} from '../../src/openflow/text/index.ts';
import type { Topology } from '../../src/model/topology.ts';
import type { Sandbox } from '../support/ovs.ts';
import { log } from './world.ts';

const UPLINKS = ['p0', 'p1'];
const VLAN = 101;

/** Plugs interfaces as a hypervisor would: for the ports that are bound here, and no others. */
export class PluggedDatapath extends OvsDatapath {
  readonly ovs: Sandbox;
  /** Changes that were asked for. */
  applied = 0;

  constructor(ovs: Sandbox, node: string, vtep: string, more: Partial<OvsOptions> = {}) {
    const ovsdb = `unix:${ovs.dir}/db.sock`;
    const wiring = { uplinks: UPLINKS, vlan: VLAN, datapathType: 'dummy' } as const;
    super({ node, vtep, ovsdb, ...wiring, log, ...more });
    this.ovs = ovs;
  }

  override apply(bridge: BridgeName, delta: BridgeDelta): Promise<void> {
    this.applied += 1;
    return super.apply(bridge, delta);
  }

  override async ensurePlugged(portIds: ReadonlySet<string>): Promise<void> {
    const held = new Map((await this.interfaces(null)).map(({ port_id, name }) => [port_id, name]));
    const commands: string[] = [];
    for (const [id, name] of held) if (!portIds.has(id)) commands.push('--', 'del-port', name);
    for (const id of portIds) if (!held.has(id)) commands.push('--', ...plugging(id));
    if (commands.length === 0) return;
    this.ovs.vsctl(...commands);
    for (;;) {
      const now = new Set((await this.interfaces(null)).map(({ port_id }) => port_id));
      if (now.size === portIds.size && [...portIds].every((id) => now.has(id))) return;
      await sleep(2);
    }
  }
}

export const interfaceName = (portId: string): string => `vhu${portId.slice(0, 11)}`;

/** `ovs-vsctl` words that plug a port in. */
export const plugging = (portId: string): string[] => {
  const name = interfaceName(portId);
  const settings = ['type=dummy', `external_ids:iface-id=${portId}`];
  return ['add-port', 'br-int', name, '--', 'set', 'interface', name, ...settings];
};

/** Gives br-phy the node's address, as its operator does. */
export function giveAddress(ovs: Sandbox, vtep: string): void {
  ovs.appctl('netdev-dummy/ip4addr', 'br-phy', `${vtep}/24`);
  ovs.appctl('ovs/route/add', `${vtep}/24`, 'br-phy');
}

/** What `ovs-ofctl diff-flows` prints: nothing when the bridge holds these flows and no others. */
function diffFlows(ovs: Sandbox, bridge: BridgeName, text: string): string[] {
  const file = path.join(ovs.dir, `${bridge}.flows`);
  writeFileSync(file, text);
  // It ends with 2 when there are differences.
  const script = `ovs-ofctl -O OpenFlow13 diff-flows ${bridge} ${file} || test $? -eq 2`;
  return ovs.run('sh', ['-c', script]).trim().split('\n').filter(Boolean);
}

/**
 * What a switch holds otherwise than a full compilation gives: flows by `ovs-ofctl diff-flows`, groups
 * and meters parsed from its dumps.
 */
export function differencesOf(ovs: Sandbox, topology: Topology, agent: RunningAgent): string[] {
  const wanted = compileAll(topology, agent.local);
  return BRIDGES.flatMap((bridge) => {
    const { flows, groups, meters } = wanted[bridge];
    const found = diffFlows(ovs, bridge, flows.map((flow) => formatFlow(flow)).join('\n'));
    const dump = (what: string): string => ovs.ofctl(['-O', 'OpenFlow15', what, bridge]);
    const held = [
      ...parseGroups(dump('dump-groups')).groups.map((it) => formatGroup(it)),
      ...parseMeters(dump('dump-meters')).meters.map(formatMeter),
    ];
    const mine = [...groups.map((it) => formatGroup(it)), ...meters.map(formatMeter)];
    found.push(...held.filter((it) => !mine.includes(it)).map((it) => `-${it}`));
    found.push(...mine.filter((it) => !held.includes(it)).map((it) => `+${it}`));
    return found.map((line) => `${bridge} ${line}`);
  });
}
