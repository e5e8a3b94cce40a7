/** What a simulated bridge holds, in the words of ovs-ofctl 3.1. */
import { PORT } from '../openflow/flow.ts';
import { formatFlow, formatGroup } from '../openflow/text/index.ts';
import type { SimBridge } from './bridge.ts';
import type { SimPort } from './types.ts';

/** A reply of `ovs-ofctl`; the transaction id of its one request is always 2. */
const reply = (message: string, version: string, entries: readonly string[]): string =>
  [`${message} reply (OF${version}) (xid=0x2):`, ...entries, ''].join('\n');

/**
 * `ovs-ofctl -O OpenFlow13 --no-names dump-flows`, in the order of tables and priorities.
 * @param now Milliseconds since 1970, for the durations.
 */
export function dumpFlows(bridge: SimBridge, now: number): string {
  const lines = bridge.counters().map(({ flow, packets, bytes, since }) => {
    const counters = { packets, bytes, duration: Math.max(0, now - since) / 1000 };
    return ` ${formatFlow(flow, { counters })}`;
  });
  return reply('OFPST_FLOW', '1.3', lines);
}

/** `ovs-ofctl -O OpenFlow15 --no-names dump-groups`. */
export function dumpGroups(bridge: SimBridge): string {
  const lines = bridge.groups().map((group) => ` ${formatGroup(group)}`);
  return reply('OFPST_GROUP_DESC', '1.5', lines);
}

const NO_MAC = '00:00:00:00:00:00';

function describe({ ofport, name, mac, up }: SimPort): string {
  const number = ofport === PORT.local ? 'LOCAL' : String(ofport);
  return [
    ` ${number}(${name}): addr:${mac ?? NO_MAC}`,
    '     config:     0',
    `     state:      ${up ? 'LIVE' : 'LINK_DOWN'}`,
    '     speed: 0 Mbps now, 0 Mbps max',
  ].join('\n');
}

/** `ovs-ofctl -O OpenFlow13 dump-ports-desc`; a port whose MAC is not known here shows zeros. */
export function dumpPorts(bridge: SimBridge): string {
  const ports = [...bridge.ports.values()].sort((a, b) => a.ofport - b.ofport);
  return reply('OFPST_PORT_DESC', '1.3', ports.map(describe));
}
