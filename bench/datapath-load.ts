/** What the VMs do to each other: bulk TCP, pings, short connections. Needs iperf3, ping and perl. */
import { inNamespace, type Lab } from '../src/lab/index.ts';
import { execute } from '../src/lab/execute.ts';
import { median } from './measure.ts';

/** A network namespace and the address in it. */
export interface Guest {
  readonly name: string;
  readonly netns: string;
  readonly address: string;
}

/** Of the short connections: each has a port, and a listener that serves it alone. */
export const CLIENTS = 8;
const FIRST_PORT = 7000;
const BULK_SECONDS = 1;
const PINGS = 250;
const PING_INTERVAL_MS = 2;
const CONNECT_SECONDS = 1;
const START_SECONDS = 10;

/**
 * Perl for both ends, because it costs little beside the system calls and every Debian has it: a
 * client that took long itself would hide what the switch takes. The listener says when it serves.
 */
const LISTENER = `
use strict; use Socket;
my ($clients, $first) = @ARGV;
my @sockets = map {
  socket(my $s, PF_INET, SOCK_STREAM, 0) or die; setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
  bind($s, pack_sockaddr_in($first + $_, INADDR_ANY)) or die; listen($s, 128) or die; $s
} 0 .. $clients - 1;
$| = 1; print "ready\\n";
for my $socket (@sockets) {
  next if fork;
  while (accept(my $c, $socket)) { sysread($c, my $end, 1); close $c }
  exit 1;
}
wait;
`;

/** A client opens, closes its half, waits for the other half to close, and begins again. */
const CONNECTOR = `
use strict; use Socket;
my ($clients, $first, $address, $seconds) = @ARGV;
pipe(my $in, my $out) or die;
for my $n (0 .. $clients - 1) {
  next if fork;
  my $to = pack_sockaddr_in($first + $n, inet_aton($address));
  my ($made, $over) = (0, $seconds == 0);
  $SIG{ALRM} = sub { $over = 1 }; alarm $seconds;
  do {
    socket(my $s, PF_INET, SOCK_STREAM, 0) or die;
    if (connect($s, $to)) { shutdown($s, 1); sysread($s, my $end, 1); $made++ }
  } until $over;
  syswrite($out, "$made\\n"); exit;
}
close $out; my $sum = 0; $sum += $_ while <$in>; print "$sum\\n";
`;

/** So that no port of a closed connection is missing to a new one. */
const MANY_PORTS = `
echo 1024 65000 > /proc/sys/net/ipv4/ip_local_port_range
echo 1 > /proc/sys/net/ipv4/tcp_tw_reuse
`;

const run = (guest: Guest, command: readonly string[]): Promise<string> =>
  execute(inNamespace(guest.netns, command));

/** Starts what answers the others' load. */
export async function serve(lab: Lab, guest: Guest): Promise<void> {
  const { processes } = lab;
  const start = (name: string, command: readonly string[]) =>
    processes.start(name, inNamespace(guest.netns, command));
  const [bulk, short] = [`${guest.name}-bulk`, `${guest.name}-short`];
  await run(guest, ['sh', '-ec', MANY_PORTS]);
  await start(bulk, ['iperf3', '--server', '--forceflush']);
  await start(short, ['perl', '-e', LISTENER, String(CLIENTS), String(FIRST_PORT)]);
  await processes.saysReady(short, START_SECONDS);
}

/** @returns Mbit/s of one TCP connection. */
export async function throughput(from: Guest, to: Guest): Promise<number> {
  const options = ['--json', '--time', String(BULK_SECONDS), '--client', to.address];
  const said = await run(from, ['iperf3', ...options]);
  const received = /"sum_received":\s*\{[^}]*"bits_per_second":\s*([\d.e+]+)/.exec(said)?.[1];
  if (received === undefined) throw new Error(`iperf3 says nothing of what arrived:\n${said}`);
  return Number(received) / 1e6;
}

/** @returns the median round trip in µs. */
export async function roundTrip(from: Guest, to: Guest): Promise<number> {
  const timing = ['-c', String(PINGS), '-i', String(PING_INTERVAL_MS / 1000)];
  const said = await run(from, ['ping', '-n', ...timing, to.address]);
  return median([...said.matchAll(/time=([\d.]+) ms/g)].map(([, ms]) => Number(ms) * 1000));
}

/**
 * Opens and closes TCP connections.
 * @param clients at the same time.
 * @param seconds for as long; 0: each client makes one.
 * @returns how many were made.
 */
export async function connect(
  from: Guest,
  to: Guest,
  clients = CLIENTS,
  seconds = CONNECT_SECONDS,
): Promise<number> {
  const args = [clients, FIRST_PORT, to.address, seconds].map(String);
  return Number(await run(from, ['perl', '-e', CONNECTOR, ...args]));
}

/** Connections a second of all clients together, and the processor time of `pids` for each. */
export async function connectionRate(
  from: Guest,
  to: Guest,
  cpuMs: () => number,
): Promise<{ readonly perSecond: number; readonly cpuMsEach: number }> {
  const before = cpuMs();
  const made = await connect(from, to);
  return { perSecond: made / CONNECT_SECONDS, cpuMsEach: (cpuMs() - before) / made };
}
