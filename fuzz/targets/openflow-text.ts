/** The texts of ovs-ofctl. */
import * as fc from 'fast-check';
import {
  formatActions,
  formatFlow,
  formatGroup,
  formatMatch,
  formatMeter,
  parseActions,
  parseFlow,
  parseFlows,
  parseGroups,
  parseMatch,
  parseMeters,
  parsePacket,
  parsePortNames,
} from '../../src/openflow/index.ts';
import { Failure } from '../../src/base/failure.ts';
import type { LineError } from '../../src/openflow/text/index.ts';
import { actionLine } from '../../test/differential/action-generator.ts';
import { flowLine } from '../../test/differential/flow-generator.ts';
import { drawMatches } from '../../test/differential/match-generator.ts';
import { textTarget, type Verdict } from '../target.ts';
import { readOrRefused, stable } from '../verdict.ts';
import { DUMPS, GROUPS, METERS, PORT_NAMES } from './dumps.ts';

const seed = 20_261_122;
const lines = (arbitrary: fc.Arbitrary<string>, numRuns: number): string[] =>
  fc.sample(arbitrary, { seed, numRuns });

const addFlows = (): string[] => [...lines(flowLine, 1500), ...lines(actionLine, 1500)];

/** An error that stands nowhere in the text helps nobody. */
function misplaced(text: string, errors: readonly LineError[]): string | null {
  const all = text.split(/\r*\n/);
  const wrong = errors.find(({ line, column }) => {
    const length = all[line - 1]?.length;
    return length === undefined || column < 1 || column > length + 1;
  });
  return wrong === undefined ? null : `an error stands nowhere: ${JSON.stringify(wrong)}`;
}

interface Dump<T> {
  readonly values: readonly T[];
  readonly errors: readonly LineError[];
  readonly unresolved: ReadonlyMap<number, string>;
}

/** Each entry must print as something that reads and prints alike, and each error stand somewhere. */
function judgeDump<T>(
  text: string,
  read: (text: string) => Dump<T>,
  print: (value: T, names: ReadonlyMap<number, string>) => string,
): Verdict {
  const { values, errors, unresolved } = read(text);
  const fault = misplaced(text, errors);
  if (fault !== null) return { fault };
  for (const value of values) {
    const verdict = stable(print(value, unresolved), (printed) => {
      const back = read(printed);
      const [error] = back.errors;
      if (error !== undefined) throw new Failure('invalid', 'Printed', error.message);
      return back.values.map((one) => print(one, back.unresolved)).join('\n');
    });
    if (verdict !== 'taken') return verdict;
  }
  return values.length > 0 ? 'taken' : 'refused';
}

const readFlows = (text: string) => {
  const { flows, ...rest } = parseFlows(text);
  return { values: flows, ...rest };
};
const readGroups = (text: string) => {
  const { groups, ...rest } = parseGroups(text);
  return { values: groups, ...rest };
};
const readMeters = (text: string) => {
  const { meters, errors } = parseMeters(text);
  return { values: meters, errors, unresolved: new Map<number, string>() };
};

export const openflowTextTargets = [
  textTarget({
    name: 'dumps of flows',
    share: 3,
    samples: () => [
      ...DUMPS,
      ...addFlows().map((line, index) => (index % 3 === 0 ? `${line}\n${line}` : line)),
    ],
    kept: {
      'an error past the end of the line':
        'action=resubmit:4,multipath(symmetric_l4,0 hash_threshold 2',
    },
    judge: (text) =>
      judgeDump(text, readFlows, (flow, unresolved) => formatFlow(flow, { unresolved })),
  }),
  textTarget({
    name: 'flows',
    share: 5,
    samples: addFlows,
    judge: (text) =>
      readOrRefused(() => {
        const unresolved = new Map<number, string>();
        const flow = parseFlow(text, { unresolved });
        return stable(formatFlow(flow, { unresolved }), (printed) => {
          const names = new Map<number, string>();
          return formatFlow(parseFlow(printed, { unresolved: names }), { unresolved: names });
        });
      }),
  }),
  textTarget({
    name: 'matches',
    share: 6,
    samples: () => drawMatches(3000, seed).map(({ text }) => text),
    judge: (text) =>
      readOrRefused(() =>
        stable(formatMatch(parseMatch(text)), (printed) => formatMatch(parseMatch(printed))),
      ),
  }),
  textTarget({
    name: 'actions',
    share: 6,
    samples: () => addFlows().map((line) => line.slice(line.indexOf('actions=') + 8)),
    judge: (text) =>
      readOrRefused(() =>
        stable(formatActions(parseActions(text)), (printed) =>
          formatActions(parseActions(printed)),
        ),
      ),
  }),
  textTarget({
    name: 'groups',
    share: 2,
    samples: () => GROUPS,
    judge: (text) =>
      judgeDump(text, readGroups, (group, unresolved) => formatGroup(group, { unresolved })),
  }),
  textTarget({
    name: 'meters',
    share: 2,
    samples: () => METERS,
    judge: (text) => judgeDump(text, readMeters, formatMeter),
  }),
  textTarget({
    name: 'packets as matches',
    share: 2,
    samples: () => drawMatches(2000, seed + 1).map(({ text }) => text),
    judge: (text) =>
      readOrRefused(() => {
        parsePacket(text);
        return 'taken';
      }),
  }),
  textTarget({
    name: 'names of ports',
    share: 2,
    samples: () => PORT_NAMES,
    judge: (text) => (parsePortNames(text).size > 0 ? 'taken' : 'refused'),
  }),
];
