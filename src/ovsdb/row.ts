/** Columns of a row, each as the type that its reader counts on. */
import { Failure } from '../base/failure.ts';
import { shown } from './json.ts';
import type { Row } from './replica.ts';
import type { Value } from './values.ts';

type Reader<T> = (row: Row, column: string) => T;

/** @throws {Failure} `unsupported` when the schema gave the column another type, or it was not asked for. */
function reader<T extends Value>(expected: string, is: (value: Value) => value is T): Reader<T> {
  return (row, column) => {
    const value = row[column];
    if (value !== undefined && is(value)) return value;
    const found = value instanceof Set || value instanceof Map ? [...value] : value;
    throw new Failure(
      'unsupported',
      'OvsdbColumnType',
      `column ${column} is ${shown(found)}; ${expected} is expected`,
      { field: column, value },
    );
  };
}

const isText = (value: Value): value is string => typeof value === 'string';
const isNumber = (value: Value): value is number => typeof value === 'number';
const isFlag = (value: Value): value is boolean => typeof value === 'boolean';
const orNull =
  <T extends Value>(is: (value: Value) => value is T) =>
  (value: Value): value is T | null =>
    value === null || is(value);
const isTexts = (value: Value): value is ReadonlySet<string> =>
  value instanceof Set && [...value].every(isText);
const isTextMap = (value: Value): value is ReadonlyMap<string, string> =>
  value instanceof Map && [...value].every(([key, member]) => isText(key) && isText(member));

/** Of a string or uuid. */
export const text = reader('a text', isText);
export const optionalText = reader('a text or nothing', orNull(isText));
export const number = reader('a number', isNumber);
export const optionalNumber = reader('a number or nothing', orNull(isNumber));
export const flag = reader('a boolean', isFlag);
/** Of a set of strings or uuids. */
export const texts = reader('a set of texts', isTexts);
/** Of a map such as external_ids. */
export const textMap = reader('a map of texts', isTextMap);
