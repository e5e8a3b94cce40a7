/** What is fuzzed, and how inputs of its kind are made. */
import type { Draw } from '../test/differential/match-generator.ts';
import { campaign, type Extent, type Report } from './campaign.ts';
import { byteForm } from './forms/bytes.ts';
import { textForm } from './forms/text.ts';

/** Texts or bytes: how they are changed at random, and made smaller. */
export interface Form<I> {
  /** In characters or bytes. */
  size(input: I): number;
  /** One random change, perhaps with a piece of another input. */
  mutate(draw: Draw, input: I, other: I): I;
  /** The input with some piece of it repeated, to any size. */
  stretch(draw: Draw, input: I): (size: number) => I;
  without(input: I, from: number, to: number): I;
  /** So that it can be kept in a source file. */
  show(input: I): string;
}

/** An input is read, refused as the parser declares it, or shows a fault. */
export type Verdict = 'taken' | 'refused' | { readonly fault: string };

export interface Subject<I> {
  readonly name: string;
  /** How many inputs it gets, against the others. */
  readonly share: number;
  /** Legal inputs, from which all others come. */
  samples(): readonly I[];
  /** Makes lengths and sums right again, so that a mutation reaches further than the first check. */
  readonly mend?: (input: I) => I;
  /** What is thrown within is a fault too. */
  judge(input: I): Verdict;
  /** Inputs that once were faults, by what was wrong. */
  readonly kept?: Readonly<Record<string, I>>;
}

/** A subject whose kind of input nobody else needs to know. */
export interface Target {
  readonly name: string;
  readonly share: number;
  /** The faults among the kept inputs; none is expected. */
  keptFaults(): string[];
  campaign(extent: Extent): Report;
}

function closed<I>(form: Form<I>, subject: Subject<I>): Target {
  const { name, share, kept = {} } = subject;
  return {
    name,
    share,
    keptFaults: () =>
      Object.entries(kept).flatMap(([what, input]) => {
        const verdict = subject.judge(input);
        return typeof verdict === 'string' ? [] : [`${what}: ${verdict.fault}`];
      }),
    campaign: (extent) => campaign(form, subject, extent),
  };
}

export const textTarget = (subject: Subject<string>): Target => closed(textForm, subject);
export const byteTarget = (subject: Subject<Uint8Array>): Target => closed(byteForm, subject);
