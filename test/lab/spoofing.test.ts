/**
 * Nobody speaks as somebody else on real nodes: raw frames from a VM's cable, and none arrives
 * anywhere. Each is counted, once, by a row that drops.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FABRIC, uplinkMac, VLAN } from '../../src/lab/names.ts';
import { BRIDGES } from '../../src/pipeline/compiler.ts';
import { dropCode, type DropCode } from '../../src/pipeline/drops.ts';
import { ethernet, ipv4, tagged, udp, vxlan, type Frame } from '../support/frames.ts';
import { FRAGMENTED, LIES, TRUTHS, type Outcome } from '../support/spoofing/lies.ts';
import type { Sent } from '../support/spoofing/sending.ts';
import { VM } from '../support/spoofing/world.ts';
import { Bench, describeLab, eventually } from './harness.ts';
import { furnish, nameOf, underlay, type Name, type World } from './spoofing-world.ts';
import { pause, sendFrames } from './traffic.ts';

/** Frames a second: each of them is new to the switch, and none may be lost before it is judged. */
const RATE = 500;
const BOTH = ['node1', 'node2'];

const bytes = ({ bytes: octets }: Frame): Uint8Array => Uint8Array.from(octets);

/** Tells one datagram's fragments from another's: RFC 791 §3.1, RFC 8200 §4.5. */
const idOf = (frame: Uint8Array): string => {
  const view = new DataView(frame.buffer, frame.byteOffset);
  return frame[12] === 0x08 ? `IPv4 ${view.getUint16(18)}` : `IPv6 ${view.getUint32(58)}`;
};

const MACS = ['02:00:00:00:00:00', '02:00:00:00:00:01', '04:00:00:00:00:07', '05:12:34:56:78:9a'];

/** What an agent does not answer. */
const told = TRUTHS.filter(({ outcome }) => outcome !== 'agent');

