/** Ports of OpenFlow 1.0 have 16 bits; the reserved ones keep their low bits there. */
const FIRST_RESERVED_16 = 0xff00;

export function portFrom16(port: number): number {
  return port >= FIRST_RESERVED_16 ? (port | 0xffff0000) >>> 0 : port;
}
