// `npm test`: everything that must hold, from a fresh clone. Extra arguments go to vitest.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { build, install, must } from './prepare.mjs';

/** Programs that some tests need: how to tell that one is here, and the Debian package it is in. */
const NEEDED = [
  {
    name: 'Open vSwitch',
    files: ['/usr/sbin/ovs-vswitchd', '/usr/bin/ovs-ofctl'],
    packages: ['openvswitch-switch'],
  },
  {
    name: 'OVN',
    files: ['/usr/bin/ovn-northd', '/usr/bin/ovn-controller'],
    packages: ['ovn-central', 'ovn-host'],
  },
  {
    name: 'the tools of the lab and its guests',
    files: [
      '/usr/sbin/ip',
      '/usr/sbin/ethtool',
      '/usr/bin/ping',
      '/usr/sbin/udhcpc',
      '/usr/sbin/dhclient',
      '/usr/bin/tcpdump',
      '/usr/bin/tcpreplay',
      '/usr/bin/iperf3',
      '/usr/bin/rdisc6',
      '/usr/bin/socat',
      '/usr/sbin/sysctl',
    ],
    packages: [
      'iproute2',
      'ethtool',
      'iputils-ping',
      'udhcpc',
      'isc-dhcp-client',
      'tcpdump',
      'tcpreplay',
      'iperf3',
      'ndisc6',
      'socat',
      'procps',
    ],
  },
  {
    name: 'what checks units and makes certificates',
    files: ['/usr/bin/systemd-analyze', '/usr/bin/openssl'],
    packages: ['systemd', 'openssl'],
  },
  {
    name: 'Keystone',
    files: ['/usr/lib/python3/dist-packages/keystone/server/wsgi.py'],
    packages: ['python3-keystone'],
  },
  {
    name: 'the OpenStack clients',
    files: [
      '/usr/lib/python3/dist-packages/openstackclient/shell.py',
      '/usr/lib/python3/dist-packages/openstack/connection.py',
      '/usr/lib/python3/dist-packages/neutronclient/shell.py',
    ],
    packages: ['python3-openstackclient', 'python3-openstacksdk', 'python3-neutronclient'],
  },
  {
    name: 'ZooKeeper',
    files: [
      '/usr/share/java/zookeeper.jar',
      '/usr/share/java/netty-codec.jar',
      '/usr/share/java/slf4j-simple.jar',
      '/usr/bin/java',
    ],
    packages: ['zookeeper', 'libnetty-java', 'libslf4j-java', 'default-jre-headless'],
  },
  {
    name: 'Chromium',
    files: ['/usr/bin/chromium', '/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf'],
    packages: ['chromium', 'fonts-dejavu-core'],
  },
];

function aptInstall(packages) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args) =>
    spawnSync('apt-get', ['-qq', ...args], { env, stdio: ['ignore', 2, 2] }).status === 0;
  return apt('update') && apt('install', '-y', '--no-install-recommends', ...packages);
}

function provide() {
  const missing = NEEDED.filter(({ files }) => !files.every((file) => existsSync(file)));
  if (missing.length === 0) return;
  const names = missing.map(({ name }) => name).join(' and ');
  const may = process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
  if (may) {
    process.stderr.write(`installing ${names} for the tests …\n`);
    if (aptInstall(missing.flatMap(({ packages }) => packages))) return;
  }
  process.stderr.write(`not here: ${names}; the tests that need it are left out\n`);
}

const npx = (name, ...args) => must('node', [`node_modules/${name}`, ...args]);

install();
build();
provide();
if (process.argv.length === 2) {
  npx('typescript/bin/tsc', '-p', 'tsconfig.json');
  npx('typescript/bin/tsc', '-p', 'tsconfig.pure.json');
  npx('oxlint/bin/oxlint', '--type-aware');
  npx('oxfmt/bin/oxfmt', '--check');
  npx('knip/bin/knip.js');
}
npx('vitest/vitest.mjs', 'run', ...process.argv.slice(2));
