import { describe, expect, it } from 'vitest';
import { CT_STATE } from '../openflow/build.ts';
import { parsePacket } from '../openflow/text/index.ts';
import { Conntrack, untracked, type CtRequest } from './conntrack.ts';

const { new: fresh, est, rpl, inv, trk, snat, dnat } = CT_STATE;
const LOOK: CtRequest = {
  zone: 5,
  commit: false,
  force: false,
  nat: null,
  mark: null,
  label: null,
};
const COMMIT: CtRequest = { ...LOOK, commit: true };

const to = 'udp,ip_src=10.0.0.1,ip_dst=10.0.0.2,udp_src=40000,udp_dst=53';
const fro = 'udp,ip_src=10.0.0.2,ip_dst=10.0.0.1,udp_src=53,udp_dst=40000';

function see(conntrack: Conntrack, packet: string, request = LOOK, now = 0): number {
  const tracking = untracked();
  conntrack.track(parsePacket(packet), tracking, request, now);
  return tracking.state;
}

describe('conntrack', () => {
  it('calls a packet new until a reply was seen', () => {
    const conntrack = new Conntrack();
    expect(see(conntrack, to, COMMIT)).toBe(trk | fresh);
    expect(see(conntrack, to)).toBe(trk | fresh);
    expect(see(conntrack, fro)).toBe(trk | est | rpl);
    expect(see(conntrack, to)).toBe(trk | est);
  });

  it('knows nothing that was not committed, in another zone, expired or flushed', () => {
    const conntrack = new Conntrack();
    see(conntrack, to);
    expect(see(conntrack, fro)).toBe(trk | fresh);
    see(conntrack, to, COMMIT);
    expect(see(conntrack, fro, { ...LOOK, zone: 6 })).toBe(trk | fresh);
    expect(see(conntrack, fro, LOOK, 60_000)).toBe(trk | fresh);
    expect(see(conntrack, fro, LOOK, 59_999)).toBe(trk | est | rpl);
    conntrack.flush(6);
    expect(see(conntrack, fro)).toBe(trk | est | rpl);
    conntrack.flush(5);
    expect(see(conntrack, fro)).toBe(trk | fresh);
  });

  it('picks TCP up in mid-stream, but not with a SYN+ACK or without any flag', () => {
    const tcp = (flags: string) =>
      `tcp,ip_src=10.0.0.1,ip_dst=10.0.0.2,tcp_src=9,tcp_dst=8,tcp_flags=${flags}`;
    expect(see(new Conntrack(), tcp('ack'))).toBe(trk | fresh);
    expect(see(new Conntrack(), tcp('syn'))).toBe(trk | fresh);
    expect(see(new Conntrack(), tcp('syn|ack'))).toBe(trk | inv);
    expect(see(new Conntrack(), tcp('0'))).toBe(trk | inv);
  });

  it('calls neighbour discovery, ICMP errors and lone echo replies invalid', () => {
    for (const packet of [
      'icmp6,ipv6_src=fe80::1,ipv6_dst=fe80::2,icmp_type=135,icmp_code=0',
      'icmp,ip_src=10.0.0.1,ip_dst=10.0.0.2,icmp_type=3,icmp_code=1',
      'icmp,ip_src=10.0.0.1,ip_dst=10.0.0.2,icmp_type=0,icmp_code=0',
      'arp,arp_spa=10.0.0.1',
    ]) {
      expect(see(new Conntrack(), packet, COMMIT), packet).toBe(trk | inv);
    }
  });

  it('forks for nothing, and the fork changes nothing', () => {
    const conntrack = new Conntrack();
    see(conntrack, to, COMMIT);
    const scratch = conntrack.fork();
    expect(see(scratch, fro)).toBe(trk | est | rpl);
    expect(see(scratch, to)).toBe(trk | est);
    expect(see(conntrack, to)).toBe(trk | fresh);
    scratch.flush();
    expect(see(scratch, fro)).toBe(trk | fresh);
    expect(see(conntrack, fro)).toBe(trk | est | rpl);
    expect([...conntrack.connections(0)]).toHaveLength(1);
    expect([...scratch.connections(0)]).toHaveLength(0);
  });

  it('translates, and back', () => {
    const conntrack = new Conntrack();
    const nat = {
      direction: 'src',
      address: { from: 0x09090909n, to: 0x09090909n, version: 4 },
    } as const;
    const key = parsePacket(to);
    const tracking = untracked();
    conntrack.track(key, tracking, { ...COMMIT, nat }, 0);
    expect(tracking.state).toBe(trk | fresh | snat);
    expect(key).toEqual(parsePacket(to.replace('10.0.0.1', '9.9.9.9')));
    const reply = parsePacket(fro.replace('10.0.0.1', '9.9.9.9'));
    const answered = untracked();
    conntrack.track(reply, answered, { ...LOOK, nat: {} }, 0);
    expect(answered.state).toBe(trk | est | rpl | dnat);
    expect(reply).toEqual(parsePacket(fro));
  });
});
