/** What `ofproto/trace` prints, read into the shape of an offline trace. */
import type { Section } from '../../src/trace/offline/index.ts';

/** A section without what the text of Open vSwitch does not tell. */
export interface RealSection {
  readonly path: readonly {
    readonly table: number;
    readonly priority: number | null;
    readonly cookie: string | null;
    readonly match: string | null;
  }[];
  readonly finalFlow: string;
  readonly datapathActions: string;
}

const visit = /^ *(\d+)\. (?:(No match\.)|(?:(.*), |)priority (\d+)(?:, cookie (0x[0-9a-f]+))?)$/;

/** Numbers of recirculations are the switch's own: they are counted anew in the order of the text. */
export function renumbered(text: string, ids: Map<string, number>): string {
  return text.replaceAll(
    /(recirc\(|recirc_id=)(0x[0-9a-f]+|\d+)/g,
    (_whole, prefix: string, id: string) => {
      const known = ids.get(String(Number(id))) ?? ids.size + 1;
      ids.set(String(Number(id)), known);
      return `${prefix}${known}`;
    },
  );
}

/** The sections in the order printed: breadth first. */
export function readSections(text: string): RealSection[] {
  const ids = new Map<string, number>();
  return text.split(/^=+\nrecirc\(/m).map((section) => {
    const path: RealSection['path'][number][] = [];
    let finalFlow = '';
    let actions = '';
    for (const line of section.split('\n')) {
      const found = visit.exec(line);
      if (found !== null) {
        const [, table, miss, match = '', priority, cookie = '0x0'] = found;
        const none = miss !== undefined;
        path.push({
          table: Number(table),
          priority: none ? null : Number(priority),
          cookie: none ? null : cookie,
          match: none ? null : match,
        });
      }
      finalFlow = /^Final flow: (.*)$/.exec(line)?.[1] ?? finalFlow;
      actions = /^Datapath actions: (.*)$/.exec(line)?.[1] ?? actions;
    }
    return {
      path,
      finalFlow: renumbered(finalFlow, ids),
      datapathActions: renumbered(actions, ids),
    };
  });
}

/** Ours, breadth first, reduced to what Open vSwitch tells. */
export function flatten(section: Section): RealSection[] {
  const ids = new Map<string, number>();
  const order = [section];
  for (const next of order) order.push(...next.recirculations);
  return order.map(({ way, finalFlow, datapathActions }) => ({
    path: way.path.map(({ table, priority, cookie, match }) => ({
      table,
      priority,
      cookie,
      match,
    })),
    finalFlow: renumbered(finalFlow, ids),
    datapathActions: renumbered(datapathActions, ids),
  }));
}

/** By the contract: the first that applies over all sections. */
export function outcomeOf(sections: readonly RealSection[]): Section['outcome'] {
  const all = sections.map(({ datapathActions }) => datapathActions).join(',');
  if (
    /(?:^|[,(])\d+(?=$|[,)])/.test(
      all.replaceAll(
        /(set|userspace|ct|push_\w+|pop_\w+|hash|trunc|meter|recirc)\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)/g,
        '',
      ),
    )
  ) {
    return 'output';
  }
  if (all.includes('userspace(')) return 'controller';
  return all.includes('hash(') ? 'recirc' : 'drop';
}
