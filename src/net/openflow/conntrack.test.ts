/** What a real switch forgets when it is told to: exactly the connections named. */
import path from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { ovsAvailable, startOvs, type Sandbox } from '../../../test/support/ovs.ts';
import { requireOrSkip } from '../../../test/support/require.ts';
import { parseFlow } from '../../openflow/text/index.ts';
import { diff } from '../../pipeline/diff.ts';
import { OpenFlowChannel, type TrackedConnection } from './index.ts';

const DEADLINE = { timeout: 20_000, interval: 20 };
const NOTHING = { flows: [], groups: [], meters: [] };
const ETH = 'eth(src=fa:16:3e:00:00:01,dst=fa:16:3e:00:00:02)';
const ZONES = [5, 6];

interface Sort {
  readonly protocol: number;
  readonly source: string;
  readonly destination: string;
  /** The packet as ovs-appctl takes it. */
  packet(id: number): string;
  /** The connection that it makes. */
  connection(id: number): Omit<TrackedConnection, 'zone'>;
  /** What dump-conntrack says of it beside its addresses. */
  shown(id: number): string;
}

const layer3 = { 4: ['10.0.0.1', '10.0.0.2'], 6: ['fd00::1', 'fd00::2'] } as const;

function ip(version: 4 | 6, protocol: number): string {
  const [source, destination] = layer3[version];
  return version === 4
    ? `${ETH},eth_type(0x0800),ipv4(src=${source},dst=${destination},proto=${protocol},tos=0,ttl=64,frag=no)`
    : `${ETH},eth_type(0x86dd),ipv6(src=${source},dst=${destination},label=0,proto=${protocol},tclass=0,hlimit=64,frag=no)`;
}

function withPorts(version: 4 | 6, name: 'tcp' | 'udp', protocol: number): Sort {
  const [source, destination] = layer3[version];
  const flags = name === 'tcp' ? ',tcp_flags(syn)' : '';
  return {
    protocol,
    source,
    destination,
    packet: (id) => `${ip(version, protocol)},${name}(src=${id},dst=80)${flags}`,
    connection: (id) => ({ protocol, source, destination, sourcePort: id, destinationPort: 80 }),
    shown: (id) => `sport=${id},dport=80`,
  };
}

/** The code of an echo is free to choose, so it serves to tell connections apart. */
function echo(version: 4 | 6): Sort {
  const [source, destination] = layer3[version];
  const [name, protocol, type] =
    version === 4 ? (['icmp', 1, 8] as const) : (['icmpv6', 58, 128] as const);
  return {
    protocol,
    source,
    destination,
    packet: (id) => `${ip(version, protocol)},${name}(type=${type},code=${id})`,
    connection: (id) => ({
      protocol,
      source,
      destination,
      sourcePort: 0,
      destinationPort: 0,
      icmp: { type, code: id },
    }),
    shown: (id) => `type=${type},code=${id}`,
  };
}

const SORTS: Readonly<Record<string, Sort>> = {
  'tcp over IPv4': withPorts(4, 'tcp', 6),
  'udp over IPv4': withPorts(4, 'udp', 17),
  'icmp over IPv4': echo(4),
  'tcp over IPv6': withPorts(6, 'tcp', 6),
  'udp over IPv6': withPorts(6, 'udp', 17),
  'icmp over IPv6': echo(6),
};

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

  const shown = (sort: Sort, zone: number, id: number) =>
    expect.stringMatching(
      new RegExp(`^zone ${zone} src=${sort.source},dst=${sort.destination},.*${sort.shown(id)}`),
    );

  async function meet(sort: Sort, ids: readonly number[]): Promise<void> {
    for (const id of ids) ovs.appctl('netdev-dummy/receive', 'p1', sort.packet(id));
    await vi.waitFor(() => expect(tracked()).toHaveLength(ids.length * ZONES.length), DEADLINE);
  }

  test.each(Object.keys(SORTS))('one of %s, in one zone', async (name) => {
    const sort = SORTS[name];
    if (sort === undefined) throw new Error(`no sort ${name}`);
    await meet(sort, [1, 2, 3]);
    await channel.flushConnections([{ zone: 5, ...sort.connection(2) }]);
    const left = [
      [5, 1],
      [5, 3],
      [6, 1],
      [6, 2],
      [6, 3],
    ] as const;
    expect(tracked()).toEqual(left.map(([zone, id]) => shown(sort, zone, id)));
  });

  test('several at once, and one that is gone already', async () => {
    const sort = withPorts(4, 'udp', 17);
    await meet(sort, [1, 2, 3]);
    await channel.flushConnections(
      [1, 3, 9].flatMap((id) => ZONES.map((zone) => ({ zone, ...sort.connection(id) }))),
    );
    expect(tracked()).toEqual([shown(sort, 5, 2), shown(sort, 6, 2)]);
  });

  test('a whole zone', async () => {
    const sort = withPorts(6, 'tcp', 6);
    await meet(sort, [1, 2]);
    await channel.flushZone(5);
    expect(tracked()).toEqual([shown(sort, 6, 1), shown(sort, 6, 2)]);
  });
});
