/** No bytes whatever upset the responder. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { respond, type PacketToAgent } from '../../src/responder/index.ts';
import { PURPOSE } from '../../src/pipeline/registers.ts';
import { clientWith } from './network.ts';
import { dhcp, dhcpv6, expired, ip, ipv4, ipv6, nd, OWN_LINK_LOCAL } from './questions.ts';

const client = clientWith({
  port: {
    allowed_address_pairs: [{ ip_address: '2001:db8::/32', mac_address: 'fa:16:3e:00:00:01' }],
  },
});

const own4 = ip('178.1.3.2');
const own6 = ip('2001:db8:3::2');
const probe = { kind: 'neighbour_solicitation', target: ip('2001:db8:3::9'), options: [] } as const;

/** Proper questions of every kind, to be spoilt. */
const QUESTIONS: readonly PacketToAgent[] = [
  dhcp(1, [
    [55, [1, 3, 6, 121]],
    [61, [1, 2, 3]],
  ]),
  dhcp(3, [
    [50, [178, 1, 3, 2]],
    [54, [178, 1, 3, 1]],
  ]),
  dhcpv6(1, [
    { code: 1, data: new Uint8Array(10) },
    { code: 3, data: new Uint8Array(12) },
    { code: 6, data: Uint8Array.of(0, 23) },
  ]),
  nd({ kind: 'router_solicitation', options: [] }, OWN_LINK_LOCAL, ip('ff02::2')),
  nd(probe, OWN_LINK_LOCAL, ip('ff02::1:ff00:9')),
  expired(
    ipv4({
      source: own4,
      destination: ip('10.5.5.5'),
      protocol: 17,
      ttl: 1,
      payload: new Uint8Array(40),
    }),
  ),
  expired(ipv6({ source: own6, destination: 5n }, 17, new Uint8Array(40), 1)),
];

test('every question is proper before it is spoilt', () => {
  for (const question of QUESTIONS) expect(respond(question, client).kind).toBe('reply');
});

test('no spoilt question upsets the responder', () => {
  const spoil = fc.record({
    question: fc.constantFrom(...QUESTIONS),
    flips: fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 6 }),
    cut: fc.option(fc.nat(400), { nil: null }),
    more: fc.uint8Array({ maxLength: 60 }),
  });
  fc.assert(
    fc.property(spoil, ({ question, flips, cut, more }) => {
      const frame = Uint8Array.from([...question.frame, ...more]);
      for (const [at, value] of flips) if (at < frame.length) frame[at] = value;
      const answer = respond(
        { ...question, frame: frame.subarray(0, cut ?? frame.length) },
        client,
      );
      if (answer.kind === 'reply') expect(answer.frame.length).toBeLessThanOrEqual(14 + 1500);
    }),
    { seed: 20_261_122, numRuns: 20_000 },
  );
});

test('no bytes upset the responder, whatever they are taken for', () => {
  const purposes = [...Object.values(PURPOSE), 0, 99];
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 2000 }),
      fc.constantFrom(...purposes),
      fc.boolean(),
      (frame, of, ttl) => {
        const reason = ttl ? 'invalid_ttl' : 'action';
        const answer = respond({ reason, userdata: Uint8Array.of(of), frame }, client);
        expect(answer.kind).toBe('silence');
      },
    ),
    { seed: 20_261_122, numRuns: 2000 },
  );
});

test('the longest frames are read in no time, and answered shortly', () => {
  const options = (value: number) => Array.from({ length: 30_000 }, () => value);
  const endless = dhcp(1, [
    [55, options(1)],
    [61, options(0)],
  ]);
  const many = Array.from({ length: 3000 }, () => ({ code: 3, data: new Uint8Array(12) }));
  const listing = dhcpv6(1, [{ code: 1, data: new Uint8Array(4) }, ...many]);
  for (const question of [endless, listing]) {
    const answer = respond(question, client);
    expect(answer.kind === 'reply' ? answer.frame.length : 0).toBeLessThan(1500);
  }
});
