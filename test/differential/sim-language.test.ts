/**
 * The simulated switch against the real one over the whole language: random pipelines of every
 * action and every field, as text in a dummy Open vSwitch and as its dump in ours.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { field, type FlowKey } from '../../src/openflow/fields.ts';
import { writeField } from '../../src/openflow/key.ts';
import { parsePacket } from '../../src/openflow/text/index.ts';
import { Unixctl, controlSocket } from '../../src/net/unixctl.ts';
import {
  loadBridge,
  parseCtState,
  traceOffline,
  type LoadedBridge,
} from '../../src/trace/offline/index.ts';
import { ovsAvailable, startOvs, type Sandbox } from '../support/ovs.ts';
import { requireOrSkip } from '../support/require.ts';
import { flatten, readSections, type RealSection } from './offline-peer.ts';
import { randomLanguage, type Packet } from './sim-language.ts';
import { PLAIN_PORTS } from './sim-language-values.ts';
import { datapathOutputs } from './sim-ofproto-trace.ts';
import { Random } from './sim-random.ts';

const SEED = Number(process.env['SIM_SEED'] ?? 1);
const CASES = Number(process.env['TIANCHI_CASES'] ?? 80);
/** How many seconds a run of many cases may go on for. */
const SECONDS = Number(process.env['SIM_SECONDS'] ?? 36_000);
/** Forks of one packet that get a state by `--ct-next`. */
const MOST_FORKS = 60;
const STATES = ['trk|new', 'trk|est', 'trk|est|rpl', 'trk|inv', 'trk|rel'] as const;

/** Fields of packets that no match has. */
const UNMATCHED = /,(skb_priority|tun_tos)=([^,]*)/g;

function keyOf({ text }: Packet): FlowKey {
  const key = parsePacket(text.replaceAll(UNMATCHED, ''));
  for (const [, name = '', value = '0'] of text.matchAll(UNMATCHED)) {
    writeField(key, field(name), BigInt(value));
  }
  return key;
}

/** Of a connection whose addresses and ports a header hides, a switch prints zeros now and then. */
const NO_TUPLE =
  /ct_(nw|ipv6)_(src|dst)=(0\.0\.0\.0|::),|ct_nw_proto=\d+,ct_tp_src=0,ct_tp_dst=0,/g;

/** What the simulator answers for; how its steps are written as datapath actions is another's affair. */
const simulated = (sections: readonly RealSection[]) =>
  sections.map(({ path, finalFlow, datapathActions }) => ({
    path,
    finalFlow: finalFlow.replaceAll(NO_TUPLE, ''),
    outputs: datapathOutputs(datapathActions),
  }));

requireOrSkip('Open vSwitch', ovsAvailable)('the language', () => {
  let sandbox: Sandbox;
  let unixctl: Unixctl;

  beforeAll(async () => {
    sandbox = await startOvs();
    sandbox.addBridge('br0');
    for (const port of PLAIN_PORTS) sandbox.addPort('br0', `p${port}`, port);
    sandbox.addPort('br0', 'vx', 5, 'vxlan', 'options:remote_ip=flow', 'options:key=flow');
    sandbox.addPort('br0', 'gn', 14, 'geneve', 'options:remote_ip=10.8.0.2', 'options:key=77');
    unixctl = new Unixctl(controlSocket(sandbox.dir));
    // Tunnels as the kernel has them: no route is looked up, and no second bridge crossed.
    await unixctl.call('dpif/set-dp-features', 'br0', 'tnl_push_pop', 'false');
    for (const id of [1, 2]) {
      const meter = `meter=${id},pktps,bands=type=drop,rate=100`;
      sandbox.ofctl(['-O', 'OpenFlow13', 'add-meter', 'br0', meter]);
    }
  });

  afterAll(() => {
    unixctl.close();
    sandbox.stop();
  });

  /** Adds all lines, or each of them that the switch takes. */
  function add(what: 'add-flow' | 'add-group', lines: readonly string[]): void {
    const version = ['-O', 'OpenFlow15'];
    try {
      sandbox.ofctl(
        [...version, `${what}s`, 'br0', '-'],
        lines.map((line) => `${line}\n`).join(''),
      );
    } catch {
      for (const line of lines) {
        try {
          sandbox.ofctl([...version, what, 'br0', line]);
        } catch {
          // A random line may say what no switch takes.
        }
      }
    }
  }

  async function loaded(
    flows: readonly string[],
    groups: readonly string[],
  ): Promise<LoadedBridge> {
    sandbox.ofctl(['del-flows', 'br0']);
    sandbox.ofctl(['-O', 'OpenFlow15', 'del-groups', 'br0']);
    add('add-group', groups);
    add('add-flow', flows);
    const dump = (command: string, version: string) =>
      sandbox.ofctl(['-O', version, '--no-names', command, 'br0']);
    return loadBridge({
      flows: { name: 'flows', text: dump('dump-flows', 'OpenFlow13') },
      groups: { name: 'groups', text: dump('dump-groups', 'OpenFlow15') },
      ports: { name: 'ports', text: await unixctl.call('dpif/show') },
    });
  }

  it(`agrees on ${CASES} random packets (seed ${SEED})`, { timeout: 36_000_000 }, async () => {
    const met = new Map<string, number>();
    const until = performance.now() + SECONDS * 1000;
    let done = 0;
    for (let index = 0; done < CASES && performance.now() < until; index += 1) {
      const random = new Random(SEED * 100_000 + index);
      const { flows, groups, packets, kinds } = randomLanguage(random);
      const bridge = await loaded(flows, groups);
      for (const packet of packets) {
        const state = random.pick(STATES);
        const states = Array.from({ length: MOST_FORKS }, () => state);
        const next = states.flatMap((given) => ['--ct-next', given.replaceAll('|', ',')]);
        const text = await unixctl.call('ofproto/trace', 'br0', packet.text, ...next);
        const expected = readSections(text);
        const { section } = traceOffline(bridge, keyOf(packet), states.map(parseCtState));
        const label = `seed ${SEED}, program ${index}: ${packet.text} --ct-next ${state}\n${text}`;
        expect(simulated(flatten(section)), label).toEqual(simulated(expected));
        done += 1;
        for (const { cookie } of expected.flatMap(({ path }) => path)) {
          for (const kind of kinds.get(BigInt(cookie ?? 0)) ?? []) {
            met.set(kind, (met.get(kind) ?? 0) + 1);
          }
        }
      }
    }
    if (process.env['TIANCHI_CASES'] !== undefined) {
      const table = [...met].sort((a, b) => a[1] - b[1]).map(([kind, n]) => `${n}\t${kind}\n`);
      process.stdout.write(`${done} packets agree; flows met with\n${table.join('')}`);
    }
    // A comparison of nothing but drops would prove nothing.
    expect(met.size).toBeGreaterThan(50);
  });
});
