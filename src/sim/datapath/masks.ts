import type { Field } from '../../openflow/fields.ts';

/** Bits of a field that the datapath's flow matches, and so may write. */
export type Masks = (field: Field) => bigint;
