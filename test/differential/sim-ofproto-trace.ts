/** Reads what `ofproto/trace` prints, and the numbers of ports in it. */

export interface DatapathPort {
  readonly bridge: string;
  readonly ofport: number;
  /** The datapath's own. */
  readonly number: number;
}

/** The ports that `dpif/show` tells of; patch ports have no number in the datapath. */
export function datapathPorts(shown: string): DatapathPort[] {
  let bridge = '';
  return shown.split('\n').flatMap((line) => {
    bridge = /^ {2}(\S+):$/.exec(line)?.[1] ?? bridge;
    const numbers = / (\d+)\/(\d+): \(/.exec(line);
    if (numbers === null) return [];
    return [{ bridge, ofport: Number(numbers[1]), number: Number(numbers[2]) }];
  });
}

/** One translation: the flows that it met as `table:cookie` (`none` for a miss), and the ports that it put out to. */
export interface Pass {
  readonly flows: readonly string[];
  readonly outputs: readonly number[];
  /** The packet in the end, as `ovs-ofctl` writes it; null when nothing changed it. */
  readonly final: string | null;
}

const visit = /^ *(\d+)\. (No match\.|.*cookie (0x[0-9a-f]+))/;
const unmarked = /^ *(\d+)\. .*priority \d+$/;

/** Datapath actions that hold others. */
const NESTING = /^(?:clone|check_pkt_len|gt|le)\((.*)\)$/s;

/** The port numbers of datapath actions, those inside a clone or a comparison of lengths too. */
export function datapathOutputs(text: string): number[] {
  const ports: number[] = [];
  let depth = 0;
  let start = 0;
  const item = (raw: string) => {
    const nested = NESTING.exec(raw);
    if (nested !== null) ports.push(...datapathOutputs(nested[1] ?? ''));
    else if (/^\d+$/.test(raw)) ports.push(Number(raw));
  };
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '(') depth += 1;
    else if (text[at] === ')') depth -= 1;
    else if (text[at] === ',' && depth === 0) {
      item(text.slice(start, at));
      start = at + 1;
    }
  }
  item(text.slice(start));
  return ports;
}

/**
 * The passes in the order printed.
 * @param ofports OpenFlow port by datapath port.
 */
export function readTrace(text: string, ofports: ReadonlyMap<number, number>): Pass[] {
  return text.split(/^=+\nrecirc\(/m).map((section) => {
    const flows: string[] = [];
    let outputs: number[] = [];
    let final: string | null = null;
    for (const line of section.split('\n')) {
      const found = visit.exec(line);
      if (found !== null) {
        flows.push(`${found[1]}:${found[3] === undefined ? 'none' : BigInt(found[3])}`);
      } else if (unmarked.test(line)) throw new Error(`a flow without a cookie: ${line}`);
      final = /^Final flow: (?!unchanged)(.*)$/.exec(line)?.[1] ?? final;
      const actions = /^Datapath actions: (.*)$/.exec(line);
      if (actions !== null) {
        outputs = datapathOutputs(actions[1] ?? '').map((port) => ofports.get(port) ?? -1);
      }
    }
    return { flows, outputs, final };
  });
}
