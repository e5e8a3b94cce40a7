import type { TreeOp } from '../../base/tree.ts';
import type { Kind } from '../objects.ts';

/** What can be wrong with a tree. */
export type FindingCode =
  /** A value that is no JSON, or not of its kind. */
  | 'Unreadable'
  /** An object whose place is not the one that its attributes give it. */
  | 'WrongPlace'
  /** An object that names one that is not there. */
  | 'Dangling'
  /** Two objects that are both what only one can be, or hold what only one can hold. */
  | 'Duplicate'
  /** An object without a node that it claims. */
  | 'ClaimMissing'
  /** A claim that says something else than its object. */
  | 'ClaimWrong'
  /** A node that no object accounts for. */
  | 'ClaimOrphan'
  /** Subnets of one VPC with addresses in common. */
  | 'PrefixOverlap'
  /** Addresses outside of what they are taken from. */
  | 'OutsideOfPrefix'
  /** A network in another VPC than its routers make it. */
  | 'WrongVpc'
  /** Objects that contradict each other. */
  | 'Contradiction'
  /** An import that was cut off. */
  | 'ImportUnfinished';

/** One thing that breaks an invariant of the tree. */
export interface Finding {
  readonly code: FindingCode;
  /** A sentence: what, which value, what would be right. */
  readonly message: string;
  /** The node that it shows at. */
  readonly path: string;
  /** The one write that puts it right; absent where that is not clear. */
  readonly fix?: TreeOp;
}

/** Takes what the checks find. */
export type Report = (code: FindingCode, path: string, message: string, fix?: TreeOp) => void;

/** `security group 1234` */
export const named = (kind: Kind, id: string): string => `${kind.replaceAll('_', ' ')} ${id}`;
