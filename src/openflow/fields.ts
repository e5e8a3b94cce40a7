/**
 * Every match field as one declaration: its name in each notation, its width, how it prints, where
 * it lies in a flow key, and its number in messages. Parser, printer, codec, classifier and
 * simulator all read this table, so
 * overlays need no code: xxreg0 *is* reg0..reg3, tcp_src and udp_src share one place, as in
 * ovs-fields(7).
 */
import type { Field } from './field.ts';
import { linkFields } from './fields-link.ts';
import { networkFields } from './fields-network.ts';
import { pipelineFields } from './fields-pipeline.ts';
import { transportFields } from './fields-transport.ts';
import { tunnelFields } from './fields-tunnel.ts';

export { tunnelOption } from './fields-tunnel.ts';

export {
  KEY_WORDS,
  LONGEST_OPTION,
  LONG_KEY_WORDS,
  PLACES,
  type Field,
  type FieldFormat,
  type FlowKey,
  type OxmClass,
  type Prerequisite,
} from './field.ts';

const declarations: readonly Field[] = [
  ...pipelineFields,
  ...tunnelFields,
  ...linkFields,
  ...networkFields,
  ...transportFields,
];

/** All fields by `name`. */
export const FIELDS: ReadonlyMap<string, Field> = new Map(declarations.map((f) => [f.name, f]));

/**
 * The field called `name`.
 * @throws {RangeError} when there is none: a programming error, user input goes through the parser.
 */
export function field(name: string): Field {
  const found = FIELDS.get(name);
  if (found === undefined) throw new RangeError(`no field is called ${name}`);
  return found;
}
