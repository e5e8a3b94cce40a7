/** The MACs that a bridge has learnt, which NORMAL goes by. */
import { parseMac } from '../../address/index.ts';
import { PORT } from '../../openflow/flow.ts';

/** `    1     0  aa:55:aa:55:00:01   12`, or `static` for an age. */
const ENTRY =
  /^[ \t]*(LOCAL|\d+)[ \t]+(\d+)[ \t]+((?:[\da-f]{2}:){5}[\da-f]{2})[ \t]+(?:\d+|static)[ \t]*\r?$/gm;

/** `ovs-appctl fdb/show`: the port of a MAC in a VLAN, 0 for what is in none. */
export function readLearnt(text: string): (vid: number, mac: number) => number | undefined {
  const ports = new Map(
    [...text.matchAll(ENTRY)].map(([, port = '', vid = '', mac = '']) => [
      `${Number(vid)} ${parseMac(mac)}`,
      port === 'LOCAL' ? PORT.local : Number(port),
    ]),
  );
  return (vid, mac) => ports.get(`${vid} ${mac}`);
}
