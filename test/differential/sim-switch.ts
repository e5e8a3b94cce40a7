/** The real switch before the first random program and between any two. */
import { Failure } from '../../src/base/failure.ts';
import type { Unixctl } from '../../src/net/unixctl.ts';
import type { Sandbox } from '../support/ovs.ts';
import { TLV_MAP } from './sim-language-values.ts';

/** Whether ovs-vswitchd aborted, as it does when it freezes a packet with an action set. */
export const hasAborted = (error: unknown): boolean =>
  error instanceof Failure && error.kind === 'unavailable';

/** Gives a bridge the meters and tunnel options that pipelines of the whole language name. */
export function equip(sandbox: Sandbox, bridge: string): void {
  for (const option of TLV_MAP) sandbox.ofctl(['add-tlv-map', bridge, option]);
  for (const id of [1, 2]) {
    const meter = `meter=${id},pktps,bands=type=drop,rate=100`;
    sandbox.ofctl(['-O', 'OpenFlow13', 'add-meter', bridge, meter]);
  }
}

/** How many flows the classifiers hold, those included that are deleted and not yet gone. */
export async function countRules(unixctl: Unixctl): Promise<number> {
  const text = await unixctl.call('memory/show');
  return Number(/\brules:(\d+)/.exec(text)?.[1] ?? 0);
}

/**
 * Deletes the flows and groups of all bridges, and waits until the switch has let go of them: what is
 * left of a mask would keep its place in the order in which the switch looks for the next flows, and
 * so decide which bits of a packet it looks at.
 * @param rules How many there were before the first flow, over all bridges.
 */
export async function empty(
  sandbox: Sandbox,
  unixctl: Unixctl,
  bridges: readonly string[],
  rules: number,
): Promise<void> {
  for (const bridge of bridges) {
    sandbox.ofctl(['-O', 'OpenFlow15', 'bundle', bridge, '-'], 'flow delete\ngroup delete\n');
  }
  while ((await countRules(unixctl)) > rules);
}

/**
 * Programs a bridge in one go, without the lines that the switch does not take.
 * @returns how many those are.
 */
export function program(
  sandbox: Sandbox,
  bridge: string,
  flows: readonly string[],
  groups: readonly string[],
): number {
  const all = [
    ...groups.map((group) => `group add ${group}`),
    ...flows.map((flow) => `flow add ${flow}`),
  ];
  for (let lines = all; ;) {
    try {
      const text = lines.map((line) => `${line}\n`).join('');
      sandbox.ofctl(['-O', 'OpenFlow15', 'bundle', bridge, '-'], text);
      return all.length - lines.length;
    } catch (error) {
      const bad = refusedLines(String(error), lines);
      if (bad.size === 0) throw error;
      lines = lines.filter((_, at) => !bad.has(at));
    }
  }
}

/** Lines by their number, flows by their cookie, groups by their id: whatever the refusal names. */
function refusedLines(error: string, lines: readonly string[]): Set<number> {
  const bad = new Set<number>();
  for (const [, number] of error.matchAll(/-:(\d+): /g)) bad.add(Number(number) - 1);
  for (const [, cookie = ''] of error.matchAll(/cookie:(0x[0-9a-f]+)/g)) {
    bad.add(lines.findIndex((line) => line.includes(`cookie=${cookie},`)));
  }
  // A message that cannot be read is shown in hex: its second eight bytes are the cookie.
  for (const [, high = '', low = ''] of error.matchAll(
    /^00000000 .*-(?:[0-9a-f]{2} ){6}([0-9a-f]{2}) ([0-9a-f]{2}) /gm,
  )) {
    bad.add(
      lines.findIndex((line) =>
        line.includes(`cookie=0x${Number(`0x${high}${low}`).toString(16)},`),
      ),
    );
  }
  for (const [, group = ''] of error.matchAll(/group_id=(\d+)/g)) {
    bad.add(lines.findIndex((line) => line.startsWith(`group add group_id=${group},`)));
  }
  bad.delete(-1);
  return bad;
}
