import { describe, expect, it } from 'vitest';
import { freshNode } from '../../test/support/programs.ts';
import { LocalState, MAX_VID } from './local-state.ts';

const at = (ofport: number, vid?: number | null) => ({
  ofport,
  interface: `vhu${ofport}`,
  ...(vid !== undefined && { vid }),
});

describe('LocalState', () => {
  it('gives a port a vid that no other has, and keeps it while it is plugged', () => {
    const local = freshNode('node1');
    const first = local.attach('a', at(1, null)).vid;
    const second = local.attach('b', at(2, null)).vid;
    expect(second).not.toBe(first);
    expect(local.attach('a', at(1, null)).vid).toBe(first);
    expect([...local.attached()]).toEqual(['a', 'b']);
  });

  it('knows whose a vid is', () => {
    const local = freshNode('node1');
    const first = local.attach('a', at(1, null)).vid;
    const second = local.attach('a', at(9, null)).vid;
    expect(local.portOf(first)).toBeUndefined();
    expect(local.portOf(second)).toBe('a');
    expect(local.attach('b', at(2, first)).vid).toBe(first);
    local.detach('a');
    expect([local.portOf(first), local.portOf(second)]).toEqual(['b', undefined]);
  });

  it('gives a freed vid out last', () => {
    const local = freshNode('node1');
    const freed = local.attach('a', at(1, null)).vid;
    local.detach('a');
    expect(local.attachment('a')).toBeUndefined();
    const given = Array.from({ length: MAX_VID }, (_, i) => local.attach(`p${i}`, at(i, null)).vid);
    expect(given.indexOf(freed)).toBe(MAX_VID - 1);
    expect(new Set(given).size).toBe(MAX_VID);
    expect(() => local.attach('one more', at(0, null))).toThrow(/65000 vids/);
  });

  it('treats an interface plugged anew as a new one', () => {
    const local = freshNode('node1');
    const first = local.attach('a', at(1, null)).vid;
    expect(local.attach('a', at(9, null)).vid).not.toBe(first);
  });

  it('goes on with the numbers it kept', () => {
    const before = freshNode('node1');
    const vid = before.attach('a', at(1, null)).vid;
    before.attach('b', at(2, null));
    before.detach('a');
    const again = before.attach('a', at(1, null)).vid;
    const network = before.networkId('vpc');
    expect(again).not.toBe(vid);

    const after = new LocalState(before.identity, before.kept());
    expect(after.networkId('vpc')).toBe(network);
    expect(after.networkId('other')).not.toBe(network);
    expect(after.attach('c', at(3, null)).vid).not.toBe(again);
    expect(after.attach('a', at(1)).vid).toBe(again);
    expect(after.kept().vids).toEqual({ ...before.kept().vids, c: after.attachment('c')?.vid });
  });

  it('takes the vid that is stored with an interface, unless another port has it', () => {
    const local = freshNode('node1');
    expect(local.attach('a', at(1, 39)).vid).toBe(39);
    expect(local.attach('b', at(2, 39)).vid).not.toBe(39);
    expect(local.attach('c', at(3, 45)).vid).toBe(45);
  });

  it('numbers networks from 1 to 4095 and takes numbers back', () => {
    const local = freshNode('node1');
    const ids = Array.from({ length: 4095 }, (_, i) => local.networkId(`vpc${i}`));
    expect(new Set(ids).size).toBe(4095);
    expect(Math.min(...ids)).toBe(1);
    expect(() => local.networkId('one more')).toThrow(/4095/);
    local.releaseNetwork('vpc7');
    expect(local.networkId('one more')).toBe(ids[7]);
  });
});
