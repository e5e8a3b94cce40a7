import { describe, expect, it } from 'vitest';
import { captureOf, dpif, ENDS, MAC, traced } from '../../../test/support/captured.ts';

describe('connections', () => {
  const nat = (conntrack: string) =>
    captureOf({
      n1: {
        dpif: dpif({ 'br-int': ['tapa 10/3: (system)', 'tapb 11/4: (system)'] }),
        ids: { tapa: ENDS.a, tapb: ENDS.b },
        conntrack,
        flows: {
          'br-int': [
            'table=0,in_port=10,ip actions=ct(table=1,zone=4,nat)',
            'table=1,ct_state=+est,ip,nw_dst=10.0.0.11,nw_src=192.0.2.9 actions=output:11',
          ],
        },
      },
    });
  const line = (state: string) =>
    `tcp,orig=(src=10.0.0.10,dst=10.0.0.11,sport=40000,dport=80),reply=(src=10.0.0.11,dst=192.0.2.9,sport=80,dport=5001),zone=4,protoinfo=(state=${state})\n`;
  const ask = (text: string) =>
    traced(nat(text), { to: MAC.b, protocol: 'tcp/80', from: MAC.a }).legs[0]?.verdict;

  it('stand with their translations', () => {
    expect(ask('')).toBe('dropped');
    expect(ask(line('ESTABLISHED'))).toBe('delivered');
    expect(
      ask(
        line('ESTABLISHED').replace(
          'state=ESTABLISHED',
          'state_orig=ESTABLISHED,state_reply=ESTABLISHED',
        ),
      ),
    ).toBe('delivered');
    expect(ask(line('ESTABLISHED').replace('zone=4', 'zone=5'))).toBe('dropped');
  });

  it('of echoes are none: another has another identifier', () => {
    const icmp =
      'icmp,orig=(src=10.0.0.10,dst=10.0.0.11,id=7,type=8,code=0),reply=(src=10.0.0.11,dst=10.0.0.10,id=7,type=0,code=0),zone=4\n';
    expect(nat(icmp).faults).toEqual([]);
  });

  it('that are none are faults with their line', () => {
    const { faults } = nat(`${line('ESTABLISHED')}odd\n`);
    expect(faults).toMatchObject([{ file: 'n1/conntrack.txt', line: 2, column: 1 }]);
  });
});
