/** What an agent believes of a server's message: the envelope, and objects that have their id. */
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { STREAMED_KINDS, type ServerMessage } from '../model/stream.ts';
import { parseTyped } from '../api/hub/envelope.ts';

const Revision = Type.Integer({ minimum: 0 });
const Changes = Type.Array(
  Type.Object({
    kind: Type.Union(STREAMED_KINDS.map((kind) => Type.Literal(kind))),
    id: Type.String({ minLength: 1 }),
    object: Type.Union([Type.Null(), Type.Object({ id: Type.String({ minLength: 1 }) })]),
  }),
);

const Same = Type.Object(
  Object.fromEntries(
    STREAMED_KINDS.map((kind) => [kind, Type.Optional(Type.Array(Type.String({ minLength: 1 })))]),
  ),
);

const Query = Type.Object({
  what: Type.Union(
    (['flows', 'groups', 'ports', 'neighbours', 'conntrack'] as const).map((what) =>
      Type.Literal(what),
    ),
  ),
  bridge: Type.String(),
  generation: Type.Optional(Type.Integer({ minimum: 0 })),
});

const SCHEMAS = {
  welcome: Compile(Type.Object({ type: Type.Literal('welcome'), store: Type.String() })),
  refused: Compile(Type.Object({ type: Type.Literal('refused'), reason: Type.String() })),
  snapshot: Compile(
    Type.Object({
      type: Type.Literal('snapshot'),
      revision: Revision,
      changes: Changes,
      same: Type.Optional(Same),
    }),
  ),
  delta: Compile(
    Type.Object({ type: Type.Literal('delta'), revision: Revision, changes: Changes }),
  ),
  current: Compile(Type.Object({ type: Type.Literal('current'), revision: Revision })),
  query: Compile(
    Type.Object({ type: Type.Literal('query'), id: Type.Integer({ minimum: 0 }), query: Query }),
  ),
} as const;

/**
 * @returns null for a type that this agent does not know: a newer server's.
 * @throws {Failure} invalid: not a message at all.
 */
export const parseServerMessage = (text: string): ServerMessage | null =>
  parseTyped(text, SCHEMAS) as ServerMessage | null;
