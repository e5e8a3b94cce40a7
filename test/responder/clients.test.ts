/** Real clients, each in a namespace whose only interface leads to the responder. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { respond } from '../../src/responder/index.ts';
import { requireOrSkip } from '../support/require.ts';
import { openTap, tapAvailable, type Tap } from '../support/tap.ts';
import { clientWith, MAC, questionIn, type Setting } from './network.ts';

const programs = ['dhclient', 'udhcpc', 'rdisc6', 'ndisc6', 'ping'];
const installed = programs.every((program) => spawnSync(program, ['--help']).error === undefined);
const suite = requireOrSkip(
  'a network namespace with dhclient, udhcpc, rdisc6, ndisc6, ping and socat',
  tapAvailable && installed,
);

const HOST_ROUTES = [{ destination: '10.9.0.0/17', nexthop: '178.1.3.9' }];

suite('real clients', () => {
  let dir = '';
  let tap: Tap | null = null;
  let what: string[] = [];
  let serial = 0;

  beforeEach(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'rsp-'));
    what = [];
  });
  afterEach(async () => {
    await tap?.close();
    tap = null;
    rmSync(dir, { recursive: true, force: true });
  });

  async function vm(setting: Setting = {}): Promise<Tap> {
    const client = clientWith(setting);
    serial += 1;
    const opened = await openTap(`rsp-${process.pid % 100_000}${serial}`, MAC, (frame) => {
      const question = questionIn(frame);
      const answer = question && respond(question, client);
      if (answer?.kind !== 'reply') return;
      what.push(answer.what);
      opened.send(answer.frame);
    });
    tap = opened;
    return opened;
  }

  const file = (name: string) => path.join(dir, name);

  /** A script that notes its environment at the calls which bring an address. */
  function noting(): string {
    const script = file('script');
    const log = file('env');
    writeFileSync(
      script,
      `#!/bin/sh\ncase "$reason$1" in BOUND*|REBOOT*|RENEW*|bound|renew) env > ${log};; esac\nexit 0\n`,
    );
    chmodSync(script, 0o755);
    return script;
  }

  function noted(): Record<string, string> {
    const lines = readFileSync(file('env'), 'utf8').split('\n');
    return Object.fromEntries(
      lines.map((line) => [line.split('=')[0] ?? '', line.slice(line.indexOf('=') + 1)]),
    );
  }

  const dhclient = (opened: Tap, version: '-4' | '-6', script: string, ...more: string[]) =>
    opened.run('dhclient', [
      version,
      '-1',
      '-v',
      '-cf',
      file('conf'),
      '-lf',
      file('leases'),
      '-pf',
      file('pid'),
      '-sf',
      script,
      ...more,
      opened.device,
    ]);

  async function until(holds: () => Promise<boolean>): Promise<void> {
    const end = Date.now() + 20_000;
    while (!(await holds())) {
      if (Date.now() > end) throw new Error('it did not come about in 20 s');
      await sleep(50);
    }
  }

  /** dhclient goes on in the background once it is bound. */
  async function stopDaemon(): Promise<void> {
    const pid = () => (existsSync(file('pid')) ? readFileSync(file('pid'), 'utf8').trim() : '');
    await until(() => Promise.resolve(pid() !== ''));
    process.kill(Number(pid()), 'SIGKILL');
  }

  test('dhclient gets address, routes, name servers and MTU', async () => {
    writeFileSync(
      file('conf'),
      `option classless code 121 = array of unsigned integer 8;
       request subnet-mask, broadcast-address, routers, domain-name, domain-name-servers,
         host-name, interface-mtu, classless;`,
    );
    const opened = await vm({ v4: { host_routes: HOST_ROUTES }, network: { mtu: 1400 } });
    const { output } = await dhclient(opened, '-4', noting());
    await stopDaemon();
    expect(output).toContain('bound to 178.1.3.2');
    expect(what).toEqual(expect.arrayContaining(['dhcp_offer', 'dhcp_ack']));
    expect(noted()).toMatchObject({
      new_ip_address: '178.1.3.2',
      new_subnet_mask: '255.255.255.0',
      new_broadcast_address: '178.1.3.255',
      new_routers: '178.1.3.1',
      new_domain_name: 'openstacklocal',
      new_domain_name_servers: '178.1.3.53 9.9.9.9',
      new_host_name: 'host-178-1-3-2',
      new_interface_mtu: '1400',
      new_dhcp_lease_time: '86400',
      new_dhcp_server_identifier: '178.1.3.1',
      new_classless: '17 10 9 0 178 1 3 9 0 178 1 3 1',
    });
  });

  test('dhclient that remembers a foreign address is refused and gets its own', async () => {
    writeFileSync(file('conf'), 'request subnet-mask;');
    writeFileSync(
      file('leases'),
      `lease { interface "any"; fixed-address 178.1.3.77; option subnet-mask 255.255.255.0;
         option dhcp-lease-time 86400; option dhcp-server-identifier 178.1.3.1;
         renew 2 2037/01/01 00:00:00; rebind 2 2037/01/01 00:00:00; expire 2 2037/01/01 00:00:00; }`,
    );
    const opened = await vm();
    const leases = readFileSync(file('leases'), 'utf8').replace('any', opened.device);
    writeFileSync(file('leases'), leases);
    const { output } = await dhclient(opened, '-4', noting());
    await stopDaemon();
    expect(output).toContain('DHCPNAK');
    expect(output).toContain('bound to 178.1.3.2');
    expect(what.find((it) => it.startsWith('dhcp_'))).toBe('dhcp_nak');
  });

  test('udhcpc gets an address and static routes', async () => {
    const opened = await vm({ v4: { host_routes: HOST_ROUTES } });
    const { output } = await opened.run('udhcpc', [
      '-nqf',
      '-i',
      opened.device,
      '-O',
      'staticroutes',
      '-O',
      'mtu',
      '-s',
      noting(),
    ]);
    expect(output).toContain('lease of 178.1.3.2 obtained');
    expect(noted()).toMatchObject({
      ip: '178.1.3.2',
      mask: '24',
      mtu: '1450',
      router: '178.1.3.1',
      dns: '178.1.3.53 9.9.9.9',
      staticroutes: '10.9.0.0/17 178.1.3.9 0.0.0.0/0 178.1.3.1',
    });
  });

  test('dhclient gets its IPv6 address, name server and domain', async () => {
    writeFileSync(file('conf'), 'request dhcp6.name-servers, dhcp6.domain-search;');
    const opened = await vm();
    const { output } = await dhclient(opened, '-6', noting());
    await stopDaemon();
    expect(output, output).toContain('Bound to lease');
    expect(noted()).toMatchObject({
      new_ip6_address: '2001:db8:3::2',
      new_max_life: '86400',
      new_dhcp6_name_servers: '2001:db8::53',
      new_dhcp6_domain_search: 'openstacklocal.',
    });
    expect(what).toEqual(expect.arrayContaining(['dhcpv6_advertise', 'dhcpv6_reply']));
  });

  test('dhclient asks for configuration alone in a stateless subnet', async () => {
    writeFileSync(file('conf'), 'request dhcp6.name-servers;');
    const modes = { ipv6_ra_mode: 'dhcpv6-stateless', ipv6_address_mode: 'dhcpv6-stateless' };
    const opened = await vm({ v6: modes as Setting['v6'] & object });
    const { status, output } = await dhclient(opened, '-6', noting(), '-S');
    await stopDaemon();
    expect(status, output).toBe(0);
    expect(what).toContain('dhcpv6_reply');
  });

  test('the kernel makes its address, route and MTU from the advertisement', async () => {
    const modes = { ipv6_ra_mode: 'slaac', ipv6_address_mode: 'slaac' };
    const opened = await vm({ v6: modes as Setting['v6'] & object, network: { mtu: 1380 } });
    const show = async (...args: string[]) => (await opened.run('ip', ['-6', ...args])).output;
    await until(async () => (await show('addr')).includes('2001:db8:3:0:f816:3eff:fe98:90e7/64'));
    expect(await show('route')).toContain(
      `default via fe80::fcff:ffff:feff:ffff dev ${opened.device} proto ra`,
    );
    expect(await show('route')).toContain('mtu 1380');
  });

  test('rdisc6 and ndisc6 read what is advertised', async () => {
    const opened = await vm();
    const router = await opened.run('rdisc6', ['-1', opened.device]);
    expect(router.output).toMatch(/Stateful address conf\.\s+:\s+Yes/);
    expect(router.output).toMatch(/Prefix\s+: 2001:db8:3::\/64/);
    expect(router.output).toMatch(/Autonomous address conf\.:\s+No/);
    expect(router.output).toMatch(/MTU\s+:\s+1450 bytes/);
    expect(router.output).toMatch(/Recursive DNS server\s+: 2001:db8::53/);
    expect(router.output).toMatch(/DNS search list\s+: openstacklocal/);
    expect(router.output).toMatch(/Source link-layer address: FE:FF:FF:FF:FF:FF/);
    expect(router.output).toContain('from fe80::fcff:ffff:feff:ffff');
    const gateway = await opened.run('ndisc6', ['-1', 'fe80::fcff:ffff:feff:ffff', opened.device]);
    expect(gateway.output).toContain('FE:FF:FF:FF:FF:FF');
  });

  test.each([
    ['4', '178.1.3.2/24', '178.1.3.1', '8.8.8.8', 'From 178.1.3.1'],
    ['6', '2001:db8:3::2/64', '2001:db8:3::1', '2001:db8:9::9', 'From 2001:db8:3::1'],
  ])('ping -%s learns where its packet expired', async (family, own, via, target, says) => {
    const opened = await vm();
    const ip = (...args: string[]) => opened.run('ip', [`-${family}`, ...args]);
    await ip('addr', 'add', own, 'dev', opened.device);
    await ip('neigh', 'replace', via, 'lladdr', 'fe:ff:ff:ff:ff:ff', 'dev', opened.device);
    await ip('route', 'replace', target, 'via', via);
    const { output } = await opened.run('ping', ['-n', '-c', '1', '-t', '1', '-W', '5', target]);
    expect(output).toContain(says);
    expect(output).toMatch(/Time to live exceeded|Hop limit/);
  });
});
