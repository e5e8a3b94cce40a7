/** Priorities by what they mean; those of drop rows are in drops.ts. */
export const PRIORITY = {
  miss: 0,
  input: { tunnel: 20, prefix: 29, address: 30, asksPrefix: 39, asks: 40 },
  arp: { answer: 10, agrees: 15 },
  unsecured: 10,
  dispatchEgress: 50,
  dispatchIngress: 10,
  connection: { begun: 50, known: 55, related: 60 },
  rules: { byRemoteGroup: 2000, plain: 2010 },
  inFragments: 10,
  commitEgress: 20,
  commitIngress: 5,
  markedSource: 10,
  floatingIp: { any: 300, ofVpc: 305, shadowed: 310 },
  sameSubnetRoutes: 5,
  sameSubnetPolicy: 50,
  translate: 300,
  forward: { prefix: 2, remote: 20, local: 30 },
  output: 20,
  uplink: 20,
} as const;

/** Nested prefix pairs are told apart by depth; what is nested deeper shares the last priority. */
export const PREFIX_DEPTHS = 17;

/** What a row of VPC_ROUTE is, the better among equal prefixes the higher. */
export const ROUTE = {
  vpcSubnet: 0,
  ownSubnet: 1,
  out: 2,
  gatewayElse: 3,
  gatewayPing: 4,
} as const;

/**
 * Of a router's own route: a subnet of the VPC wins an equal prefix, the external gateway does not.
 * @param length prefix length, 0 … 128
 */
export const customRoutePriority = (length: number): number =>
  length === 0 ? routePriority(0, ROUTE.out + 1) : routePriority(length, ROUTE.vpcSubnet) - 1;

/** @param length prefix length, 0 … 128 */
export function routePriority(length: number, kind: number): number {
  return length * 300 + kind;
}
