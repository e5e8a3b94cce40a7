/**
 * Flows that others wrote: the lines of Open vSwitch's own tests, each judged by ovs-ofctl when the
 * test runs, and what OVN programs for a network of two routers. What ovs-ofctl takes must be printed
 * as it prints it, what it refuses be refused with a column.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatFlow, formatGroup, parseFlows, parseGroups } from '../../src/openflow/index.ts';
import { ofctlVerdicts, type Verdict } from '../support/ofctl-verdicts.ts';
import { buildNetwork, ovnAvailable, startOvn, type Ovn } from '../support/ovn.ts';
import { ovsFlowLines } from '../support/ovs-corpus.ts';
import { ovsAvailable } from '../support/ovs.ts';
import { requireOrSkip } from '../support/require.ts';

/**
 * What ovs-ofctl by itself is no judge of: names of ports, which we keep until a list resolves them;
 * actions that try a switch out, which it sends and cannot print; and what ovs-appctl prints.
 */
const beyondOfctl = [
  /invalid or unknown port for in_port|output to unknown port/,
  /^OFPBAC_BAD_VENDOR_TYPE$/,
  /^unknown keyword table_id$/,
];
/** What files for add-flows may begin with, and a single flow may not. */
const command = /^add\s+/;

/** What we make of one line, in the words of a verdict. */
function ourVerdict(line: string): Verdict {
  const { flows, errors, unresolved } = parseFlows(line);
  const [flow] = flows;
  const [error] = errors;
  if (error !== undefined) {
    return { refusal: error.line === 1 && error.column > 0 ? error.message : 'without a column' };
  }
  return flow === undefined ? { refusal: '' } : { printed: formatFlow(flow, { unresolved }) };
}

/**
 * The lines on which we and ovs-ofctl do not agree, how many it takes and refuses, and how many it
 * cannot judge by itself.
 */
function compare(lines: readonly string[]) {
  const verdicts = ofctlVerdicts(lines.map((line) => line.replace(command, '')));
  const unlike: object[] = [];
  let [taken, refused, beyond] = [0, 0, 0];
  for (const [index, line] of lines.entries()) {
    const theirs = verdicts[index] ?? { refusal: 'no verdict' };
    const ours = ourVerdict(line);
    if ('refusal' in theirs && beyondOfctl.some((kind) => kind.test(theirs.refusal))) {
      beyond += 1;
    } else {
      const alike =
        'printed' in theirs
          ? 'printed' in ours && ours.printed === theirs.printed
          : 'refusal' in ours && ours.refusal !== '' && ours.refusal !== 'without a column';
      if ('printed' in theirs) taken += 1;
      else refused += 1;
      if (!alike) unlike.push({ line, theirs, ours });
    }
  }
  return { unlike, taken, refused, beyond };
}

const sources = ovsAvailable ? ovsFlowLines() : null;

requireOrSkip('Open vSwitch and its sources', sources !== null)(
  "the flows of Open vSwitch's tests",
  () => {
    test('are taken, printed and refused as ovs-ofctl does', () => {
      const { unlike, taken, refused, beyond } = compare(sources ?? []);
      process.stdout.write(
        `flow lines of Open vSwitch's tests: ${taken} taken, ${refused} refused, ${beyond} that ovs-ofctl alone cannot judge\n`,
      );
      expect(unlike.slice(0, 20)).toEqual([]);
      expect(taken).toBeGreaterThan(1900);
      expect(refused).toBeGreaterThan(100);
    });
  },
);

