import { maxHeaderSize, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { Failure, type FailureKind } from '../../base/failure.ts';
import { newRequestId, REQUEST_ID } from '../observe/requests.ts';

const STATUS: Readonly<Record<FailureKind, number>> = {
  invalid: 400,
  not_found: 404,
  in_use: 409,
  conflict: 409,
  exhausted: 409,
  forbidden: 403,
  unavailable: 503,
  unsupported: 501,
};

/** Where HTTP has a status of its own for what went wrong. */
const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  RevisionNumberConstraintFailed: 412,
  HTTPMethodNotAllowed: 405,
  RequestEntityTooLarge: 413,
  Unauthorized: 401,
  TooManyRequests: 429,
  // Whoever repeats on 503 by itself must not do so here.
  StoreOutcomeUnknown: 504,
};

export interface ErrorReply {
  readonly status: number;
  readonly body:
    | {
        readonly NeutronError: {
          readonly type: string;
          readonly message: string;
          readonly detail: '';
        };
      }
    | { readonly error: { readonly code: 401; readonly title: string; readonly message: string } };
}

/** Bytes of a body: as many objects as one request may make, of 2 KiB each. */
export const BODY_LIMIT = 1024 * 1024;

/** Sentence of a failure with its remedy. */
function sentence(failure: Failure): string {
  const { remedy, verbatim } = failure.details;
  if (verbatim) return failure.message;
  const said = failure.message.replace(/\.$/, '');
  return remedy === undefined || said.includes(remedy) ? `${said}.` : `${said}; ${remedy}.`;
}

/**
 * The reply in Neutron's form.
 * @returns null for what nobody foresaw: that is for the log, and not for the caller.
 */
export function replyTo(error: Error & { code?: string; statusCode?: number }): ErrorReply | null {
  if (error instanceof Failure) {
    const status = STATUS_OF_CODE[error.code] ?? STATUS[error.kind];
    return reply(status, error.code, sentence(error));
  }
  const known = FRAMEWORK_FAULTS[error.code ?? ''];
  if (known !== undefined) return replyTo(known);
  if (error.statusCode === undefined || error.statusCode >= 500) return null;
  return reply(error.statusCode, 'HTTPBadRequest', `${error.message.replace(/\.$/, '')}.`);
}

/** What the HTTP framework refuses by itself, in words of ours. */
const FRAMEWORK_FAULTS: Readonly<Record<string, Failure>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: new Failure(
    'invalid',
    'RequestEntityTooLarge',
    `The body is longer than ${BODY_LIMIT} bytes`,
    { field: 'body', remedy: 'send fewer objects in one request' },
  ),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: new Failure(
    'invalid',
    'HTTPBadRequest',
    'The header Content-Type is malformed',
    { field: 'Content-Type', remedy: 'send application/json' },
  ),
};

/** Answers what is not even HTTP, and hangs up. */
export function refuseConnection(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, message] = CONNECTION_FAULTS[error.code ?? ''] ?? [400, 'The request is not HTTP'];
  const body = JSON.stringify(reply(status, 'HTTPBadRequest', `${message}.`).body);
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n` +
      `${REQUEST_ID}: ${newRequestId()}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

const CONNECTION_FAULTS: Readonly<Record<string, readonly [status: number, message: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The request took too long to arrive; send it without pauses'],
  HPE_HEADER_OVERFLOW: [431, `The headers are longer than ${maxHeaderSize} bytes; send fewer`],
};

export const INTERNAL = reply(
  500,
  'HTTPInternalServerError',
  'The server met something that it does not understand; its log says what.',
);

function reply(status: number, type: string, message: string): ErrorReply {
  // Clients know from Keystone's form that it is the token, and get another one.
  if (status === 401) return { status, body: { error: { code: 401, title: type, message } } };
  return { status, body: { NeutronError: { type, message, detail: '' } } };
}
