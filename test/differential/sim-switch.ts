/** The real switch between two random programs. */
import type { Unixctl } from '../../src/net/unixctl.ts';
import type { Sandbox } from '../support/ovs.ts';

/** How many flows the classifiers hold, those included that are deleted and not yet gone. */
export async function countRules(unixctl: Unixctl): Promise<number> {
  const text = await unixctl.call('memory/show');
  return Number(/\brules:(\d+)/.exec(text)?.[1] ?? 0);
}

/**
 * Deletes the flows and groups of a bridge, and waits until the switch has let go of them: what is
 * left of a mask would keep its place in the order in which the switch looks for the next flows, and
 * so decide which bits of a packet it looks at.
 * @param rules How many there were before the first flow.
 */
export async function empty(
  sandbox: Sandbox,
  unixctl: Unixctl,
  bridge: string,
  rules: number,
): Promise<void> {
  sandbox.ofctl(['-O', 'OpenFlow15', 'bundle', bridge, '-'], 'flow delete\ngroup delete\n');
  while ((await countRules(unixctl)) > rules);
}
