import { describe, expect, it } from 'vitest';
import {
  captureOf,
  dpif,
  ENDS,
  MAC,
  overlay,
  pair,
  route,
  traced,
  type NodeTexts,
} from '../../../test/support/captured.ts';

describe('tunnels of other clouds', () => {
  it.each([
    ['Geneve, ends and VNI set by flows', { tunnel: () => 'geneve: key=flow, remote_ip=flow' }],
    ['GRE of one key', { tunnel: (peer: string) => `gre: key=7, remote_ip=${peer}` }],
    ['VXLAN of one key', { tunnel: (peer: string) => `vxlan: key=7, remote_ip=${peer}` }],
    [
      'over a router',
      { tunnel: (peer: string) => `vxlan: remote_ip=${peer}`, gateway: ' GW 192.0.2.254' },
    ],
  ])('%s', (_what, of) => {
    const flow = of.tunnel('').includes('remote_ip=flow');
    const capture = pair(of);
    if (!flow) expect(traced(capture).verdict).toBe('delivered');
    else expect(traced(capture).reason).toMatchObject({ code: 'lost_in_underlay' });
    const set = pair({ ...of, send: 'set_field:192.0.2.2->tun_dst,set_field:0x7->tun_id,' });
    expect(traced(set).legs[0]?.verdict).toBe('delivered');
  });

  it('carries the options of Geneve, and those of no other', () => {
    const send = 'set_field:192.0.2.2->tun_dst,set_field:0x5->tun_metadata0,';
    const receive = ',tun_metadata0=0x5';
    const geneve = pair({ tunnel: () => 'geneve: key=flow, remote_ip=flow', send, receive });
    expect(traced(geneve).legs[0]?.verdict).toBe('delivered');
    const vxlan = pair({ tunnel: () => 'vxlan: key=flow, remote_ip=flow', send, receive });
    expect(traced(vxlan).legs[0]?.verdict).toBe('dropped');
  });

  it('takes a packet in by the port that is for its sender and its VNI alone', () => {
    const foreign = pair({ tunnel: () => 'vxlan: key=9, remote_ip=192.0.2.77' });
    expect(traced(foreign).reason).toMatchObject({ code: 'not_followed', node: 'n1' });
    const keys = pair({ tunnel: (peer) => `vxlan: out_key=7, in_key=8, remote_ip=${peer}` });
    expect(traced(keys).reason).toMatchObject({ code: 'lost_in_underlay', node: 'n2' });
  });

  it('lead over IPv6', () => {
    const link = '2001:db8::';
    const fixed = pair({ link, tunnel: (peer) => `gre: key=7, remote_ip=${peer}` });
    expect(traced(fixed).verdict).toBe('delivered');
    const flow = (receive: string) =>
      traced(
        pair({
          link,
          tunnel: () => 'geneve: key=flow, remote_ip=flow',
          send: `set_field:${link}2->tun_ipv6_dst,set_field:0x7->tun_id,`,
          receive: `,tun_id=0x7${receive}`,
        }),
      ).legs[0];
    expect(flow(`,tun_ipv6_src=${link}1,tun_ipv6_dst=${link}2`)?.verdict).toBe('delivered');
    expect(flow(`,tun_ipv6_src=${link}2`)?.verdict).toBe('dropped');
    const foreign = pair({ link, tunnel: () => `vxlan: remote_ip=${link}77` });
    expect(traced(foreign).reason?.message).toContain('2001:db8::77');
  });

  it('says what it does not follow', () => {
    const { reason } = traced(pair({ tunnel: () => 'lisp: remote_ip=192.0.2.2' }));
    expect(reason).toMatchObject({ code: 'not_followed', node: 'n1' });
    expect(reason?.message).toContain('a lisp tunnel');
  });
});

