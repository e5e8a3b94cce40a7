/**
 * A new connection is no new megaflow: what the datapath has learnt of one serves all that differ
 * from it in their ports only, or every connection would wait for the slow path and a VM that opens
 * many could fill the datapath's table. Nor is a known packet looked at for more than a new one: the
 * datapath asks a table for each mask.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { controlSocket, Unixctl } from '../../src/net/unixctl.ts';
import { formatFlow, formatGroup, formatMeter } from '../../src/openflow/text/index.ts';
import { compileAll } from '../../src/pipeline/compiler.ts';
import { hex, segment, tcp, udp, type Frame } from '../support/frames.ts';
import { ovsAvailable, startOvs, type Sandbox } from '../support/ovs.ts';
import { Random } from '../support/random.ts';
import { requireOrSkip } from '../support/require.ts';
import { four, six } from '../support/spoofing/sending.ts';
import { spoofingNode, spoofingTopology, TUNNEL, VM, type Vm } from '../support/spoofing/world.ts';

const CONNECTIONS = 300;
/** As a packet comes, after the sender's conntrack, after the receiver's. */
const PASSES = 3;
/** RFC 9293 §3.1. */
const [SYN, ACK] = [0x02, 0x10];
/**
 * For each of the two prefixes of a port that tell whether it is DHCP's (RFC 2131 §4.1), in table 0
 * and in 74: as many as a port has bits. Three more without: each pass through the pipeline has one.
 */
const MEGAFLOWS = 2 * 16 + 3;

/** What a megaflow looks at, whatever it saw there. */
const maskOf = (megaflow: string): string =>
  megaflow
    .replace(/, packets:.*/s, '')
    .replaceAll(/=[^/,()]*/g, '=')
    .replaceAll(/[+-](?=[a-z])/g, '')
    .replace(/recirc_id\([^)]*\)/, '');

requireOrSkip('Open vSwitch', ovsAvailable)('a real switch', () => {
  let sandbox: Sandbox;
  let unixctl: Unixctl;

  beforeAll(async () => {
    const topology = spoofingTopology();
    const local = spoofingNode(topology);
    const { flows, groups, meters } = compileAll(topology, local)['br-int'];
    sandbox = await startOvs();
    sandbox.addBridge('br-int');
    sandbox.addPort('br-int', 'vf', TUNNEL, 'vxlan', 'options:remote_ip=flow', 'options:key=flow');
    for (const { id, ofport } of Object.values(VM)) {
      if (local.attachment(id) !== undefined) sandbox.addPort('br-int', `vhu${ofport}`, ofport);
    }
    const lines = (texts: readonly string[]) => texts.map((text) => `${text}\n`).join('');
    for (const meter of meters) {
      sandbox.ofctl(['-O', 'OpenFlow13', 'add-meter', 'br-int', formatMeter(meter)]);
    }
    const groupLines = lines(groups.map((group) => formatGroup(group)));
    sandbox.ofctl(['-O', 'OpenFlow15', 'add-groups', 'br-int', '-'], groupLines);
    const flowLines = lines(flows.map((flow) => formatFlow(flow)));
    sandbox.ofctl(['-O', 'OpenFlow13', 'add-flows', 'br-int', '-'], flowLines);
    unixctl = new Unixctl(controlSocket(sandbox.dir));
  });

  afterAll(() => {
    unixctl.close();
    sandbox.stop();
  });

  /** Packets that VMs got so far. */
  const delivered = (): number => {
    const table = ['-O', 'OpenFlow13', 'dump-aggregate', 'br-int', 'table=180'];
    return Number(/packet_count=(\d+)/.exec(sandbox.ofctl(table))?.[1]);
  };

  const receive = ({ ofport }: Vm, frame: Frame) =>
    unixctl.call('netdev-dummy/receive', `vhu${ofport}`, hex(frame));

  const eventuallyDelivered = async (count: number): Promise<void> => {
    const deadline = Date.now() + 20_000;
    while (delivered() < count && Date.now() < deadline) await sleep(20);
    expect(delivered()).toBe(count);
  };

  it('looks at the same of a new and of a known packet of TCP in each pass', async () => {
    await unixctl.call('revalidator/purge');
    const { liar, victim } = VM;
    const ask = four(liar, {}, segment(41_000, 80, { seq: 1, ack: 0, flags: SYN }));
    const agree = segment(80, 41_000, { seq: 1, ack: 2, flags: SYN | ACK });
    const answer = four(victim, { destination: liar.ip }, agree);
    const go = four(liar, {}, segment(41_000, 80, { seq: 2, ack: 2, flags: ACK }));
    let count = delivered();
    for (const [from, frame] of [
      [liar, ask],
      [victim, answer],
      [liar, go],
    ] as const) {
      await receive(from, frame);
      await eventuallyDelivered((count += 1));
    }
    const megaflows = (await unixctl.call('dpif/dump-flows', 'br-int')).trim().split('\n');
    const ofLiar = megaflows.filter((line) => line.includes(`in_port(${liar.ofport})`));
    expect(ofLiar.filter((line) => line.includes('+new'))).toHaveLength(PASSES - 1);
    expect(ofLiar.filter((line) => line.includes('+est'))).toHaveLength(PASSES - 1);
    expect(new Set(ofLiar.map(maskOf)).size, ofLiar.join('\n')).toBe(PASSES);
  });

  it.each([
    ['UDP', four, udp],
    ['TCP', four, tcp],
    ['UDP over IPv6', six, udp],
    ['TCP over IPv6', six, tcp],
  ] as const)('learns few megaflows of many connections by %s', async (_, over, transport) => {
    await unixctl.call('revalidator/purge');
    const random = new Random(6);
    const port = () => random.between(1024, 65_535);
    const before = delivered();
    for (let n = 0; n < CONNECTIONS; n += 1) {
      const frame = over(VM.liar, {}, transport(port(), port()));
      await receive(VM.liar, frame);
    }
    const megaflows = await unixctl.call('dpif/dump-flows', 'br-int');
    expect(megaflows.trim().split('\n').length).toBeLessThanOrEqual(MEGAFLOWS);
    await eventuallyDelivered(before + CONNECTIONS);
  });
});
