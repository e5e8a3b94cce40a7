import { expect, test } from 'vitest';
import { loadBridge } from './bridge.ts';
import { readPacket } from './packet.ts';
import { renderOffline } from './text.ts';
import { traceOffline } from './trace.ts';

const FLOWS = `
cookie=0x1,table=0,priority=10,in_port=1 actions=load:0x3->NXM_NX_REG14[],resubmit(,8)
cookie=0x2,table=0,priority=10,in_port=2 actions=group:7
cookie=0x3,table=0,priority=10,in_port=3 actions=output:4,output:3
cookie=0x4,table=0,priority=10,in_port=4 actions=ct_clear,output:4
cookie=0x5,table=8,priority=1 actions=resubmit(,73),move:NXM_NX_REG10[12]->NXM_NX_REG0[15],resubmit(,9)
cookie=0x6,table=73,priority=80,reg14=0x3 actions=load:1->NXM_NX_REG10[12]
cookie=0x7,table=9,priority=50,reg0=0x8000/0x8000 actions=drop
cookie=0x9,table=0,priority=10,in_port=LOCAL actions=load:1->NXM_NX_REG5[],resubmit(,20),load:2->NXM_NX_REG5[],resubmit(,20),load:7->NXM_NX_REG5[]
cookie=0xa,table=20,reg5=2 actions=drop
cookie=0xb,table=20,reg6=0,reg5=2 actions=output:1
cookie=0x8,table=9,priority=60,tcp,reg0=0x8000/0x8000 actions=controller
`;
const GROUPS =
  'group_id=7,type=select,bucket=bucket_id:0,actions=output:1,bucket=bucket_id:5,actions=output:3';
const PORTS = `br-int:
  br-int 65534/1: (internal)
  vm1 1/3: (tap)
  vm2 2/4: (tap)
  vm3 3/5: (tap)
  patch-out 4/none: (patch: peer=patch-in)
`;

function linesOf(packet: string): string[] {
  const bridge = loadBridge({
    flows: { name: 'flows', text: FLOWS },
    groups: { name: 'groups', text: GROUPS },
    ports: { name: 'ports', text: PORTS },
  });
  const trace = traceOffline(bridge, readPacket(packet, bridge.textOptions, null), [], {
    ambiguity: true,
  });
  return renderOffline(trace, bridge).split('\n');
}

function endingOf(packet: string): string[] {
  const lines = linesOf(packet);
  return lines.slice(lines.findIndex((line) => line.startsWith('Outcome: ')));
}

const CAUSES = [
  '    reg0=0x8000/0x8000 was written in table 8 (any packet, priority 1, cookie 0x5): move:NXM_NX_REG10[12]->NXM_NX_REG0[15]',
  '    reg10=0x1000/0x1000 was written in table 73 (reg14=0x3, priority 80, cookie 0x6): load:0x1->NXM_NX_REG10[12]',
];

test('of a drop says which flow dropped, and which flows wrote what it matched', () => {
  expect(endingOf('in_port=1,udp')).toEqual([
    'Outcome: dropped.',
    '  Why: the flow of table 9, reg0=0x8000/0x8000, priority 50, cookie 0x7, drops it.',
    ...CAUSES,
  ]);
});

test('says which of several writes it was', () => {
  expect(endingOf('in_port=LOCAL,udp').at(-1)).toBe(
    '    reg5=0x2 was written in table 0 (in_port=LOCAL, priority 10, cookie 0x9): load:0x2->NXM_NX_REG5[]',
  );
});

test('tells which flows would have matched as well', () => {
  expect(linesOf('in_port=LOCAL,udp')).toContain(
    '      2 flows of priority 32768 in table 20 match, of which OpenFlow lets a switch take any: here it is the one that Open vSwitch takes with flows in this order; or: reg5=0x2,reg6=0, cookie 0xb',
  );
});

test('says which flow asked the controller', () => {
  expect(endingOf('in_port=1,tcp')).toEqual([
    'Outcome: sent to the controller only.',
    '  By: the flow of table 9, tcp,reg0=0x8000/0x8000, priority 60, cookie 0x8.',
    ...CAUSES,
  ]);
});

test('lists the buckets among which a hash chooses', () => {
  expect(endingOf('in_port=2,udp')).toEqual([
    'Outcome: not known: it is recirculated with a hash that only the switch computes.',
    '  Group 7 takes one of these; dp_hash=1, 2 … in the packet follows one:',
    '    bucket 0: output:1',
    '    bucket 5: output:3',
  ]);
  expect(endingOf('in_port=2,udp,dp_hash=1')[0]).toMatch(
    /^Outcome: sent out by port [13] \(vm[13]\)\.$/,
  );
});

test('tells a way into another bridge from a drop', () => {
  expect(endingOf('in_port=3,udp')).toEqual([
    'Outcome: nothing leaves this bridge but into another.',
    '  It goes on into another bridge by port 4 (patch-out); what happens there is not in these dumps.',
  ]);
});

test('says that an output is suppressed, and that a port is not there', () => {
  expect(endingOf('in_port=4,udp')).toEqual([
    'Outcome: dropped.',
    '  Why: output to port 4 (patch-out) is not sent: the packet came in there (use IN_PORT, or set in_port to 0 before).',
  ]);
  expect(endingOf('in_port=99,udp').slice(1)).toEqual([
    'The bridge has no port 99, by which the packet comes in; it has LOCAL (br-int), 1 (vm1), 2 (vm2), 3 (vm3), 4 (patch-out).',
    '  Why: no flow of table 0 matches.',
  ]);
  expect(endingOf('udp')[1]).toBe('The packet does not say where it comes in: give it an in_port.');
});
