/**
 * A new connection is no new megaflow: what the datapath has learnt of one serves all that differ
 * from it in their ports only, or every connection would wait for the slow path and a VM that opens
 * many could fill the datapath's table.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { controlSocket, Unixctl } from '../../src/net/unixctl.ts';
import { formatFlow, formatGroup, formatMeter } from '../../src/openflow/text/index.ts';
import { compileAll } from '../../src/pipeline/compiler.ts';
import { hex, tcp, udp } from '../support/frames.ts';
import { ovsAvailable, startOvs, type Sandbox } from '../support/ovs.ts';
import { Random } from '../support/random.ts';
import { requireOrSkip } from '../support/require.ts';
import { four, six } from '../support/spoofing/sending.ts';
import { spoofingNode, spoofingTopology, TUNNEL, VM } from '../support/spoofing/world.ts';

const CONNECTIONS = 300;
/**
 * For each of the two prefixes of a port that tell whether it is DHCP's (RFC 2131 §4.1), in table 0
 * and in 74: as many as a port has bits. Three more without: each pass through the pipeline has one.
 */
const MEGAFLOWS = 2 * 16 + 3;

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
      await unixctl.call('netdev-dummy/receive', `vhu${VM.liar.ofport}`, hex(frame));
    }
    const megaflows = await unixctl.call('dpif/dump-flows', 'br-int');
    expect(megaflows.trim().split('\n').length).toBeLessThanOrEqual(MEGAFLOWS);
    const deadline = Date.now() + 20_000;
    while (delivered() < before + CONNECTIONS && Date.now() < deadline) await sleep(50);
    expect(delivered()).toBe(before + CONNECTIONS);
  });
});
