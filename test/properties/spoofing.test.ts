/**
 * Nobody speaks as somebody else: every lie that a VM could tell its switch goes nowhere, and the
 * truth gets through, in the simulated switch and in a real one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { FlowKey } from '../../src/openflow/fields.ts';
import type { Flow } from '../../src/openflow/flow.ts';
import {
  formatFlow,
  formatGroup,
  formatMeter,
  parseFlow,
  parsePacket,
} from '../../src/openflow/text/index.ts';
import { BRIDGES, compileAll } from '../../src/pipeline/compiler.ts';
import { METER, meterId } from '../../src/pipeline/cookies.ts';
import { dropCode } from '../../src/pipeline/drops.ts';
import { Conntrack, execute, SimBridge, type SimPort } from '../../src/sim/index.ts';
import { Unixctl, controlSocket } from '../../src/net/unixctl.ts';
import { readTrace } from '../differential/sim-ofproto-trace.ts';
import { ethernet, hex, ipv4, tagged, udp, vxlan } from '../support/frames.ts';
import { ovsAvailable, startOvs, type Sandbox } from '../support/ovs.ts';
import { requireOrSkip } from '../support/require.ts';
import { FRAGMENTED, LIES, TRUTHS } from '../support/spoofing/lies.ts';
import { BROADCAST, type Sent } from '../support/spoofing/sending.ts';
import {
  GATEWAY,
  ROUTED,
  spoofingNode,
  spoofingTopology,
  TUNNEL,
  VM,
  VNI,
} from '../support/spoofing/world.ts';

const topology = spoofingTopology();
const local = spoofingNode(topology);
const programs = compileAll(topology, local);
const program = programs['br-int'];
const plugged = Object.entries(VM).filter(([, { id }]) => local.attachment(id) !== undefined);

const where = (inPort: number, ofport: number): string => {
  if (ofport === inPort) return 'back';
  if (ofport === TUNNEL) return 'tunnel';
  return `to ${plugged.find(([, vm]) => vm.ofport === ofport)?.[0] ?? ofport}`;
};

const keyOf = ({ from, frame }: Sent): FlowKey =>
  parsePacket(`in_port=${from.ofport},${frame.flow}`);

const label = ({ from, name }: Sent): string =>
  `${Object.entries(VM).find(([, vm]) => vm === from)?.[0]}: ${name}`;

const port = (ofport: number, kind: SimPort['kind']): SimPort => ({
  ofport,
  name: `${kind}${ofport}`,
  kind,
  up: true,
});

function simulated(): SimBridge {
  const bridge = new SimBridge('br-int', [
    port(TUNNEL, 'tunnel'),
    ...plugged.map(([, { ofport }]) => port(ofport, 'vm')),
  ]);
  bridge.apply(program);
  return bridge;
}

describe('the simulated switch', () => {
  const bridge = simulated();

  const outcomes = (sent: Sent): string[] => {
    const { steps } = execute(bridge, keyOf(sent), { conntrack: new Conntrack(), now: 0 });
    return steps.flatMap((step) => {
      if (step.kind === 'controller') return ['agent'];
      return step.kind === 'output' ? [where(sent.from.ofport, step.port)] : [];
    });
  };

  it(`lets none of ${LIES.length} lies pass`, () => {
    const passed = LIES.filter((lie) => outcomes(lie).length > 0);
    expect(passed.map((lie) => `${label(lie)}: ${outcomes(lie).join()}`)).toEqual([]);
  });

  it.each(TRUTHS)('lets $name pass: $outcome', (truth) => {
    expect(outcomes(truth)).toEqual([truth.outcome]);
  });
});

requireOrSkip('Open vSwitch', ovsAvailable)('a real switch', () => {
  let sandbox: Sandbox;
  let unixctl: Unixctl;
  const byDatapathPort = new Map<number, number>();

  beforeAll(async () => {
    sandbox = await startOvs();
    sandbox.addBridge('br-int');
    sandbox.addBridge('br-phy');
    sandbox.addPort('br-int', 'vf', TUNNEL, 'vxlan', 'options:remote_ip=flow', 'options:key=flow');
    for (const [, { ofport }] of plugged) sandbox.addPort('br-int', `vhu${ofport}`, ofport);
    sandbox.addPort('br-phy', 'dpdk_phy0', 1);
    const lines = (texts: readonly string[]) => texts.map((text) => `${text}\n`).join('');
    for (const bridge of BRIDGES) {
      const { flows, groups, meters } = programs[bridge];
      for (const meter of meters) {
        sandbox.ofctl(['-O', 'OpenFlow13', 'add-meter', bridge, formatMeter(meter)]);
      }
      sandbox.ofctl(
        ['-O', 'OpenFlow15', 'add-groups', bridge, '-'],
        lines(groups.map((group) => formatGroup(group))),
      );
      sandbox.ofctl(
        ['-O', 'OpenFlow13', 'add-flows', bridge, '-'],
        lines(flows.map((flow) => formatFlow(flow))),
      );
    }
    unixctl = new Unixctl(controlSocket(sandbox.dir));
    await unixctl.call('netdev-dummy/ip4addr', 'br-phy', '10.163.133.43/24');
    await unixctl.call('ovs/route/add', '10.163.133.0/24', 'br-phy');
    await unixctl.call('tnl/arp/set', 'br-phy', '10.163.133.42', 'aa:00:00:00:00:02');
    for (const [, ofport, odp] of (await unixctl.call('dpif/show')).matchAll(
      /vhu\d+ (\d+)\/(\d+):/g,
    )) {
      byDatapathPort.set(Number(odp), Number(ofport));
    }
  });

  afterAll(() => {
    unixctl.close();
    sandbox.stop();
  });

  const traced = async ({
    from,
    frame,
    found = 'trk,new',
  }: Sent): Promise<{ outcomes: string[]; read: string }> => {
    const states = Array.from({ length: 4 }, () => ['--ct-next', found]).flat();
    const text = await unixctl.call(
      'ofproto/trace',
      'br-int',
      `in_port=${from.ofport}`,
      hex(frame),
      ...states,
    );
    const outputs = readTrace(text, byDatapathPort).flatMap((pass) =>
      pass.outputs.map((ofport) => where(from.ofport, ofport)),
    );
    const agent = /^Datapath actions:.*userspace\(.*controller/m.test(text) ? ['agent'] : [];
    const tunnel = /^Datapath actions:.*tnl_push/m.test(text) ? ['tunnel'] : [];
    return {
      outcomes: [...agent, ...tunnel, ...outputs],
      read: /^Flow: (.*)$/m.exec(text)?.[1] ?? text,
    };
  };

  it('reads the frames as they are told', async () => {
    const unlike: string[] = [];
    for (const sent of [...LIES, ...TRUTHS]) {
      const { read } = await traced(sent);
      const real = parsePacket(read.replace(/,vlan_tci1=\w+/, ''));
      if (String(real) !== String(keyOf(sent)))
        unlike.push(`${label(sent)}: ${read} for ${sent.frame.flow}`);
    }
    expect(unlike).toEqual([]);
  });

  it('lets none of the lies pass', async () => {
    const passed: string[] = [];
    for (const lie of LIES) {
      const { outcomes } = await traced(lie);
      if (outcomes.length > 0) passed.push(`${label(lie)}: ${outcomes.join()}`);
    }
    expect(passed).toEqual([]);
  });

  it.each(TRUTHS)('lets $name pass: $outcome', async (truth) => {
    expect((await traced(truth)).outcomes).toEqual([truth.outcome]);
  });

  /** Packets that each port of br-int has sent. */
  const counters = (): Map<string, number> => {
    const dump = sandbox.ofctl(['-O', 'OpenFlow13', 'dump-ports', 'br-int']);
    return new Map(
      [...dump.matchAll(/port +"?([^\s:"]+)"?:[^]*?tx pkts=(\d+)/g)].map(([, name = '', tx]) => [
        name,
        Number(tx),
      ]),
    );
  };

  const receive = (from: Sent['from'], frame: Sent['frame']): Promise<string> =>
    unixctl.call('netdev-dummy/receive', `vhu${from.ofport}`, hex(frame));
  const victim = String(VM.victim.ofport);

  /** Packets that each drop row has counted, those that have. */
  const dropped = (rows: Iterable<{ flow: Flow; packets: number }>): Record<string, number> => {
    const counted: Record<string, number> = {};
    for (const { flow, packets } of rows) {
      if (flow.actions.length === 0 && packets > 0) counted[formatFlow(flow)] = packets;
    }
    return counted;
  };

  const realRows = () => {
    const dump = sandbox.ofctl(['-O', 'OpenFlow13', '--no-names', 'dump-flows', 'br-int']);
    return dump
      .split('\n')
      .filter((line) => line.includes('actions='))
      .map((line) => ({
        flow: parseFlow(line.trim()),
        packets: Number(/n_packets=(\d+)/.exec(line)?.[1]),
      }));
  };

  it('sends nothing when the frames really come in, and counts each at its row', async () => {
    const before = counters();
    const predicted = simulated();
    const conntrack = new Conntrack();
    for (const lie of LIES) {
      await receive(lie.from, lie.frame);
      execute(predicted, keyOf(lie), { conntrack, now: 0, count: true });
    }
    const expected = dropped(predicted.counters());
    expect(Object.values(expected).reduce((sum, n) => sum + n, 0)).toBe(LIES.length);
    const deadline = Date.now() + 20_000;
    let seen = dropped(realRows());
    while (!isDeepStrictEqual(seen, expected) && Date.now() < deadline) {
      await sleep(100);
      seen = dropped(realRows());
    }
    expect(seen).toEqual(expected);
    expect(counters()).toEqual(before);
  }, 60_000);

  /** Sends a frame to the victim through the tunnel, as another node would. */
  const fromTunnel = async (vni: number): Promise<void> => {
    const [mac = ''] =
      sandbox.vsctl('get', 'interface', 'br-phy', 'mac_in_use').match(/\w\w(:\w\w){5}/) ?? [];
    const { remote, victim } = VM;
    const inner = ethernet(remote.mac, '02:00:00:00:00:00', ipv4(remote.ip, victim.ip, udp(1, 2)));
    const outer = ipv4('10.163.133.42', '10.163.133.43', vxlan(vni, inner));
    const frame = ethernet('aa:00:00:00:00:02', mac, tagged(101, outer));
    await unixctl.call('netdev-dummy/receive', 'dpdk_phy0', hex(frame));
  };

  it('takes nothing of an unknown VNI from a tunnel, and counts it', async () => {
    const unknown = () =>
      realRows().find(({ flow }) => dropCode(flow) === 'unknown_vni')?.packets ?? 0;
    const arrived = () => counters().get(victim) ?? 0;
    const before = arrived();
    for (const vni of [0, VNI + 7, 0xffffff]) await fromTunnel(vni);
    await vi.waitUntil(() => unknown() === 3, { timeout: 20_000 });
    expect(arrived()).toBe(before);
    await fromTunnel(VNI);
    await vi.waitUntil(() => arrived() === before + 1, { timeout: 20_000 });
  });

  it('meters the packets whose hop limit ran out apart from what VMs ask', async () => {
    const { liar } = VM;
    const metered = (meter: string): number => {
      const stats = sandbox.ofctl(['-O', 'OpenFlow13', 'meter-stats', 'br-int']);
      return Number(new RegExp(`meter:${meter} .*packet_in_count:(\\d+)`).exec(stats)?.[1]);
    };
    const own = String(meterId(local.attachment(liar.id)?.vid ?? 0, METER.agent));
    const counts = () => ({ expired: metered('controller'), asked: metered(own) });
    const before = counts();
    const expired = ipv4(liar.ip, ROUTED.replace('0/24', '7'), udp(1, 2), { ttl: 1 });
    const asks = ipv4('0.0.0.0', '255.255.255.255', udp(68, 67));
    for (let n = 0; n < 5; n += 1) await receive(liar, ethernet(liar.mac, GATEWAY.mac, expired));
    for (let n = 0; n < 3; n += 1) await receive(liar, ethernet(liar.mac, BROADCAST, asks));
    const wanted = { expired: before.expired + 5, asked: before.asked + 3 };
    await vi.waitUntil(() => isDeepStrictEqual(counts(), wanted), { timeout: 20_000 });
  });

  it.each(FRAGMENTED)('sends $arrive fragments of $name on', async ({ from, frames, arrive }) => {
    const before = counters();
    for (const frame of frames) await receive(from, frame);
    const after = new Map(before).set(victim, (before.get(victim) ?? 0) + arrive);
    expect(counters()).toEqual(after);
  });
});
