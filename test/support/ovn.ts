/**
 * A real OVN without root: its databases, ovn-northd and ovn-controller beside an Open vSwitch of
 * the sandbox, and a logical network that uses most of what OVN programs flows for.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import path from 'node:path';
import { startOvs, type Sandbox } from './ovs.ts';

const programs = ['ovn-nbctl', 'ovn-sbctl', 'ovn-northd', 'ovn-controller'];
const schemas = '/usr/share/ovn';
const databases = ['ovn-nb', 'ovn-sb'] as const;
const syncDeadline = 60;

/** Whether all of OVN's programs are installed. */
export const ovnAvailable =
  programs.every((program) => spawnSync(program, ['--version']).status === 0) &&
  databases.every((name) => existsSync(path.join(schemas, `${name}.ovsschema`)));

export interface Ovn {
  /** The chassis `hv1`, whose br-int OVN programs. */
  readonly ovs: Sandbox;
  nbctl(...args: readonly string[]): string;
  sbctl(...args: readonly string[]): string;
  /** Returns when all that was asked of the northbound database is in br-int. */
  settle(): void;
  stop(): void;
}

/** Starts OVN on a sandbox of its own, with nothing in its northbound database; stop it in `afterAll`. */
export async function startOvn(): Promise<Ovn> {
  const ovs = await startOvs();
  const { dir } = ovs;
  const remote = `unix:${path.join(dir, 'db.sock')}`;
  const running: ChildProcess[] = [];
  const stop = () => {
    process.off('exit', stop);
    for (const child of running) child.kill('SIGKILL');
    ovs.stop();
  };
  process.on('exit', stop);
  const start = (program: string, ...args: string[]) => {
    const log = openSync(path.join(dir, `${program}.log`), 'a');
    const env = { ...process.env, OVS_RUNDIR: dir, OVN_RUNDIR: dir, OVN_LOGDIR: dir };
    try {
      running.push(spawn(program, args, { env, stdio: ['ignore', log, log] }));
    } finally {
      closeSync(log);
    }
  };
  const nbctl = (...args: readonly string[]) => ovs.run('ovn-nbctl', [`--db=${remote}`, ...args]);
  const sbctl = (...args: readonly string[]) => ovs.run('ovn-sbctl', [`--db=${remote}`, ...args]);
  try {
    for (const name of databases) {
      const file = path.join(dir, `${name}.db`);
      ovs.run('ovsdb-tool', ['create', file, path.join(schemas, `${name}.ovsschema`)]);
      const server = path.join(dir, 'ovsdb-server.ctl');
      ovs.run('ovs-appctl', ['-t', server, 'ovsdb-server/add-db', file]);
    }
    ovs.addBridge('br-int');
    ovs.addBridge('br-phys');
    ovs.vsctl(
      'set',
      'Open_vSwitch',
      '.',
      'external_ids:system-id=hv1',
      `external_ids:ovn-remote=${JSON.stringify(remote)}`,
      'external_ids:ovn-encap-type=geneve',
      'external_ids:ovn-encap-ip=192.168.0.1',
      'external_ids:ovn-bridge-datapath-type=dummy',
      'external_ids:ovn-bridge-mappings=phys:br-phys',
    );
    nbctl('init');
    sbctl('init');
    start('ovn-northd', `--ovnnb-db=${remote}`, `--ovnsb-db=${remote}`);
    start('ovn-controller', remote);
  } catch (error) {
    stop();
    throw error;
  }
  return {
    ovs,
    nbctl,
    sbctl,
    settle: () => void nbctl(`--timeout=${syncDeadline}`, '--wait=hv', 'sync'),
    stop,
  };
}

/** The ports of {@link buildNetwork} on the chassis hv1, by name, with their ofports. */
export const PORTS = { vm1: 11, vm2: 12, vm3: 13 } as const;

const mac = (last: number) => `0a:00:00:00:00:${last.toString(16).padStart(2, '0')}`;

/** A port of a logical switch with both families, port security and DHCP. */
const port = (name: string, on: string, net: number, host: number) => [
  ['lsp-add', on, name],
  ['lsp-set-addresses', name, `${mac(host)} 10.0.${net}.${host} fd00:${net}::${host}`],
  ['lsp-set-port-security', name, `${mac(host)} 10.0.${net}.${host} fd00:${net}::${host}`],
];

