/**
 * The flows of the record's walkthrough as OpenFlow messages, 100,000 of them: into one bundle, and
 * out of a dump.
 */
import { Writer } from '../src/base/bytes.ts';
import type { Flow } from '../src/openflow/flow.ts';
import { decode, encode, encodeInto, type FlowWithCounters } from '../src/openflow/wire/index.ts';
import { compileAll } from '../src/pipeline/compiler.ts';
import { walkthroughNode, walkthroughTopology } from '../test/support/walkthrough.ts';
import { median, round, timed } from './measure.ts';

const FLOWS = 100_000;
const REPETITIONS = 7;
/** Flows of one part of a dump, about as many as a switch puts into 64 kB. */
const PART = 300;
/** What a socket is given at a time. */
const CHUNK = 1 << 16;
const XID = 1;

export interface WireFigures {
  readonly flows: number;
  /** Milliseconds, median. */
  readonly encodeMs: number;
  readonly decodeMs: number;
  /** Of an encoded flow in its bundle's envelope. */
  readonly bytesPerFlow: number;
}

function manyFlows(): FlowWithCounters[] {
  const { flows } = compileAll(walkthroughTopology(), walkthroughNode('node1'))['br-int'];
  const counters = { packets: 1_000_000, bytes: 90_000_000, duration: 86_400.5 };
  return Array.from({ length: FLOWS }, (_, index) => {
    const flow: Flow | undefined = flows[index % flows.length];
    if (flow === undefined) throw new Error('the walkthrough compiles to no flows');
    return { ...flow, cookie: flow.cookie + BigInt(index), counters };
  });
}

export function benchWire(): WireFigures {
  const flows = manyFlows();
  const writer = new Writer();
  let bytes = 0;
  const encodeAll = () => {
    bytes = 0;
    for (const flow of flows) {
      const message = { kind: 'flow_mod', command: 'add', flow } as const;
      encodeInto(
        writer,
        { kind: 'bundle_add', bundle: 1, atomic: true, ordered: true, message },
        XID,
      );
      if (writer.length < CHUNK) continue;
      bytes += writer.finish().length;
      writer.clear();
    }
    bytes += writer.finish().length;
    writer.clear();
  };
  const dump: Uint8Array[] = [];
  for (let at = 0; at < FLOWS; at += PART) {
    const part = flows.slice(at, at + PART);
    dump.push(encode({ kind: 'flow_stats_reply', more: true, flows: part }, XID));
  }
  const decodeAll = () => {
    for (const part of dump) decode(part);
  };
  const times = (work: () => void) =>
    round(median(Array.from({ length: REPETITIONS }, () => timed(work))));
  return {
    flows: FLOWS,
    encodeMs: times(encodeAll),
    decodeMs: times(decodeAll),
    bytesPerFlow: round(bytes / FLOWS),
  };
}