requireOrSkip('Open vSwitch and OVN', ovsAvailable && ovnAvailable)('the flows of OVN', () => {
  let ovn: Ovn;
  beforeAll(async () => {
    ovn = await startOvn();
    buildNetwork(ovn);
  });
  afterAll(() => ovn.stop());

  const dump = (...args: readonly string[]) => ovn.ovs.ofctl([...args, 'dump-flows', 'br-int']);
  const linesOf = (text: string) => text.split('\n').filter((line) => line.includes('actions='));

  test('come out of a dump as they went into it', () => {
    const text = dump('-O', 'OpenFlow13', '--no-names', '--no-stats');
    const { flows, errors, skipped } = parseFlows(text);
    expect({ errors, skipped }).toEqual({ errors: [], skipped: 0 });
    // ovs-ofctl itself reads the empty brackets, and does not print them.
    const theirs = linesOf(text).map((line) => line.slice(1).replaceAll('dec_ttl()', 'dec_ttl'));
    expect(theirs.length).toBeGreaterThan(1000);
    process.stdout.write(`flows of OVN: ${theirs.length}\n`);
    expect(flows.map((flow) => formatFlow(flow))).toEqual(theirs);
  });

  test.each(['OpenFlow10', 'OpenFlow11', 'OpenFlow12', 'OpenFlow13', 'OpenFlow14', 'OpenFlow15'])(
    'are read from a dump in %s as ovs-ofctl reads them',
    (version) => {
      const text = dump('-O', version, '--no-names');
      const { unlike, refused } = compare(linesOf(text));
      expect(unlike.slice(0, 20)).toEqual([]);
      const { errors, skipped } = parseFlows(text);
      expect({ errors: errors.length, skipped }).toEqual({ errors: refused, skipped: 0 });
      expect(refused).toBe(version === 'OpenFlow15' ? 1 : 0);
    },
  );

  test('with names of ports come out with the numbers of those', () => {
    const ports = new Map(
      [...ovn.ovs.ofctl(['-O', 'OpenFlow13', 'show', 'br-int']).matchAll(/^ (\d+)\((.*?)\)/gm)].map(
        ([, number, name]) => [name?.replaceAll('"', '') ?? '', Number(number)] as const,
      ),
    );
    const named = parseFlows(dump('-O', 'OpenFlow13', '--names'), { ports });
    const numbered = parseFlows(dump('-O', 'OpenFlow13', '--no-names'));
    expect(named.errors).toEqual([]);
    expect(named.unresolved.size).toBe(0);
    const print = ({ flows }: typeof named) => flows.map((flow) => formatFlow(flow)).toSorted();
    expect(print(named)).toEqual(print(numbered));
    expect(parseFlows(dump('-O', 'OpenFlow13', '--names')).unresolved.size).toBeGreaterThan(0);
  });

  test('are read from ovs-appctl too, but for those of its own table', () => {
    const text = ovn.ovs.appctl('bridge/dump-flows', 'br-int');
    const { flows, errors, skipped } = parseFlows(text);
    // As in OpenFlow 1.5, where ovs-ofctl refuses to read what it prints of a load of ip_dscp.
    expect(errors).toMatchObject([{ message: 'ip_dscp cannot be matched under a mask' }]);
    expect(skipped).toBe(text.split('\n').filter((line) => line.includes('table_id=254')).length);
    expect(skipped).toBeGreaterThan(0);
    const plain = (flow: (typeof flows)[number]) =>
      formatFlow({ ...flow, cookie: 0n, idleTimeout: 0, hardTimeout: 0, flags: [] });
    const numbered = parseFlows(dump('-O', 'OpenFlow13', '--no-names'));
    const theirs = numbered.flows.map(plain).filter((flow) => !flow.includes('IP_DSCP'));
    expect(flows.map(plain).toSorted()).toEqual(theirs.toSorted());
  });

  describe('groups', () => {
    test('come out of a dump as they went into it', () => {
      const text = ovn.ovs.ofctl(['-O', 'OpenFlow15', '--no-names', 'dump-groups', 'br-int']);
      const { groups, errors } = parseGroups(text);
      expect(errors).toEqual([]);
      expect(groups.length).toBeGreaterThan(3);
      const theirs = text.split('\n').filter((line) => line.includes('group_id='));
      expect(groups.map((group) => ` ${formatGroup(group)}`)).toEqual(theirs);
    });
  });
});
