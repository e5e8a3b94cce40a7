/** From a VM's frame through the tables of a real switch to the agent, and back to the VM. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { RunningAgent } from '../../src/agent/index.ts';
import type { Server } from '../../src/api/server.ts';
import type { Objects } from '../../src/model/objects.ts';
import { encodeIcmp, encodeIcmpv6 } from '../../src/packet/index.ts';
import { openMemoryStore } from '../../src/store/index.ts';
import type { Store } from '../../src/store/index.ts';
import { PluggedDatapath, giveAddress, interfaceName } from '../agent/ovs-world.ts';
import { Writer, serve, startNode } from '../agent/world.ts';
import { ovsAvailable, startOvs, type Sandbox } from '../support/ovs.ts';
import { requireOrSkip } from '../support/require.ts';
import { MAC } from './network.ts';
import { tcpdumpAvailable, tcpdumpFile } from './pcap.ts';
import { dhcp, dhcpv6, ip, ipv4, ipv6, nd, OWN_LINK_LOCAL } from './questions.ts';

const NODE = 'node1';
const VTEP = '10.163.133.43';
const DEADLINE = { timeout: 20_000, interval: 20 };

const suite = requireOrSkip('Open vSwitch and tcpdump', ovsAvailable && tcpdumpAvailable);

suite('a VM asks through a real switch', () => {
  let ovs: Sandbox;
  let store: Store;
  let server: Server;
  let datapath: PluggedDatapath;
  let agent: RunningAgent;
  let device = '';
  let captured = '';

  beforeAll(async () => {
    ovs = await startOvs();
    store = openMemoryStore();
    server = await serve(store);
    const api = new Writer(server.runtime);
    const network = await api.create('network', { name: 'vpc' });
    const subnet = (cidr: string, more = {}): Promise<Objects['subnet']> =>
      api.create('subnet', { network_id: network.id, cidr, ...more });
    const modes = { ipv6_ra_mode: 'dhcpv6-stateful', ipv6_address_mode: 'dhcpv6-stateful' };
    const [v4, v6] = [await subnet('178.1.3.0/24'), await subnet('2001:db8:3::/64', modes)];
    await subnet('178.1.4.0/24');
    await subnet('2001:db8:4::/64', modes);
    const group = await api.create('security_group', { name: 'out' });
    for (const ethertype of ['IPv4', 'IPv6'] as const) {
      const security_group_id = group.id;
      await api.create('security_group_rule', {
        security_group_id,
        direction: 'egress',
        ethertype,
      });
    }
    const port = await api.create('port', {
      network_id: network.id,
      mac_address: MAC,
      'binding:host_id': NODE,
      security_groups: [group.id],
      fixed_ips: [
        { subnet_id: v4.id, ip_address: '178.1.3.2' },
        { subnet_id: v6.id, ip_address: '2001:db8:3::2' },
      ],
    });
    device = interfaceName(port.id);
    datapath = new PluggedDatapath(ovs, NODE, VTEP);
    agent = await startNode(NODE, VTEP, server.url, datapath);
    giveAddress(ovs, VTEP);
    const status = () => server.runtime.topology.get('port', port.id)?.status;
    await vi.waitFor(() => expect(status()).toBe('ACTIVE'), DEADLINE);
    captured = path.join(ovs.dir, 'answers.pcap');
    ovs.vsctl('set', 'interface', device, `options:tx_pcap=${captured}`);
    await vi.waitFor(() => expect(existsSync(captured)).toBe(true), DEADLINE);
  });

  afterAll(async () => {
    await agent.close();
    await datapath.close();
    await server.close();
    await store.close();
    ovs.stop();
  });

  const answers = (): string[] => tcpdumpFile(captured);

  /** The answer that says so; the router may be heard of in between. */
  async function asked(frame: Uint8Array, says: string): Promise<string> {
    const before = answers().length;
    const found = () =>
      answers()
        .slice(before)
        .find((text) => text.includes(says)) ?? '';
    ovs.appctl('netdev-dummy/receive', device, Buffer.from(frame).toString('hex'));
    await expect.poll(found, DEADLINE).toContain(says);
    return found();
  }

  const solicitation = { kind: 'router_solicitation', options: [] } as const;
  const neighbour = {
    kind: 'neighbour_solicitation',
    target: ip('2001:db8:3::9'),
    options: [],
  } as const;
  const clientId = { code: 1, data: Uint8Array.of(0, 3, 0, 1, 1, 2, 3, 4, 5, 6) };
  const renewing = {
    source: ip('178.1.3.2'),
    destination: ip('178.1.3.1'),
    clientAddress: ip('178.1.3.2'),
  };
  const v4 = { source: ip('178.1.3.2'), destination: ip('178.1.4.9') };
  const v6 = { version: 6, source: ip('2001:db8:3::2'), destination: ip('2001:db8:4::9') } as const;
  const body = Uint8Array.of(0, 1, 0, 1, 7, 7, 7, 7);
  const echo4 = encodeIcmp({ type: 8, code: 0, body });
  const echo6 = encodeIcmpv6({ type: 128, code: 0, body }, v6);
  const toMulticast = (frame: Uint8Array, ...low: number[]) =>
    Uint8Array.from([0x33, 0x33, ...low, ...frame.subarray(6)]);

  test.each<[string, Uint8Array, string]>([
    ['a discovery', dhcp(1).frame, 'length 1: Offer'],
    ['a renewal', dhcp(3, [], renewing).frame, 'length 1: ACK'],
    [
      'a DHCPv6 solicitation',
      toMulticast(dhcpv6(1, [clientId, { code: 3, data: new Uint8Array(12) }]).frame, 0, 1, 0, 2),
      'IA_ADDR 2001:db8:3::2 ',
    ],
    [
      'a router solicitation',
      toMulticast(nd(solicitation, OWN_LINK_LOCAL, ip('ff02::2')).frame, 0, 0, 0, 2),
      'router advertisement',
    ],
    [
      'a neighbour solicitation',
      toMulticast(nd(neighbour, OWN_LINK_LOCAL, ip('ff02::1:ff00:9')).frame, 0xff, 0, 0, 9),
      'tgt is 2001:db8:3::9',
    ],
    [
      'a packet whose TTL runs out',
      ipv4({ ...v4, protocol: 1, ttl: 1, payload: echo4 }),
      '178.1.3.1 > 178.1.3.2: ICMP time exceeded in-transit',
    ],
    ['one whose hop limit runs out', ipv6(v6, 58, echo6, 1), 'ICMP6, time exceeded in-transit'],
  ])('%s is answered', async (_what, frame, says) => {
    const text = await asked(frame, says);
    expect(text).toContain('fe:ff:ff:ff:ff:ff > fa:16:3e:98:90:e7');
    expect(text).not.toMatch(/bad|incorrect/);
  });
});
