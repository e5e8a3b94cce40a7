/** What a real switch forgets when it is told to: exactly the connections named. */
import path from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { echo, ethernet, ipv4, ipv6, tcp, udp, type Frame } from '../../../test/support/frames.ts';
import { ovsAvailable, startOvs, type Sandbox } from '../../../test/support/ovs.ts';
import { requireOrSkip } from '../../../test/support/require.ts';
import { parseFlow } from '../../openflow/text/index.ts';
import { diff } from '../../pipeline/diff.ts';
import { OpenFlowChannel, type TrackedConnection } from './index.ts';

const DEADLINE = { timeout: 20_000, interval: 20 };
const NOTHING = { flows: [], groups: [], meters: [] };
const ZONES = [5, 6];
const ENDS = { 4: ['10.0.0.1', '10.0.0.2'], 6: ['fd00::1', 'fd00::2'] } as const;

interface Sort {
  /** The first packet of one of many connections. */
  packet(id: number): Frame;
  /** What it makes. */
  connection(id: number): Omit<TrackedConnection, 'zone'>;
  /** As dump-conntrack says it. */
  shown(id: number): string;
}

function sortOf(
  version: 4 | 6,
  protocol: number,
  payload: (id: number) => Parameters<typeof ipv4>[2],
  rest: (id: number) => Pick<TrackedConnection, 'sourcePort' | 'destinationPort' | 'icmp'>,
  shown: (id: number) => string,
): Sort {
  const [source, destination] = ENDS[version];
  const packet = version === 4 ? ipv4 : ipv6;
  return {
    packet: (id) =>
      ethernet('fa:16:3e:00:00:01', 'fa:16:3e:00:00:02', packet(source, destination, payload(id))),
    connection: (id) => ({ protocol, source, destination, ...rest(id) }),
    shown: (id) => `src=${source},dst=${destination},${shown(id)}`,
  };
}

const withPorts = (version: 4 | 6, protocol: 6 | 17): Sort =>
  sortOf(
    version,
    protocol,
    (id) => (protocol === 6 ? tcp(id, 80) : udp(id, 80)),
    (id) => ({ sourcePort: id, destinationPort: 80 }),
    (id) => `sport=${id},dport=80`,
  );

function withId(version: 4 | 6): Sort {
  const type = version === 4 ? 8 : 128;
  return sortOf(
    version,
    version === 4 ? 1 : 58,
    (id) => echo(version, id),
    (id) => ({ sourcePort: id, destinationPort: id, icmp: { type, code: 0 } }),
    (id) => `id=${id},type=${type},code=0`,
  );
}

const SORTS: readonly (readonly [string, Sort])[] = [
  ['tcp over IPv4', withPorts(4, 6)],
  ['udp over IPv4', withPorts(4, 17)],
  ['icmp over IPv4', withId(4)],
  ['tcp over IPv6', withPorts(6, 6)],
  ['udp over IPv6', withPorts(6, 17)],
  ['icmp over IPv6', withId(6)],
];

requireOrSkip('Open vSwitch', ovsAvailable)('connections that a switch is to forget', () => {
  let ovs: Sandbox;
  let channel: OpenFlowChannel;

  beforeAll(async () => {
    ovs = await startOvs();
    ovs.addBridge('br0');
    ovs.addPort('br0', 'p1', 1);
    ovs.addPort('br0', 'p2', 2);
    channel = new OpenFlowChannel({
      socket: path.join(ovs.dir, 'br0.mgmt'),
      log: pino({ level: 'silent' }),
    });
    await channel.ready();
    const commits = ZONES.map((zone) => `ct(commit,zone=${zone})`).join(',');
    const flows = ['ip', 'ipv6'].map((word) => parseFlow(`table=0,${word},actions=${commits}`));
    await channel.apply(diff(NOTHING, { ...NOTHING, flows }));
  });
  afterAll(() => {
    channel.close();
    ovs.stop();
  });
  beforeEach(() => {
    ovs.appctl('dpctl/flush-conntrack');
  });

  /** The connections that the switch tracks, as it prints the original direction of each. */
  function tracked(): string[] {
    return ovs
      .appctl('dpctl/dump-conntrack')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const original = /orig=\(([^)]*)\)/.exec(line)?.[1] ?? line;
        const zone = /zone=(\d+)/.exec(line)?.[1] ?? '0';
        return `zone ${zone} ${original}`;
      })
      .toSorted();
  }

  const shown = (sort: Sort, zone: number, id: number) => `zone ${zone} ${sort.shown(id)}`;

  async function meet(sort: Sort, ids: readonly number[]): Promise<void> {
    for (const id of ids) {
      const frame = Buffer.from(sort.packet(id).bytes).toString('hex');
      ovs.appctl('netdev-dummy/receive', 'p1', frame);
    }
    await vi.waitFor(() => expect(tracked()).toHaveLength(ids.length * ZONES.length), DEADLINE);
  }

  test.each(SORTS)('one of %s, in one zone', async (_, sort) => {
    await meet(sort, [1, 2, 3]);
    await channel.flushConnections([{ zone: 5, ...sort.connection(2) }]);
    const left = [
      [5, 1],
      [5, 3],
      [6, 1],
      [6, 2],
      [6, 3],
    ] as const;
    // One that is replaced by force is swept away later.
    await vi.waitFor(
      () => expect(tracked()).toEqual(left.map(([zone, id]) => shown(sort, zone, id))),
      DEADLINE,
    );
  });

  test('several at once, and one that is gone already', async () => {
    const sort = withPorts(4, 17);
    await meet(sort, [1, 2, 3]);
    await channel.flushConnections(
      ZONES.flatMap((zone) => [1, 3, 9].map((id) => Object.assign({ zone }, sort.connection(id)))),
    );
    expect(tracked()).toEqual([shown(sort, 5, 2), shown(sort, 6, 2)]);
  });

  test('what is never tracked is passed over', async () => {
    const sort = withId(4);
    await meet(sort, [1]);
    const unreachable = { ...sort.connection(1), zone: 5, icmp: { type: 3, code: 0 } };
    await channel.flushConnections([unreachable, { ...sort.connection(1), zone: 6 }]);
    expect(tracked()).toEqual([shown(sort, 5, 1)]);
  });

  test('a whole zone', async () => {
    const sort = withPorts(6, 6);
    await meet(sort, [1, 2]);
    await channel.flushZones([5]);
    expect(tracked()).toEqual([shown(sort, 6, 1), shown(sort, 6, 2)]);
    await channel.apply(diff(NOTHING, NOTHING), { flush: [6] });
    expect(tracked()).toEqual([]);
  });
});
