/** What an OVSDB server says against a request, as a failure of ours. */
import { Failure } from '../base/failure.ts';
import type { FailureKind } from '../base/failure.ts';
import { isObject, shown } from './json.ts';

/** By the text of "error": RFC 7047 §4.1.3 and §5.2, ovsdb-server(7) §3.1. */
const KINDS: Readonly<Record<string, FailureKind>> = {
  'constraint violation': 'conflict',
  'referential integrity violation': 'conflict',
  'timed out': 'conflict',
  aborted: 'conflict',
  'not owner': 'conflict',
  'resources exhausted': 'exhausted',
  'I/O error': 'unavailable',
  canceled: 'unavailable',
  'cluster error': 'unavailable',
  'database not available': 'unavailable',
  'not allowed': 'forbidden',
  'permission error': 'forbidden',
  'not supported': 'unsupported',
  'unknown method': 'unsupported',
  'unknown database': 'not_found',
};

/** The text of "error" in an <error> or in a JSON-RPC error, which may be that text alone. */
export function errorText(json: unknown): string {
  const error = isObject(json) ? json['error'] : json;
  return typeof error === 'string' ? error : shown(json);
}

/**
 * @param doing What was refused: `insert into Bridge (operation 2 of 3)`.
 * @param json The <error>. The code is `Ovsdb` and its text: `OvsdbConstraintViolation`.
 */
export function refusal(doing: string, field: string, json: unknown): Failure {
  const text = errorText(json);
  const details = isObject(json) ? json['details'] : undefined;
  const more = typeof details === 'string' ? `: ${details}` : '';
  return new Failure(KINDS[text] ?? 'invalid', code(text), `${doing}: ${text}${more}`, {
    field,
    value: json,
  });
}

/** Only a text of words makes a code that scripts can rely on. */
function code(text: string): string {
  if (!/^[A-Za-z][A-Za-z /]{0,40}$/.test(text)) return 'OvsdbRefused';
  const words = text.split(/[ /]+/).map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  return `Ovsdb${words.join('')}`;
}
