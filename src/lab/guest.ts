/**
 * What runs inside a VM to get its addresses: the DHCP clients of Debian with scripts of ours, the
 * kernel for router advertisements, or plain commands where the subnet says that nobody answers.
 */
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execute, inNamespace, ipBatch } from './execute.ts';
import type { Processes } from './processes.ts';

/** How an address comes to a VM. */
type Source = 'dhcp' | 'ra' | 'dhcpv6' | 'static';

export interface Address {
  readonly ip: string;
  readonly version: 4 | 6;
  readonly prefixLength: number;
  readonly source: Source;
  readonly gateway: string | null;
}

/** A VM as seen from inside: `files` is a path to which endings are added. */
export interface Guest {
  readonly name: string;
  readonly netns: string;
  readonly files: string;
  readonly mtu: number;
  readonly addresses: readonly Address[];
}

/**
 * For udhcpc(8). Routes of option 121 replace the one of option 3 (RFC 3442). Leaves the lease as
 * it was told, for `lab exec` and for whoever waits for it.
 */
const LEASE_SCRIPT = `#!/bin/sh
leave() { env | grep -E '^(ip|mask|router|dns|domain|hostname|mtu|staticroutes|serverid|lease)=' > "$LEASE.new"; mv "$LEASE.new" "$LEASE"; }
case "$1" in
  deconfig) ip -4 address flush dev "$interface"; rm -f "$LEASE" ;;
  bound|renew)
    [ -n "$mtu" ] && ip link set "$interface" mtu "$mtu"
    ip address replace "$ip/$mask" dev "$interface"
    if [ -n "$staticroutes" ]; then
      set -- $staticroutes
      while [ $# -ge 2 ]; do
        if [ "$2" = 0.0.0.0 ]; then ip route replace "$1" dev "$interface"
        else ip route replace "$1" via "$2" dev "$interface"; fi
        shift 2
      done
    else
      for gateway in $router; do ip route replace default via "$gateway" dev "$interface"; break; done
    fi
    leave ;;
esac
`;

/** For dhclient(8) -6: the prefix is on link if the router says so, so the address has none (RFC 5942). */
const LEASE6_SCRIPT = `#!/bin/sh
case "$reason" in
  BOUND6|RENEW6|REBIND6)
    ip -6 address replace "$new_ip6_address/128" dev "$interface" \\
      valid_lft "$new_max_life" preferred_lft "$new_preferred_life"
    env | grep ^new_ > "$LEASE" ;;
  EXPIRE6|RELEASE6|STOP6) ip -6 address delete "$old_ip6_address/128" dev "$interface" ;;
esac
exit 0
`;

/** A VM without IPv6 stays silent in it; addresses that are given by hand work all the same. */
const NO_LINK_LOCAL = 1;
/** Makes duplicate address detection last 0.1 s instead of 1 s; it is done all the same. */
const RETRANSMIT_MS = 100;

/** Writes the scripts of the clients into the lab's folder. */
export function writeGuestScripts(dir: string): void {
  for (const [name, text] of Object.entries({ dhcp4: LEASE_SCRIPT, dhcp6: LEASE6_SCRIPT })) {
    const file = join(dir, `${name}-script`);
    writeFileSync(file, text);
    chmodSync(file, 0o755);
  }
}

const setting = (name: string, value: number): string =>
  `echo ${value} > /proc/sys/net/ipv6/${name}`;

/** Offload must go: a checksum that is left to a card that does not exist is never made. */
function kernelSettings({ addresses }: Guest): string {
  const six = addresses.some(({ version }) => version === 6);
  return [
    setting('conf/eth0/addr_gen_mode', six ? 0 : NO_LINK_LOCAL),
    setting('conf/eth0/router_solicitation_delay', 0),
    setting('neigh/eth0/retrans_time_ms', RETRANSMIT_MS),
    'ethtool -K eth0 tx off > /dev/null',
  ].join('\n');
}

/** Sets the VM's interface up before it is connected. */
export async function prepareGuest(guest: Guest): Promise<void> {
  await execute(inNamespace(guest.netns, ['sh', '-ec', kernelSettings(guest)]));
}

function staticCommands({ addresses, mtu }: Guest): string[] {
  const fixed = addresses.filter(({ source }) => source === 'static');
  const commands = fixed.map(
    ({ ip, prefixLength }) => `address add ${ip}/${prefixLength} dev eth0`,
  );
  for (const { gateway } of fixed) {
    if (gateway !== null) commands.push(`route replace default via ${gateway} dev eth0`);
  }
  return fixed.length === 0 ? [] : [`link set eth0 mtu ${mtu}`, ...commands];
}

const uses = (guest: Guest, source: Source): boolean =>
  guest.addresses.some((address) => address.source === source);

/** Switches the VM on: its link, its static addresses, its clients. */
export async function startGuest(guest: Guest, dir: string, processes: Processes): Promise<void> {
  const { netns, files, name } = guest;
  await ipBatch(['link set lo up', 'link set eth0 up', ...staticCommands(guest)], netns);
  const start = (client: string, command: readonly string[]) =>
    processes.start(`vms/${name}.${client}`, inNamespace(netns, command), {
      LEASE: `${files}.${client}.lease`,
    });
  if (uses(guest, 'dhcp')) {
    const script = ['-s', join(dir, 'dhcp4-script'), '-x', `hostname:${name.slice(0, 63)}`];
    const retry = ['-t', '5', '-T', '1', '-A', '1'];
    const options = ['-O', 'mtu', '-O', 'staticroutes'];
    await start('dhcp4', ['udhcpc', '-f', '-i', 'eth0', ...script, ...retry, ...options]);
  }
  if (uses(guest, 'dhcpv6')) {
    const linkLocal = 'ip -6 -oneline address show dev eth0 scope link -tentative | grep -q .';
    const client = ['dhclient', '-6', '-d', '-sf', join(dir, 'dhcp6-script')];
    const state = ['-lf', `${files}.dhcp6.leases`, '-pf', `${files}.dhcp6.pid`, 'eth0'];
    const wait = `until ${linkLocal}; do sleep 0.05; done; exec "$@"`;
    await start('dhcp6', ['sh', '-c', wait, 'sh', ...client, ...state]);
  }
}

const HOW: Readonly<Record<Source, string>> = {
  dhcp: 'by DHCP',
  ra: 'by router advertisement',
  dhcpv6: 'by DHCPv6',
  static: 'set by the lab',
};

/** The addresses that the VM does not have yet, or not with their gateway; each with its source. */
export async function missingOf({ netns, files, addresses }: Guest): Promise<string[]> {
  const show = (...words: readonly string[]) => execute(['ip', '-n', netns, '-oneline', ...words]);
  const held = await show('address', 'show', 'dev', 'eth0', '-tentative');
  const needsRoute = addresses.some(({ version, gateway }) => version === 6 && gateway !== null);
  const routes = needsRoute ? await show('-6', 'route', 'show', 'default') : '';
  return addresses
    .filter(({ ip, version, source, gateway }) => {
      if (!held.includes(` ${ip}/`)) return true;
      if (version === 6) return gateway !== null && !routes.includes('default');
      return source === 'dhcp' && !existsSync(`${files}.dhcp4.lease`);
    })
    .map(({ ip, source }) => `${ip} (${HOW[source]})`);
}
