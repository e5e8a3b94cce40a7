/** What can go wrong with each kind of request, as responses of the document. */
type Json = Readonly<Record<string, unknown>>;

const MEANINGS = {
  400: ['BadRequest', 'The request is malformed, or asks for what cannot be.'],
  401: [
    'Unauthorized',
    'The request has no valid token; here the answer has the form of Keystone.',
  ],
  403: ['Forbidden', 'Policy does not let the caller.'],
  404: ['NotFound', 'There is no such object, or none that the caller sees.'],
  409: ['Conflict', 'Something else uses or has it, a quota is exhausted, or others were quicker.'],
  412: ['PreconditionFailed', 'The object is of another revision than If-Match asks for.'],
  413: ['RequestEntityTooLarge', 'The body is too long.'],
  429: ['TooManyRequests', 'The caller asks too often.'],
  503: ['Unavailable', 'The store or Keystone does not answer; try again.'],
} as const;

type Status = keyof typeof MEANINGS;

const ALWAYS: readonly Status[] = [400, 401, 429, 503];

const STATUSES = {
  list: ALWAYS,
  show: [...ALWAYS, 404],
  create: [...ALWAYS, 403, 404, 409, 413],
  change: [...ALWAYS, 403, 404, 409, 412, 413],
} as const;

/** References to the responses, by status. */
export const errorsOf = (request: keyof typeof STATUSES): Json =>
  Object.fromEntries(
    STATUSES[request].map((status) => [
      status,
      { $ref: `#/components/responses/${MEANINGS[status][0]}` },
    ]),
  );

export const ERROR_RESPONSES: Readonly<Record<string, Json>> = Object.fromEntries(
  Object.values(MEANINGS).map(([name, description]) => [
    name,
    {
      description,
      content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
    },
  ]),
);
