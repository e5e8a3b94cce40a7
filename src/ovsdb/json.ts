/** JSON as it comes off the wire, and the first look into it. */
import { Failure } from '../base/failure.ts';

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

export interface JsonObject {
  readonly [name: string]: Json;
}

/** What a peer sent is not what RFC 7047 says. `at` names the place: `update of Bridge.ports`. */
export function malformed(at: string, value: unknown, expected: string): Failure {
  return new Failure('invalid', 'OvsdbMessageInvalid', `${at} is ${shown(value)}; ${expected}`, {
    field: at,
    value,
    remedy: expected,
  });
}

/** A value as a message shows it: JSON, cut to what a line can hold. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isArray(value: unknown): value is readonly Json[] {
  return Array.isArray(value);
}

/** @throws {Failure} `invalid` when `value` is no JSON object. */
export function objectAt(at: string, value: unknown): JsonObject {
  if (!isObject(value)) throw malformed(at, value, 'an object is expected');
  return value;
}

/** @throws {Failure} `invalid` when `value` is no JSON array. */
export function arrayAt(at: string, value: unknown): readonly Json[] {
  if (!isArray(value)) throw malformed(at, value, 'an array is expected');
  return value;
}
