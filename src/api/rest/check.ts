import type { TSchema } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';
import type { TLocalizedValidationError } from 'typebox/error';
import { Failure } from '../../base/failure.ts';
import { describe } from './schemas.ts';

/** Characters of a wrong value that its message repeats. */
const SHOWN = 64;

/** `value` as JSON, cut to what a person wants to read. */
export function shorten(value: unknown): string {
  // JSON has no number beyond 1.8e308: one that was sent was read as Infinity.
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length <= SHOWN ? text : `${text.slice(0, SHOWN)}… (${text.length} characters)`;
}

export function badRequest(
  message: string,
  details: ConstructorParameters<typeof Failure>[3] = {},
): Failure {
  return new Failure('invalid', 'HTTPBadRequest', message, details);
}

const validators = new WeakMap<TSchema, Validator>();

function validatorOf(schema: TSchema): Validator {
  let validator = validators.get(schema);
  if (validator === undefined) validators.set(schema, (validator = Compile(schema)));
  return validator;
}

/**
 * Holds the value of the attribute `name` against its type.
 * @throws {Failure} HTTPBadRequest naming the innermost field, its value and what would be right.
 */
export function checkAttribute(name: string, schema: TSchema, value: unknown): void {
  const validator = validatorOf(schema);
  if (!validator.Check(value)) throw complaint(name, schema, value, validator.Errors(value));
}

/** The complaint about the innermost part that is wrong, as a nullable object is wrong twice. */
function complaint(
  name: string,
  schema: TSchema,
  value: unknown,
  errors: readonly TLocalizedValidationError[],
): Failure {
  const unknown = errors.find((error) => error.keyword === 'additionalProperties');
  const error = unknown ?? errors.reduce(deeper);
  const path = error.instancePath.split('/').slice(1).map(unescape);
  const found = path.reduce<unknown>(member, value);
  const field = name + path.map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`)).join('');
  const wanted = schemaAt(schema, path);
  if (error.keyword === 'additionalProperties') {
    const names = error.params.additionalProperties.map(cut).join("', '");
    return badRequest(`Unrecognized attribute(s) '${names}' in ${field}`, {
      field,
      value: shorten(found),
      remedy: `give ${describe(wanted)}`,
    });
  }
  if (error.keyword === 'required') {
    const missing = `${field}.${error.params.requiredProperties.join(`, ${field}.`)}`;
    return badRequest(`Invalid input for ${field}. Reason: ${missing} is missing`, {
      field: missing,
      value: shorten(found),
      remedy: `give ${describe(wanted)}`,
    });
  }
  const remedy = describe(wanted);
  return badRequest(`Invalid input for ${field}. Reason: ${shorten(found)} is not ${remedy}`, {
    field,
    value: shorten(found),
  });
}

const depth = (error: TLocalizedValidationError): number => error.instancePath.split('/').length;

const deeper = (a: TLocalizedValidationError, b: TLocalizedValidationError) =>
  depth(b) > depth(a) ? b : a;

/** Undoes the escapes of JSON Pointer, RFC 6901 §3. */
const unescape = (part: string): string => part.replaceAll('~1', '/').replaceAll('~0', '~');

const cut = (name: string): string => (name.length <= SHOWN ? name : `${name.slice(0, SHOWN)}…`);

function member(value: unknown, part: string): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Record<string, unknown>)[part]
    : undefined;
}

interface Node {
  readonly anyOf?: readonly TSchema[];
  readonly items?: TSchema;
  readonly properties?: Readonly<Record<string, TSchema>>;
}

function schemaAt(schema: TSchema, path: readonly string[]): TSchema {
  const [part, ...rest] = path;
  if (part === undefined) return schema;
  const options: readonly Node[] = (schema as Node).anyOf ?? [schema];
  for (const option of options) {
    const inner = option.items ?? option.properties?.[part];
    if (inner !== undefined) return schemaAt(inner, rest);
  }
  return schema;
}