describe('the bridge under the tunnels', () => {
  const underlay = (flows: readonly string[], more: Partial<NodeTexts> = {}) => {
    const node = (here: 'a' | 'b', there: 'a' | 'b', number: 1 | 2): NodeTexts => ({
      dpif: dpif({
        'br-int': [
          `t 1/2: (vxlan: key=3, remote_ip=192.0.2.${3 - number})`,
          `tap${here} 10/3: (system)`,
        ],
        'br-ex': ['eth0 1/4: (system)', 'eth1 2/5: (system)'],
      }),
      routes: route(`192.0.2.${number}`, 'br-ex'),
      ids: { [`tap${here}`]: ENDS[here] },
      flows: { 'br-int': overlay(here, there, ''), 'br-ex': flows },
      ...more,
    });
    return captureOf({ n1: node('a', 'b', 1), n2: node('b', 'a', 2) });
  };
  const PLAIN = ['in_port=LOCAL actions=output:2', 'in_port=2 actions=LOCAL'];

  it('is passed on both nodes', () => {
    const { legs } = traced(underlay(PLAIN));
    expect(legs.map(({ verdict }) => verdict)).toEqual(['delivered', 'delivered', 'delivered']);
    const bridges = legs[0]?.hops.map(({ node, bridge }) => `${node} ${bridge}`);
    expect(bridges).toEqual(['n1 br-int', 'n1 br-ex', 'n2 br-ex', 'n2 br-int']);
  });

  it('may flood by NORMAL, which says so where the packet does not arrive', () => {
    expect(traced(underlay(['actions=NORMAL'])).verdict).toBe('delivered');
    const { reason } = traced(underlay(['actions=NORMAL'], { down: ['eth0', 'eth1'] }));
    expect(reason?.code).toBe('not_followed');
    expect(reason?.message).toContain('NORMAL');
  });

  it('drops in the open, and is the end of what is in no tunnel', () => {
    expect(traced(underlay(['in_port=2 actions=LOCAL'])).reason).toMatchObject({ node: 'n1' });
    const direct = captureOf({
      n1: {
        dpif: dpif({ 'br-ex': ['eth0 1/4: (system)', 'tapa 10/3: (system)'] }),
        routes: route('192.0.2.1', 'br-ex'),
        ids: { tapa: { ...ENDS.a, 'iface-id': 'one' } },
        flows: { 'br-ex': ['in_port=10 actions=output:1'] },
      },
    });
    const { reason } = traced(direct, { from: 'one', to: `10.0.0.11,mac=${MAC.b}` });
    expect(reason).toMatchObject({ code: 'not_followed', node: 'n1' });
    expect(reason?.message).toContain('uplink eth0');
  });

  it('wants a neighbour where the datapath resolves them itself', () => {
    const head = 'IP   MAC   Bridge\n=====\n';
    const cold = underlay(PLAIN, { type: 'netdev', neighbours: head });
    expect(traced(cold).reason).toMatchObject({ code: 'cold_neighbour', node: 'n1' });
    const both = ['1', '2'].map((n) => `192.0.2.${n}  aa:00:00:00:00:0${n}   br-ex\n`).join('');
    expect(traced(underlay(PLAIN, { type: 'netdev', neighbours: head + both })).verdict).toBe(
      'delivered',
    );
    const stale = both.replaceAll('br-ex', 'br-ex   STALE');
    expect(traced(underlay(PLAIN, { type: 'netdev', neighbours: head + stale })).reason?.code).toBe(
      'cold_neighbour',
    );
    expect(traced(underlay(PLAIN, { type: 'system', neighbours: head })).verdict).toBe('delivered');
  });
});

describe('patch ports', () => {
  const patched = (
    flows: Readonly<Record<string, readonly string[]>>,
    peer = 'from-the-bridge-br-a',
  ) =>
    captureOf({
      n1: {
        dpif: dpif({
          'br-a': [
            `to-the-bridge-that-is-called-br-b 1/none: (patch: peer=${peer})`,
            'tapa 10/3: (system)',
          ],
          'br-b': [
            'from-the-bridge-br-a 7/none: (patch: peer=to-the-bridge-that-is-called-br-b)',
            'tapb 10/4: (system)',
          ],
        }),
        ids: { tapa: ENDS.a, tapb: ENDS.b },
        flows,
      },
    });
  const ends = { from: `n1:br-a:10`, to: MAC.b };

  it('lead on, and leave registers and connection behind', () => {
    const send = 'in_port=10 actions=set_field:5->reg1,set_field:6->pkt_mark,output:1';
    const receive = (match: string) => [`priority=1,in_port=7${match} actions=output:10`];
    const ask = (match: string) =>
      traced(patched({ 'br-a': [send], 'br-b': receive(match) }), ends).legs[0]?.verdict;
    expect(ask('')).toBe('delivered');
    expect(ask(',reg1=5')).toBe('dropped');
    expect(ask(',pkt_mark=6')).toBe('delivered');
  });

  it('without another end say so', () => {
    const { reason } = traced(
      patched({ 'br-a': ['in_port=10 actions=output:1'], 'br-b': [] }, 'gone'),
      ends,
    );
    expect(reason).toMatchObject({ code: 'not_followed' });
    expect(reason?.message).toContain('gone');
  });
});
