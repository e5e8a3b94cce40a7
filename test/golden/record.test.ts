/** Every flow and group that the record shows comes out of our compiler. */
import { describe, expect, it } from 'vitest';
import { besideRecord, compileRecord, lines } from '../support/record.ts';

const compiled = compileRecord();

describe('the record', () => {
  it('shows 56 flows and 3 groups in its chapters 3 to 5', () => {
    expect(lines.filter(({ kind }) => kind === 'flow').length).toBe(56);
    expect(lines.filter(({ kind }) => kind === 'group').length).toBe(3);
    const chapters = new Map<string, number>();
    for (const { chapter } of lines) chapters.set(chapter, (chapters.get(chapter) ?? 0) + 1);
    expect(Object.fromEntries(chapters)).toEqual({
      '3.2': 25,
      '4.1': 4,
      '4.2': 11,
      '4.3': 17,
      '5': 2,
    });
  });

  it.each(lines)('$kind of $chapter on $node: $text', (line) => {
    const { wanted, found } = besideRecord(line, compiled);
    expect(wanted.length).toBe(1);
    expect(found).toEqual(wanted);
  });
});
