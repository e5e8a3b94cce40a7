/** What the machine must have before a lab can be built on it. */
import { createServer } from 'node:net';
import { accessSync, constants, existsSync } from 'node:fs';
import { Failure } from '../base/failure.ts';
import { execute, SEARCH_PATH } from './execute.ts';

/** Programs, and the Debian packages that they are in. */
const NEEDED: readonly { readonly program: string; readonly package: string }[] = [
  { program: 'ip', package: 'iproute2' },
  { program: 'ss', package: 'iproute2' },
  { program: 'nsenter', package: 'util-linux' },
  { program: 'ethtool', package: 'ethtool' },
  { program: 'ping', package: 'iputils-ping' },
  { program: 'udhcpc', package: 'udhcpc' },
  { program: 'dhclient', package: 'isc-dhcp-client' },
  { program: 'ovs-vswitchd', package: 'openvswitch-switch' },
  { program: 'ovsdb-server', package: 'openvswitch-switch' },
  { program: 'ovsdb-tool', package: 'openvswitch-switch' },
  { program: 'ovs-vsctl', package: 'openvswitch-switch' },
  { program: 'ovs-ofctl', package: 'openvswitch-switch' },
];

function installed(program: string): boolean {
  return SEARCH_PATH.split(':').some((folder) => {
    try {
      accessSync(`${folder}/${program}`, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export function requireRoot(): void {
  if (process.getuid?.() === 0) return;
  throw new Failure(
    'forbidden',
    'NotRoot',
    'the lab makes network namespaces and needs root; run it with sudo, or try `tianchi walkthrough`',
  );
}

/** @throws {Failure} `unsupported` naming all that is missing, and how to install it. */
export function requirePrograms(): void {
  const missing = NEEDED.filter(({ program }) => !installed(program));
  if (missing.length > 0) {
    const packages = [...new Set(missing.map((each) => each.package))].join(' ');
    throw new Failure(
      'unsupported',
      'ProgramsMissing',
      `the lab needs ${missing.map(({ program }) => program).join(', ')}; install with \`apt-get install ${packages}\``,
    );
  }
  if (!existsSync('/dev/net/tun')) {
    throw new Failure(
      'unsupported',
      'DeviceMissing',
      'there is no /dev/net/tun, which bridges of userspace Open vSwitch need; load the module with `modprobe tun`',
    );
  }
}

/** Whether the address can be listened on: the error that says why not, or null. */
function attempt(host: string, port: number): Promise<NodeJS.ErrnoException | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen(port, host, () => server.close(() => resolve(null)));
  });
}

/** @throws {Failure} `conflict` naming the process that listens there already. */
export async function requireFree(host: string, port: number): Promise<void> {
  const error = await attempt(host, port);
  if (error === null) return;
  const sockets = await execute(['ss', '-Hltnp', `sport = :${port}`]);
  const holders = [...sockets.matchAll(/\("(.*?)",pid=(\d+),/g)].map(
    ([, name, pid]) => `${name} (pid ${pid})`,
  );
  const who = holders.length === 0 ? error.message : `taken by ${[...new Set(holders)].join(', ')}`;
  throw new Failure(
    'conflict',
    'AddressInUse',
    `${host}:${port}, where the lab's server listens, is ${who}; end that first`,
  );
}
