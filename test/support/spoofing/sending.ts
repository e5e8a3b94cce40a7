/** How frames are made for a VM of the spoofing world, and what else there is to pretend to be. */
import { formatIp, linkLocalFromMac, parseMac } from '../../../src/address/index.ts';
import { ethernet, ipv4, ipv6, tcp, type Frame } from '../frames.ts';
import { GATEWAY, VM, type Vm } from './world.ts';

export const BROADCAST = 'ff:ff:ff:ff:ff:ff';
export const ALL_NODES = { mac: '33:33:00:00:00:01', ip: 'ff02::1' };
export const ALL_ROUTERS = { mac: '33:33:00:00:00:02', ip: 'ff02::2' };
export const LOCAL_GATEWAY = 'fe80::fcff:ffff:feff:ffff';

export const linkLocal = (mac: string): string =>
  formatIp({ version: 6, value: linkLocalFromMac(parseMac(mac)) });

export interface Sent {
  readonly name: string;
  readonly from: Vm;
  readonly frame: Frame;
  /** What a real switch's conntrack finds, where it is told; else a new connection. */
  readonly found?: 'trk,new' | 'trk,inv';
}

export const sent = (from: Vm, name: string, frame: Frame): Sent => ({ name, from, frame });

/** Neighbour discovery that conntrack puts together and refuses, as it does with all of it. */
export const refused = (from: Vm, name: string, frame: Frame): Sent => ({
  ...sent(from, name, frame),
  found: 'trk,inv',
});

type Lie = Partial<Record<'mac' | 'dst' | 'source' | 'destination', string>>;

type Header<Options> = (
  source: string,
  destination: string,
  payload: ReturnType<typeof tcp>,
  options?: Options,
) => Parameters<typeof ethernet>[2];

/** Makes frames of a VM in one family, honest but for what is given. */
const honest =
  <Options>(header: Header<Options>, own: 'ip' | 'ip6') =>
  (from: Vm, lie: Lie = {}, payload = tcp(40000, 22), options?: Options) =>
    ethernet(
      lie.mac ?? from.mac,
      lie.dst ?? GATEWAY.mac,
      header(lie.source ?? from[own], lie.destination ?? VM.victim[own], payload, options),
    );
export const four = honest(ipv4, 'ip');
export const six = honest(ipv6, 'ip6');

export const OPTIONS = {
  'router alert': [148, 4, 0, 0],
  'a loose source route': [131, 7, 4, 10, 0, 0, 3, 0],
};
export const ROUTING_HEADER = [
  43,
  [2, 0, 1, 0, 0, 0, 0, ...Array.from({ length: 16 }, () => 1)],
] as const;
