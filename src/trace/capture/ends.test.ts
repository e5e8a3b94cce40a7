import { describe, expect, it } from 'vitest';
import {
  captureOf,
  dpif,
  ENDS,
  MAC,
  traced,
  type NodeTexts,
} from '../../../test/support/captured.ts';

describe('FROM and TO', () => {
  const flows = [
    `in_port=10,ip,dl_src=${MAC.a},nw_src=10.0.0.10 actions=output:11`,
    `in_port=10,arp,dl_src=${MAC.a},arp_spa=10.0.0.10 actions=output:11`,
    'in_port=11 actions=output:10',
  ];
  const capture = (ids: NonNullable<NodeTexts['ids']> = {}) =>
    captureOf({
      n1: {
        dpif: dpif({ 'br-int': ['tapa 10/3: (system)', 'tapb 11/4: (system)'] }),
        ids,
        flows: { 'br-int': flows },
      },
    });

  it('are known by the rows against spoofing, by external_ids, or as written', () => {
    for (const [from, to] of [
      ['n1:tapa', `n1:11,ip=10.0.0.11,mac=${MAC.b}`],
      ['10.0.0.10', `n1:br-int:11,ip=10.0.0.11,mac=${MAC.b}`],
      [MAC.a.toUpperCase(), `n1:tapb,mac=${MAC.b},ip=10.0.0.11`],
    ] as const) {
      const { verdict, from: sender } = traced(capture(), { from, to });
      expect(verdict).toBe('delivered');
      expect(sender).toMatchObject({ address: '10.0.0.10', port: { mac: MAC.a, node: 'n1' } });
    }
    expect(traced(capture({ tapb: { ...ENDS.b, 'iface-id': 'two' } }), { to: 'two' }).verdict).toBe(
      'delivered',
    );
  });

  it.each([
    ['n1:tapb', 'n1:tapa', /which address it has.*n1:tapb,ip=ADDRESS/],
    ['n1:tapb,ip=10.0.0.11', 'n1:tapa', /which MAC it has.*,mac=MAC/],
    ['n1:tapa', 'n1:tapb,ip=10.0.0.11', /which MAC a frame.*router's/],
    ['n1:tapa', 'n1:tapb,ip=10.0.0.300', /10\.0\.0\.300/],
    ['n2:tapa', MAC.b, /no captured port/],
    ['n1:tapa', 'nobody', /no captured port/],
  ])('%s to %s says what is missing', (from, to, words) => {
    expect(() => traced(capture(), { from, to })).toThrow(words);
  });

  it('that are several are listed', () => {
    const twins = capture({ tapa: ENDS.a, tapb: ENDS.a });
    expect(() => traced(twins, { from: '10.0.0.10' })).toThrow(
      /n1:tapa \(br-int 10\), n1:tapb \(br-int 11\)/,
    );
  });
});
