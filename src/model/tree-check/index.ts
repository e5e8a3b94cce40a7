/**
 * Whether a tree is whole: every invariant that plans keep, held against what is there. Pure, in
 * one pass over the entries and a few over the objects.
 */
import { checkClaims } from './claims.ts';
import type { Finding, Report } from './finding.ts';
import { readTree, type TreeEntry } from './read.ts';
import { checkReferences } from './references.ts';
import { checkRelations } from './relations.ts';
import { VPC_CHECKS } from './vpcs.ts';

export type { Finding } from './finding.ts';
export { IMPORTING, type TreeEntry } from './read.ts';

const CHECKS = [checkReferences, checkClaims, ...VPC_CHECKS, checkRelations] as const;

/**
 * Everything that is wrong with a tree, given as all its objects in the store's sense.
 * @returns nothing for a tree that only plans have written.
 */
export function checkTree(entries: Iterable<TreeEntry>): readonly Finding[] {
  const findings: Finding[] = [];
  const report: Report = (code, path, message, fix) => {
    findings.push({ code, path, message, ...(fix === undefined ? {} : { fix }) });
  };
  const tree = readTree(entries, report);
  for (const check of CHECKS) check(tree, report);
  return findings;
}