describeLab('a VM that lies', () => {
  let bench: Bench;
  let world: World;
  /** Frames sent so far that must have come to a row that drops. */
  let lies = 0;
  /** Frames that were looked at already. */
  const seen = new Map<Name, number>();

  beforeAll(async () => {
    bench = await Bench.up();
    world = await furnish(bench);
  });
  afterAll(() => bench?.down());

  /** What has come to each VM since it was last asked. */
  function arrived(): { readonly at: Name; readonly frame: Uint8Array }[] {
    return [...world.seats].flatMap(([at, { capture }]) => {
      const frames = capture.frames();
      const fresh = frames.slice(seen.get(at) ?? 0);
      seen.set(at, frames.length);
      return fresh.map((frame) => ({ at, frame }));
    });
  }

  const arrivals = (): Name[] =>
    arrived()
      .map(({ at }) => at)
      .toSorted();

  /** Packets that rows which drop have met, on all nodes, for a reason or any. */
  async function dropped(code?: DropCode): Promise<number> {
    let sum = 0;
    for (const node of BOTH) {
      for (const bridge of BRIDGES) {
        for (const { flow, packets } of await bench.flows(node, bridge)) {
          if (flow.actions.length > 0) continue;
          if (code === undefined || dropCode(flow, bridge) === code) sum += packets;
        }
      }
    }
    return sum;
  }

  async function send(from: Name, frames: readonly Frame[]): Promise<void> {
    const seat = world.seats.get(from);
    if (seat === undefined) throw new Error(`no ${from}`);
    await sendFrames(seat.netns, frames.map(bytes), { rate: RATE });
  }

  async function sendAll(list: readonly Sent[]): Promise<void> {
    for (const [name, vm] of Object.entries(VM)) {
      const frames = list.filter(({ from }) => from === vm).map(({ frame }) => frame);
      if (frames.length > 0) await send(name as Name, frames);
    }
  }

  test('has the fragments of what it may say sent on, and no others', async () => {
    for (const { from, frames } of FRAGMENTED) await send(nameOf(from), frames);
    const wanted = FRAGMENTED.flatMap(({ frames, arrive }) => {
      lies += frames.length - arrive;
      return frames.slice(0, arrive).map((frame) => `victim ${idOf(bytes(frame))}`);
    });
    const got: string[] = [];
    const all = () => {
      got.push(...arrived().map(({ at, frame }) => `${at} ${idOf(frame)}`));
      return got.length >= wanted.length;
    };
    await eventually('they arrive', all).catch(() => undefined);
    expect(got.toSorted()).toEqual(wanted.toSorted());
  });

  test(`is not heard with any of ${LIES.length} lies`, async () => {
    await sendAll(LIES);
    lies += LIES.length;
    const counted = async () => (await dropped()) > LIES.length;
    await eventually('most of them are counted', counted).catch(() => undefined);
    expect(arrived()).toEqual([]);
  });

  test('is heard when it speaks the truth', async () => {
    const goal: Partial<Record<Outcome, Name>> = { tunnel: 'remote' };
    const wanted = told.map(({ outcome, from }): Name => {
      if (outcome === 'back') return nameOf(from);
      return goal[outcome] ?? (outcome.slice('to '.length) as Name);
    });
    arrived();
    await sendAll(told);
    const got: Name[] = [];
    await eventually('all arrive', () => got.push(...arrivals()) >= wanted.length);
    expect(got.toSorted()).toEqual(wanted.toSorted());
  });

  /** A frame of `remote` to the victim as node2's tunnel sends it, put into node1's cable. */
  function fromUnderlay(vni: number, vlan: number): Promise<void> {
    const [here, there] = BOTH.map((node) => bench.lab.node(node).vtep);
    if (here === undefined || there === undefined) throw new Error('a node is missing');
    const { remote, victim } = VM;
    const inner = ethernet(remote.mac, '02:00:00:00:00:00', ipv4(remote.ip, victim.ip, udp(1, 2)));
    const outer = tagged(vlan, ipv4(there, here, vxlan(vni, inner)));
    const frame = ethernet(uplinkMac(there, 0), uplinkMac(here, 0), outer);
    return sendFrames(FABRIC, [bytes(frame)], { device: underlay('node1') });
  }

  test('is not heard from the underlay: an unknown VNI, another VLAN', async () => {
    const { vni } = world;
    arrived();
    await fromUnderlay(vni, VLAN);
    const got: Name[] = [];
    await eventually('the known one arrives', () => got.push(...arrivals()) > 0);
    expect(got).toEqual(['victim']);
    const [unknown, foreign] = [await dropped('unknown_vni'), await dropped('not_underlay')];
    const strange = [0, vni + 77, 0xffffff];
    const elsewhere = [0, VLAN + 1];
    lies += strange.length + elsewhere.length;
    for (const it of strange) await fromUnderlay(it, VLAN);
    for (const vlan of elsewhere) await fromUnderlay(vni, vlan);
    await eventually('unknown VNIs are counted', async () => {
      return (await dropped('unknown_vni')) === unknown + strange.length;
    });
    await eventually('other VLANs are counted', async () => {
      return (await dropped('not_underlay')) === foreign + elsewhere.length;
    });
    expect(arrived()).toEqual([]);
  });

  test.each([...MACS, 'fe:ff:ff:ff:ff:ff', '01:00:5e:00:00:01'])(
    'is not given the MAC %s',
    async (mac_address) => {
      const network = await bench.vpc('refused', '10.0.0.0/16');
      await bench.subnet(network, '10.0.0.0/24');
      const refused = /: 400 .*mac_address/;
      await expect(bench.port(network, { mac_address })).rejects.toThrow(refused);
      const allowed_address_pairs = [{ ip_address: '10.0.0.77', mac_address }];
      await expect(bench.port(network, { allowed_address_pairs })).rejects.toThrow(refused);
      const port = await bench.port(network);
      for (const change of [{ mac_address }, { allowed_address_pairs }]) {
        await expect(bench.rest('PUT', `ports/${port}`, { port: change })).rejects.toThrow(refused);
      }
    },
  );

  test('has each lie counted, once', async () => {
    // Conntrack may keep a part of a datagram that was dropped for as long as it waits for others,
    // and looks at the time when it is given a packet.
    const counted = async () => {
      await sendAll(told);
      await pause(1000);
      return (await dropped()) >= lies;
    };
    await eventually('all are counted', counted, 40).catch(() => undefined);
    expect(await dropped()).toBe(lies);
  });
});
