/** What both ends of the stream do with a text before they believe it. */
import { Failure } from '../../base/failure.ts';

/** A compiled schema, as far as it is used here. */
interface Schema {
  Check(value: unknown): boolean;
  Errors(value: unknown): { keyword: string; instancePath: string; message: string }[];
}

const invalid = (message: string) => new Failure('invalid', 'StreamMessageInvalid', message);

/**
 * Reads a message whose `type` picks its schema.
 * @returns null for a type without a schema.
 * @throws {Failure} invalid: no JSON object with a type, or not of its schema; names the field.
 */
export function parseTyped(
  text: string,
  schemas: Readonly<Record<string, Schema>>,
): { readonly type: string } | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid('a message is not JSON');
  }
  if (!isTyped(value)) throw invalid('a message must be an object with a type');
  const schema = Object.hasOwn(schemas, value.type) ? schemas[value.type] : undefined;
  if (schema === undefined) return null;
  if (schema.Check(value)) return value;
  const [error] = schema.Errors(value);
  // Forbidden fields are those whose schema is `false`.
  const why = error?.keyword === 'boolean' ? 'is not expected' : error?.message;
  throw invalid(`${value.type}${error?.instancePath ?? ''} ${why ?? 'is malformed'}`);
}

const isTyped = (value: unknown): value is { type: string } =>
  typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
