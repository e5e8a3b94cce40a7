/** The answers to the record's open questions (docs/pipeline.md), each as packets that show it. */
import { describe, expect, it } from 'vitest';
import type { Execution } from '../../src/sim/types.ts';
import type { Trace } from '../../src/trace/types.ts';
import {
  POLICY_PAIRS,
  policyTrace,
  sceneTrace,
  SELF_VARIANTS,
  selfTrace,
  tunnelRun,
} from './excerpts.ts';

/** `100 P0` of each table that a packet meets. */
const way = ({ steps }: Execution): string[] =>
  steps.flatMap((step) =>
    step.kind === 'table' ? [`${step.table} P${step.flow?.priority ?? '-'}`] : [],
  );

const outputs = ({ steps }: Execution): number[] =>
  steps.flatMap((step) => (step.kind === 'output' ? [step.port] : []));

const hopOf = (trace: Trace, table: number) =>
  trace.legs[0]?.hops.find((hop) => hop.bridge === 'br-int' && hop.table === table);

const VM3_OFPORT = 41;

describe('why 0 goes into in_port at 133, and what reg12 = reg13 guards', () => {
  it('drops what would return to its sender, by name', () => {
    const { reason } = sceneTrace('itself').trace;
    expect(reason).toMatchObject({ code: 'returns_to_sender', table: 133 });
  });

  it('needs both rows: without them the switch itself decides, and tells nobody', () => {
    expect(SELF_VARIANTS.map(({ tampering }) => selfTrace(tampering).reason?.code)).toEqual([
      'returns_to_sender',
      'came_back',
      'output_to_in_port',
    ]);
  });
});

describe("when the floating ip's row at 101 is met", () => {
  it('by what the external gateway sends through the tunnel', () => {
    const run = tunnelRun('gateway');
    expect(way(run).slice(0, 4)).toEqual(['0 P20', '100 P10', '101 P300', '120 P30']);
    expect(outputs(run)).toEqual([VM3_OFPORT]);
  });

  it('never by a VM: its packets pass 104 to 120, and leave the VPC', () => {
    const { trace } = sceneTrace('to-a-floating-ip');
    expect(hopOf(trace, 101)).toBeUndefined();
    expect(hopOf(trace, 115)).toMatchObject({ priority: 300 });
    expect(trace.reason).toMatchObject({ code: 'no_gateway', table: 120 });
  });

  it('not by what is for an address of the VPC', () => {
    expect(way(tunnelRun('ordinary')).slice(0, 4)).toEqual([
      '0 P20',
      '100 P0',
      '101 P0',
      '120 P30',
    ]);
  });
});

describe('what 105 is for beside 110', () => {
  it('exempts traffic inside a subnet from policies, which the rest meets', () => {
    expect(hopOf(sceneTrace('same-node').trace, 105)).toMatchObject({ priority: 5 });
    expect(hopOf(sceneTrace('between-subnets').trace, 105)).toMatchObject({ priority: 0 });
  });

  it('can decide by the source', () => {
    const hops = POLICY_PAIRS.map(([from, to]) => hopOf(policyTrace(from, to), 105));
    expect(hops.map((hop) => `${hop?.priority} ${hop?.actions}`)).toEqual([
      '1 drop',
      '0 goto_table:110',
      '5 goto_table:110',
    ]);
  });
});

describe('what the MACs in the tunnel mean', () => {
  it('02:…:01 goes to a next hop, of which there is none yet', () => {
    expect(way(tunnelRun('custom-route'))).toEqual(['0 P20', '100 P10', '130 P0']);
  });

  it('04:… goes past the floating ips', () => {
    const run = tunnelRun('load-balancer');
    expect(way(run).slice(0, 3)).toEqual(['0 P20', '100 P10', '120 P30']);
    expect(outputs(run)).toEqual([VM3_OFPORT]);
    expect(way(tunnelRun('load-balancer-floating'))).toEqual(['0 P20', '100 P10', '120 P1']);
  });
});

describe('what the metadata bits mean', () => {
  it('FROM_LOCAL and SECURED: the sender is a VM here, and its rules apply', () => {
    expect(hopOf(sceneTrace('same-node').trace, 0)?.actions).toContain(
      'write_metadata:0x9000000000000000/0x9000000000000000',
    );
  });

  it('without SECURED the packet passes tracking and rules by', () => {
    const { trace } = sceneTrace('without-port-security');
    expect(hopOf(trace, 68)).toMatchObject({ priority: 10, actions: 'goto_table:104' });
    expect(hopOf(trace, 72)).toBeUndefined();
  });

  it('FROM_REMOTE: what came out of a tunnel never goes into one', () => {
    const run = tunnelRun('elsewhere');
    expect(way(run).at(-1)).toBe('120 P1');
    expect(outputs(run)).toEqual([]);
  });

  it('EXTERNAL: the route of 110 leads out', () => {
    const { trace } = sceneTrace('to-a-floating-ip');
    expect(hopOf(trace, 110)?.actions).toContain('write_metadata:0x800000000000000/');
  });
});
