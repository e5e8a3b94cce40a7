/** What a real bridge holds, in the words of ovs-ofctl 3.1: the forms that `dump` answers in. */
import { formatMac } from '../../address/index.ts';
import { PORT } from '../../openflow/flow.ts';
import { formatFlow, formatGroup } from '../../openflow/text/index.ts';
import type { PortDesc } from '../../openflow/wire/index.ts';
import type { OpenFlowChannel } from '../../net/openflow/index.ts';
import type { AgentQuery } from '../../model/stream.ts';

/** A reply of `ovs-ofctl`; the transaction id of its one request is always 2. */
const reply = (message: string, version: string, entries: readonly string[]): string =>
  [`${message} reply (OF${version}) (xid=0x2):`, ...entries, ''].join('\n');

/** What concerns forwarding; what a card could do for speed the agent does not ask. */
function formatPort({ port, address, name, down, linkDown }: PortDesc): string {
  return [
    ` ${port === PORT.local ? 'LOCAL' : port}(${name}): addr:${formatMac(address)}`,
    `     config:     ${down ? 'PORT_DOWN' : '0'}`,
    `     state:      ${linkDown ? 'LINK_DOWN' : 'LIVE'}`,
    '     speed: 0 Mbps now, 0 Mbps max',
  ].join('\n');
}

type Dump = (channel: OpenFlowChannel) => Promise<string>;

/** `ovs-ofctl -O OpenFlow13 --no-names dump-flows`, `-O OpenFlow15 --no-names dump-groups`, `-O OpenFlow13 dump-ports-desc`. */
export const DUMPS: Readonly<
  Record<Exclude<AgentQuery['what'], 'neighbours' | 'conntrack'>, Dump>
> = {
  flows: async (channel) => {
    const flows = await channel.flows();
    const lines = flows.map(({ counters, ...flow }) => ` ${formatFlow(flow, { counters })}`);
    return reply('OFPST_FLOW', '1.3', lines);
  },
  groups: async (channel) => {
    const { groups } = await channel.program();
    return reply(
      'OFPST_GROUP_DESC',
      '1.5',
      groups.map((group) => ` ${formatGroup(group)}`),
    );
  },
  ports: async (channel) => {
    const ports = await channel.ports();
    const sorted = [...ports].sort((a, b) => a.port - b.port);
    return reply('OFPST_PORT_DESC', '1.3', sorted.map(formatPort));
  },
};
