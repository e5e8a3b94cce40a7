import { describe, expect, it } from 'vitest';
import {
  captureOf,
  dpif,
  ENDS,
  MAC,
  traced,
  type NodeTexts,
} from '../../../test/support/captured.ts';

describe('NORMAL', () => {
  const none = ['set', []];
  const normal = (vlans: readonly (readonly unknown[])[], learnt: NodeTexts['learnt'] = {}) =>
    captureOf({
      n1: {
        dpif: dpif({
          'br-a': ['t 1/none: (patch: peer=u)', 'tapa 10/3: (system)'],
          'br-b': ['u 1/none: (patch: peer=t)', 'tapb 10/4: (system)'],
        }),
        ids: { tapa: ENDS.a, tapb: ENDS.b },
        vlans,
        learnt,
        flows: { 'br-a': ['actions=NORMAL'], 'br-b': ['actions=NORMAL'] },
      },
    });
  const ask = (...vlans: readonly (readonly unknown[])[]) =>
    traced(normal(vlans), { from: MAC.a, to: MAC.b }).verdict;

  it.each([
    ['one VLAN', ['tapa', 5, none, none], ['tapb', 5, none, none], 'delivered'],
    ['two VLANs', ['tapa', 5, none, none], ['tapb', 6, none, none], 'dropped'],
    [
      'a VLAN and none',
      ['tapa', 5, none, none],
      ['tapb', none, ['set', [6, 7]], 'trunk'],
      'dropped',
    ],
    ['a native one', ['tapa', 5, none, 'native-untagged'], ['tapb', 5, none, none], 'delivered'],
  ] as const)('of %s', (_what, a, b, verdict) => {
    expect(ask(a, b)).toBe(verdict);
  });

  it('goes by the trunks between', () => {
    const guests = [
      ['tapa', 5, none, none],
      ['tapb', 5, none, none],
    ] as const;
    expect(ask(...guests, ['t', none, ['set', [5, 6]], none])).toBe('delivered');
    expect(ask(...guests, ['t', none, ['set', [6, 7]], none])).toBe('dropped');
    expect(ask(...guests, ['u', none, 6, none])).toBe('dropped');
  });

  const fdb = (...entries: readonly (readonly [port: number | string, vlan: number])[]): string =>
    [
      ' port  VLAN  MAC                Age',
      ...entries.map(([port, vlan]) => `${String(port).padStart(5)}  ${vlan}  ${MAC.b}    7`),
      '',
    ].join('\n');
  const learnt = (entries: string, of = 'br-b') =>
    traced(normal([], { 'br-a': fdb(), [of]: entries }), { from: MAC.a, to: MAC.b });

  it('takes the port that the MAC was learnt at', () => {
    expect(learnt(fdb([10, 0])).legs[0]?.verdict).toBe('delivered');
    expect(learnt(fdb(['LOCAL', 0])).legs[0]?.verdict).toBe('dropped');
    expect(learnt(fdb([1, 0])).legs[0]?.verdict).toBe('dropped');
    // Of another VLAN it says nothing.
    expect(learnt(fdb([1, 9])).legs[0]?.verdict).toBe('delivered');
  });
});
