/**
 * Which VPCs a network's ports are in. While a network moves from one VPC to another it is in both,
 * so that no packet is lost whatever a node has heard of the move: first the ports are reached in
 * the next one too, then they send in it, then the last one goes. A move waits at each step until
 * the nodes have taken the one before.
 */
import type { Network, VpcPointer } from './objects.ts';

type Membership = Pick<Network, 'vpc' | 'next_vpc' | 'last_vpc'>;

/** The VPCs that a network's ports are reached in, first the one that they send in. */
export function vpcsOf({ vpc, next_vpc, last_vpc }: Membership): VpcPointer[] {
  return [vpc, next_vpc, last_vpc].filter((pointer) => pointer !== null);
}

/** The VPC that a network will be in when nothing moves any more. */
export const goalOf = ({ vpc, next_vpc }: Membership): VpcPointer => next_vpc ?? vpc;

/** Whether nodes have a step of a network's move still to take. */
export const isMoving = ({ next_vpc, last_vpc }: Membership): boolean =>
  next_vpc !== null || last_vpc !== null;

/** `network` on its way to another VPC: what it is in stays. */
export function headedFor(network: Network, goal: VpcPointer): Network {
  const { vpc, last_vpc } = network;
  if (goal.id === goalOf(network).id) return network;
  if (goal.id === vpc.id) return { ...network, next_vpc: null };
  return { ...network, next_vpc: goal, last_vpc: last_vpc?.id === goal.id ? null : last_vpc };
}

/** The next step of a move, once every node has taken the last one. */
export function advanced(network: Network): Network {
  const { vpc, next_vpc } = network;
  if (next_vpc === null) return { ...network, last_vpc: null };
  return { ...network, vpc: next_vpc, next_vpc: null, last_vpc: vpc };
}

/** `network` at its goal, for a network that no packet can be on its way in. */
export const settled = (network: Network): Network => ({
  ...network,
  vpc: goalOf(network),
  next_vpc: null,
  last_vpc: null,
});
