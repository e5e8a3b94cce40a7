import { describe, expect, test } from 'vitest';
import { clashOf, creates, deletes, faultOf, reads, releases, takes, updates } from './history.ts';

/** Of `a` at times `called` to `answered`. */
const at = (called: number, answered: number | null, server = 'a') => ({
  server,
  called,
  answered,
});
const seen = (revision: number, mark: string) => ({ revision, mark });
const made = creates({ ...at(0, 1), made: seen(1, 'new') });
const update = (
  bounds: ReturnType<typeof at>,
  mark: string,
  revision: number | null,
  match: number | null = null,
) => updates({ ...bounds, mark, match, changed: revision === null ? null : seen(revision, mark) });

describe('what can have happened', () => {
  test('operations one after the other, and at once in whatever order explains them', () => {
    expect(
      faultOf([
        made,
        update(at(2, 9), 'x', 3),
        update(at(3, 5), 'y', 2, 1),
        reads({ ...at(4, 6, 'b'), found: seen(1, 'new') }),
        reads({ ...at(10, 11), found: seen(3, 'x') }),
        deletes(at(12, 13)),
        reads({ ...at(14, 15), found: null }),
      ]),
    ).toBeNull();
  });

  test('a server that is behind, as long as it never goes back', () => {
    const after = [made, update(at(2, 3), 'x', 2)];
    const old = reads({ ...at(4, 5, 'b'), found: seen(1, 'new') });
    const now = reads({ ...at(6, 7, 'b'), found: seen(2, 'x') });
    expect(faultOf([...after, old, now])).toBeNull();
    const older = reads({ ...at(5, 6, 'b'), found: seen(1, 'new') });
    expect(faultOf([...after, old, older, now])).toBeNull();
    const back = reads({ ...at(8, 9, 'b'), found: seen(1, 'new') });
    expect(faultOf([...after, old, now, back])).toMatch(
      /not to be explained.*\n.*read → revision 1/,
    );
  });

  test('what was never answered, done or not, and late', () => {
    const lost = update(at(2, null), 'lost', null);
    expect(faultOf([made, lost, update(at(5, 6), 'x', 2)])).toBeNull();
    expect(faultOf([made, lost, update(at(5, 6), 'x', 3)])).toBeNull();
    expect(
      faultOf([
        made,
        lost,
        update(at(5, 6), 'x', 2),
        reads({ ...at(7, 8), found: seen(3, 'lost') }),
      ]),
    ).toBeNull();
    expect(faultOf([made, deletes(at(2, null)), reads({ ...at(3, 4), found: null })])).toBeNull();
  });
});

describe('what cannot have happened', () => {
  test('an update that is lost: two of the same revision', () => {
    expect(faultOf([made, update(at(2, 9), 'x', 2), update(at(3, 8), 'y', 2)])).not.toBeNull();
    expect(
      faultOf([made, update(at(2, 9), 'x', 2, 1), update(at(3, 8), 'y', 2, 1)]),
    ).not.toBeNull();
    expect(
      faultOf([made, update(at(2, 3), 'x', 2), reads({ ...at(9, 10), found: seen(1, 'new') })]),
    ).not.toBeNull();
  });

  test('an acknowledged update that comes after a later one', () => {
    expect(faultOf([made, update(at(2, 3), 'x', 3), update(at(4, 5), 'y', 2)])).not.toBeNull();
  });

  test('a read that does not show what its server has acknowledged', () => {
    const stale = reads({ ...at(4, 5), found: seen(1, 'new') });
    expect(faultOf([made, update(at(2, 3), 'x', 2), stale])).not.toBeNull();
  });

  test('an object that is there after its deletion, or is changed, or deleted twice', () => {
    const gone = [made, deletes(at(2, 3))];
    expect(faultOf([...gone, reads({ ...at(4, 5), found: seen(1, 'new') })])).not.toBeNull();
    expect(faultOf([...gone, update(at(4, 5), 'x', 2)])).not.toBeNull();
    expect(faultOf([...gone, deletes(at(4, 5, 'b'))])).not.toBeNull();
  });

  test('an update made of nothing, or shown without having been made', () => {
    expect(faultOf([made, reads({ ...at(4, 5, 'b'), found: seen(2, 'ghost') })])).not.toBeNull();
    expect(faultOf([update(at(2, 3), 'x', 2)])).not.toBeNull();
  });
});

describe('what one at a time may hold', () => {
  test('goes from one to the next', () => {
    expect(
      clashOf([
        takes({ ...at(0, 1), holder: 'p' }),
        releases({ ...at(2, 6), holder: 'p' }),
        takes({ ...at(3, 5, 'b'), holder: 'q' }),
      ]),
    ).toBeNull();
  });

  test('is no duplicate', () => {
    const both = [takes({ ...at(0, 5), holder: 'p' }), takes({ ...at(1, 6, 'b'), holder: 'q' })];
    expect(clashOf(both)).not.toBeNull();
    expect(clashOf([...both, releases({ ...at(7, 8), holder: 'p' })])).not.toBeNull();
    expect(clashOf([...both, releases({ ...at(2, null), holder: 'p' })])).toBeNull();
  });
});
