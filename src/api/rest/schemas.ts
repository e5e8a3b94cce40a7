/**
 * The types of attributes, each with a description that completes "… is not": it is what a caller
 * with a wrong value reads, and what the documentation of the API says.
 */
import {
  type TArray,
  type TBoolean,
  type TInteger,
  type TNull,
  type TProperties,
  type TSchema,
  type TString,
  type TUnion,
  Type,
} from 'typebox';
import type { Kind } from '../../model/objects.ts';

/** Neutron's limit for names, descriptions and most other text. */
const TEXT_LENGTH = 255;
/** An IPv6 prefix with an embedded quad, and then some. */
const ADDRESS_LENGTH = 64;
const UUID = '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$';
/** Entries of a list that a caller gives. */
const LIST_LENGTH = 100;

/** Within the brackets of a pattern: control characters and halves of surrogate pairs. */
const UNPRINTABLE = String.raw`\u0000-\u001f\u007f-\u009f\ud800-\udfff`;
/** As those, with tabs and line ends let through. */
const UNWRITABLE = String.raw`\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ud800-\udfff`;

/** `minLength` and `maxLength` would count what a person sees as one: any number of code points. */
const characters = (refused: string, least: number, most: number): string =>
  `^[^${refused}]{${least},${most}}$`;

export function text(most = TEXT_LENGTH, least = 0): TString {
  const atLeast = least > 0 ? `${least} to ` : 'at most ';
  return Type.String({
    pattern: characters(UNPRINTABLE, least, most),
    description: `text of ${atLeast}${most} characters, no control characters`,
  });
}

/** Text that may have several lines. */
export const prose = (): TString =>
  Type.String({
    pattern: characters(UNWRITABLE, 0, TEXT_LENGTH),
    description: `text of at most ${TEXT_LENGTH} characters, no control characters but line ends`,
  });

/** A project's id is part of a path of the store, where it must fit in. */
export const project = (): TString =>
  Type.String({
    pattern: `^[!-~]{1,${TEXT_LENGTH}}$`,
    description: `text of 1 to ${TEXT_LENGTH} characters of ASCII without blanks`,
  });

export const bool = (): TBoolean => Type.Boolean({ description: 'true or false, without quotes' });

export const uuid = (): TString =>
  Type.String({ pattern: UUID, description: 'a uuid in lower case' });

/** What the ids that callers give are of. */
export type NamedKind = Extract<
  Kind,
  | 'network'
  | 'subnet'
  | 'port'
  | 'router'
  | 'security_group'
  | 'subnetpool'
  | 'address_scope'
  | 'address_group'
>;

/**
 * The id of an object that the caller must see.
 * @param schema Its type, where that is not a uuid's alone.
 */
export const idOf = (kind: NamedKind, schema: TSchema = uuid()): TSchema => ({
  ...schema,
  references: kind,
});

const ADDRESS = characters(UNPRINTABLE, 0, ADDRESS_LENGTH);

/**
 * What addresses look like is the model's to say; here only their length is bounded. The formats are
 * for readers of the document.
 */
export const address = (): TString =>
  Type.String({
    pattern: ADDRESS,
    format: 'ip',
    description: 'an IPv4 or IPv6 address, as text',
  });

export const prefix = (): TString =>
  Type.String({
    pattern: ADDRESS,
    format: 'cidr',
    description: 'a prefix such as 178.1.3.0/24 or 2001:db8::/64, as text',
  });

export const mac = (): TString =>
  Type.String({
    pattern: ADDRESS,
    format: 'mac',
    description: 'a MAC address such as fa:16:3e:00:00:01, as text',
  });

/** ISO 8601. */
export const time = (): TString => Type.String({ description: 'a time in UTC' });

export const integer = (minimum: number, maximum: number): TInteger =>
  Type.Integer({
    minimum,
    maximum,
    description: `an integer from ${minimum} to ${maximum}, without quotes`,
  });

/** An integer, or the same as text: attributes that clients give either way. */
export const numeric = (minimum: number, maximum: number): TSchema =>
  Type.Union([integer(minimum, maximum), Type.String({ pattern: String.raw`^-?\d{1,10}$` })], {
    description: `an integer from ${minimum} to ${maximum}`,
  });

export const choice = (...values: readonly (string | number)[]): TSchema =>
  Type.Union(
    values.map((value) => Type.Literal(value)),
    { description: values.map((value) => JSON.stringify(value)).join(' or ') },
  );

export const nullable = <T extends TSchema>(schema: T): TUnion<[T, TNull]> =>
  Type.Union([schema, Type.Null()], { description: `${describe(schema)} or null` });

export const either = (...schemas: TSchema[]): TSchema =>
  Type.Union(schemas, { description: schemas.map(describe).join(' or ') });

/** A list that a caller gives. */
export const list = <T extends TSchema>(items: T): TArray<T> =>
  Type.Array(items, {
    maxItems: LIST_LENGTH,
    description: `a list of at most ${LIST_LENGTH}, each item ${describe(items)}`,
  });

/** As `list`, nothing twice. */
export const uniqueList = <T extends TSchema>(items: T): TArray<T> =>
  Type.Array(items, {
    maxItems: LIST_LENGTH,
    uniqueItems: true,
    description: `a list of at most ${LIST_LENGTH}, none twice, each item ${describe(items)}`,
  });

/** A list that is only shown. */
export const shownList = <T extends TSchema>(items: T): TArray<T> =>
  Type.Array(items, { description: `a list, each item ${describe(items)}` });

/** An object with these attributes and no others; wrap what may be left out in `optional`. */
export const record = (properties: TProperties): TSchema =>
  Type.Object(properties, {
    additionalProperties: false,
    description: `an object with ${Object.keys(properties).join(', ')}`,
  });

export const optional = Type.Optional;

export const freeForm = (): TSchema =>
  Type.Object({}, { additionalProperties: true, description: 'an object' });

export function describe(schema: TSchema): string {
  const { description } = schema as { description?: string };
  return description ?? 'of the type that the documentation gives';
}