/** Joins a router to a switch. */
const joint = (router: string, on: string, number: number, ...networks: string[]) => [
  ['lrp-add', router, `${router}-${on}`, mac(0xf0 + number), ...networks],
  ['lsp-add', on, `${on}-${router}`],
  ['lsp-set-type', `${on}-${router}`, 'router'],
  ['lsp-set-addresses', `${on}-${router}`, 'router'],
  ['lsp-set-options', `${on}-${router}`, `router-port=${router}-${on}`],
];

const commands: readonly (readonly string[])[] = [
  ...['sw0', 'sw1', 'join', 'public'].map((name) => ['ls-add', name]),
  ...['lr0', 'lr1'].map((name) => ['lr-add', name]),
  ...port('vm1', 'sw0', 0, 11),
  ...port('vm2', 'sw0', 0, 12),
  ...port('vm3', 'sw1', 1, 13),
  ...port('vm4', 'sw1', 1, 14),
  ...joint('lr0', 'sw0', 1, '10.0.0.1/24', 'fd00:0::1/64'),
  ...joint('lr0', 'join', 2, '100.64.0.1/24', 'fd64::1/64'),
  ...joint('lr1', 'join', 3, '100.64.0.2/24', 'fd64::2/64'),
  ...joint('lr1', 'sw1', 4, '10.0.1.1/24', 'fd00:1::1/64'),
  ...joint('lr0', 'public', 5, '172.16.0.10/24', 'fd16::10/64'),
  ['lsp-add', 'public', 'outside'],
  ['lsp-set-type', 'outside', 'localnet'],
  ['lsp-set-addresses', 'outside', 'unknown'],
  ['lsp-set-options', 'outside', 'network_name=phys'],
  ['lrp-set-gateway-chassis', 'lr0-public', 'hv1', '20'],
  ['lr-route-add', 'lr0', '10.0.1.0/24', '100.64.0.2'],
  ['lr-route-add', 'lr0', 'fd00:1::/64', 'fd64::2'],
  ['lr-route-add', 'lr0', '0.0.0.0/0', '172.16.0.1'],
  ['--ecmp', 'lr-route-add', 'lr1', '0.0.0.0/0', '100.64.0.1'],
  ['--ecmp', 'lr-route-add', 'lr1', '0.0.0.0/0', '100.64.0.3'],
  ['lr-route-add', 'lr1', '::/0', 'fd64::1'],
  [
    'lr-policy-add',
    'lr0',
    '100',
    'ip4.src == 10.0.0.12 && ip4.dst == 9.9.9.0/24',
    'reroute',
    '100.64.0.2',
  ],
  ['lr-policy-add', 'lr0', '90', 'ip4.dst == 9.9.9.9', 'drop'],
  ['lr-nat-add', 'lr0', 'snat', '172.16.0.10', '10.0.0.0/24'],
  ['lr-nat-add', 'lr0', 'dnat_and_snat', '172.16.0.21', '10.0.0.11', 'vm1', mac(0x21)],
  ['lr-nat-add', 'lr0', 'dnat', '172.16.0.22', '10.0.0.12'],
  ['pg-add', 'web', 'vm1', 'vm3', 'vm4'],
  ['create', 'Address_Set', 'name=friends', 'addresses="10.0.0.0/25","10.0.1.13","172.16.0.99"'],
  [
    'acl-add',
    'web',
    'to-lport',
    '1000',
    'outport == @web && ip4 && tcp.dst == {80, 443, 8080}',
    'allow-related',
  ],
  ['acl-add', 'web', 'to-lport', '1000', 'outport == @web && icmp', 'allow-related'],
  ['acl-add', 'web', 'to-lport', '900', 'outport == @web && ip4.src == $friends && udp', 'allow'],
  ['acl-add', 'web', 'from-lport', '1000', 'inport == @web && ip', 'allow-related'],
  [
    'acl-add',
    'web',
    'to-lport',
    '800',
    'outport == @web && ip4.src == $web_ip4 && sctp',
    'allow-related',
  ],
  [
    '--log',
    '--name=refused',
    '--meter=logs',
    'acl-add',
    'web',
    'to-lport',
    '1',
    'outport == @web && ip',
    'drop',
  ],
  ['acl-add', 'sw0', 'to-lport', '500', 'tcp.dst == 23', 'reject'],
  [
    'acl-add',
    'sw0',
    'to-lport',
    '501',
    'tcp.dst >= 5000 && tcp.dst <= 6000 && ip4.src == {10.0.0.3, 10.0.1.0/26}',
    'drop',
  ],
  ['meter-add', 'logs', 'drop', '100', 'pktps', '10'],
  ['lb-add', 'vip', '10.0.0.100:80', '10.0.0.11:8080,10.0.1.13:8080,10.0.1.14:8080', 'tcp'],
  ['lb-add', 'vip6', '[fd00:0::100]:53', '[fd00:0::11]:53,[fd00:1::13]:53', 'udp'],
  ['lb-add', 'sticky', '10.0.0.101', '10.0.0.11,10.0.0.12'],
  [
    'set',
    'Load_Balancer',
    'sticky',
    'options:affinity_timeout=60',
    'selection_fields=ip_src,ip_dst',
  ],
  ...['vip', 'vip6', 'sticky'].map((name) => ['ls-lb-add', 'sw0', name]),
  ['lr-lb-add', 'lr0', 'vip'],
  ['qos-add', 'sw0', 'from-lport', '100', 'inport == "vm1" && ip4', 'dscp=46'],
  ['qos-add', 'sw0', 'to-lport', '90', 'outport == "vm2"', 'rate=1000', 'burst=100'],
  [
    'set',
    'Logical_Router_Port',
    'lr0-sw0',
    'ipv6_ra_configs:address_mode=slaac',
    'ipv6_ra_configs:send_periodic=true',
  ],
  [
    'set',
    'Logical_Switch',
    'sw1',
    'other_config:mcast_snoop=true',
    'other_config:mcast_querier=false',
  ],
];

