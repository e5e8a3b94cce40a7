/** A value under a mask as loads of runs of bits, the form that it had before OpenFlow 1.5. */
import type { Field } from './fields.ts';
import type { Action, Subfield } from './flow.ts';

/** Bits that one NXAST_REG_LOAD can carry. */
const LOAD_BITS = 64;

const ones = (bits: number) => (1n << BigInt(bits)) - 1n;

const experimenters: ReadonlySet<string> = new Set(['ONFOXM_ET', 'NXOXM_ET', 'NXOXM_NSH']);

/** Whether actions name the field by an experimenter's number, for which older ones have no room. */
export function isExperimenter({ oxm }: Field): boolean {
  const classes = Object.keys(oxm);
  return (
    classes.some((name) => experimenters.has(name)) &&
    !classes.some((name) => name.startsWith('NXM_'))
  );
}

/**
 * Whether NXAST_REG_LOAD can name the field and knows its width. Others, those of NSH and tunnel options,
 * travel with their mask before OpenFlow 1.5 too (NXAST_REG_LOAD2).
 */
export function fitsLoad(field: Field): boolean {
  return !isExperimenter(field) && field.present === undefined;
}

/** Widths of values in messages. */
const SIZES: ReadonlySet<number> = new Set([8, 16, 32, 48, 64, 128, 992]);

/** Whether the value of the field has no bits to spare in a message: else a mask of all its bits is no exact match. */
export function fillsBytes({ namedBits }: Field): boolean {
  return SIZES.has(namedBits);
}

/** Ones where a subfield lies in its field. */
export function subfieldMask({ first, bits }: Subfield): bigint {
  return ones(bits) << BigInt(first);
}

/**
 * The loads that write `value` into `field` under `mask`: one a run of ones, 64 bits at most, lowest first. Such
 * is how a masked set_field travels before OpenFlow 1.5, and how a switch prints it.
 */
export function loadsOf(
  field: Field,
  { value, mask }: { readonly value: bigint; readonly mask: bigint },
): Extract<Action, { kind: 'load' }>[] {
  const loads: Extract<Action, { kind: 'load' }>[] = [];
  let first = 0;
  while (mask >> BigInt(first) !== 0n) {
    if (((mask >> BigInt(first)) & 1n) === 0n) {
      first += 1;
      continue;
    }
    let bits = 1;
    while (bits < LOAD_BITS && ((mask >> BigInt(first + bits)) & 1n) === 1n) bits += 1;
    loads.push({
      kind: 'load',
      value: (value >> BigInt(first)) & ones(bits),
      target: { field, first, bits },
    });
    first += bits;
  }
  return loads;
}
