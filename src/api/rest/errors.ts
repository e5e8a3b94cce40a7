import { Failure, type FailureKind } from '../../base/failure.ts';

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
};

export interface ErrorReply {
  readonly status: number;
  readonly body: {
    readonly NeutronError: { readonly type: string; readonly message: string; readonly detail: '' };
  };
}

/** Bytes of a body: some thousand ports in one request. */
export const BODY_LIMIT = 4 * 1024 * 1024;

/** Sentence of a failure with its remedy. */
function sentence(failure: Failure): string {
  const { remedy } = failure.details;
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
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return replyTo(tooLarge());
  if (error.statusCode === undefined || error.statusCode >= 500) return null;
  return reply(error.statusCode, 'HTTPBadRequest', `${error.message.replace(/\.$/, '')}.`);
}

function tooLarge(): Failure {
  const message = `The body is longer than ${BODY_LIMIT} bytes`;
  const remedy = 'send fewer objects in one request';
  return new Failure('invalid', 'RequestEntityTooLarge', message, { field: 'body', remedy });
}

export const INTERNAL = reply(
  500,
  'HTTPInternalServerError',
  'The server met something that it does not understand; its log says what.',
);

function reply(status: number, type: string, message: string): ErrorReply {
  return { status, body: { NeutronError: { type, message, detail: '' } } };
}