/** Options of DHCP for the ports of a subnet. */
function serveDhcp(
  ovn: Ovn,
  cidr: string,
  options: Readonly<Record<string, string>>,
  ports: readonly string[],
): void {
  const set = Object.entries(options).map(
    ([name, value]) => `options:${name}=${JSON.stringify(value)}`,
  );
  const id = ovn.nbctl('create', 'DHCP_Options', `cidr=${JSON.stringify(cidr)}`, ...set).trim();
  const family = cidr.includes(':') ? 'v6' : 'v4';
  for (const name of ports) ovn.nbctl(`lsp-set-dhcp${family}-options`, name, id);
}

/**
 * Two routers joined by a switch, two switches of VMs, the outside by a localnet port; ACLs of a port
 * group and of a switch, load balancers of both families, three kinds of NAT, routes, policies, DHCP,
 * DNS, QoS and multicast. vm1, vm2 and vm3 are on hv1, vm4 behind a tunnel on hv2.
 */
export function buildNetwork(ovn: Ovn): void {
  const { ovs } = ovn;
  // One transaction; the mark that parts the commands does no harm before the first.
  ovn.nbctl(...commands.flatMap((words) => ['--'].concat(words)));
  const server = { server_id: '10.0.0.1', server_mac: mac(0xf1), lease_time: '3600' };
  const leased = { ...server, router: '10.0.0.1', dns_server: '{10.0.0.53, 9.9.9.9}' };
  serveDhcp(ovn, '10.0.0.0/24', leased, ['vm1', 'vm2']);
  serveDhcp(ovn, 'fd00:0::/64', { server_id: mac(0xf1), dns_server: 'fd00::53' }, ['vm1']);
  const dns = ovn.nbctl('create', 'DNS', 'records={"vm1.test"="10.0.0.11"}').trim();
  ovn.nbctl('add', 'Logical_Switch', 'sw0', 'dns_records', dns);
  ovn.sbctl('chassis-add', 'hv2', 'geneve', '192.168.0.2');
  for (const [name, ofport] of Object.entries(PORTS)) {
    ovs.addPort('br-int', name, ofport, 'dummy', `external_ids:iface-id=${name}`);
  }
  ovn.settle();
  ovn.sbctl('lsp-bind', 'vm4', 'hv2');
  ovn.settle();
}
