/** What servers say to each other, and what each believes of it: the shape, and nothing beyond. */
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { Failure, type FailureKind } from '../../base/failure.ts';
import type { AgentQuery } from '../../model/stream.ts';
import type { NodeState } from '../hub/peers.ts';
import { parseTyped } from '../hub/envelope.ts';
import { MAX_PORTS, NODE_NAME, PluggedSchema, QuerySchema } from '../hub/messages.ts';

const strict = { additionalProperties: false } as const;
const Name = Type.String({ minLength: 1, maxLength: 255 });
/** -1 before the first. */
const Revision = Type.Integer({ minimum: -1 });
const Node = Type.String({ pattern: NODE_NAME });

/** What a server announces to the others: a place to link to, and what to prove there. */
const MemberSchema = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 64 }),
  url: Type.String({ minLength: 1, maxLength: 1024, pattern: '^https?://' }),
  secret: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }),
});
export type Member = Static<typeof MemberSchema>;
const AnyMember = Compile(MemberSchema);

/** @returns null for what is no member: a later version's, perhaps. */
export function parseMember(text: string): Member | null {
  try {
    const value: unknown = JSON.parse(text);
    return AnyMember.Check(value) ? value : null;
  } catch {
    return null;
  }
}

const NewsSchema = Type.Object(
  {
    type: Type.Literal('news'),
    /** The agents have been sent what concerns them up to this revision. */
    at: Revision,
    /** No status of a port is about to be written. */
    idle: Type.Boolean(),
    /** false: more of what there was when the link opened is to come. */
    whole: Type.Boolean(),
    joined: Type.Array(
      Type.Object(
        {
          node: Node,
          vtep: Type.String({ minLength: 2, maxLength: 45 }),
          term: Type.Integer({ minimum: 0 }),
          revision: Revision,
          sent: Revision,
        },
        strict,
      ),
    ),
    /** Of nodes that have joined: the revision that the switch holds, and the last one sent. */
    reported: Type.Array(Type.Tuple([Node, Revision, Revision])),
    left: Type.Array(Node),
  },
  strict,
);
export type News = Static<typeof NewsSchema>;

/** Whoever asks this server sees what there was up to `revision`, though no agent need know of it. */
const ShownSchema = Type.Object({ type: Type.Literal('shown'), revision: Revision }, strict);
type ShownNews = Static<typeof ShownSchema>;

const KINDS = [
  'invalid',
  'not_found',
  'in_use',
  'conflict',
  'exhausted',
  'forbidden',
  'unavailable',
  'unsupported',
] as const satisfies readonly FailureKind[];

const Id = Type.Integer({ minimum: 0 });

const AnswerSchema = Type.Union([
  Type.Object({ type: Type.Literal('answer'), id: Id, result: Type.Unknown() }, strict),
  Type.Object(
    {
      type: Type.Literal('answer'),
      id: Id,
      failure: Type.Object(
        {
          kind: Type.Union(KINDS.map((kind) => Type.Literal(kind))),
          code: Name,
          message: Type.String({ maxLength: 4096 }),
        },
        strict,
      ),
    },
    strict,
  ),
]);

interface ToldFailure {
  readonly kind: FailureKind;
  readonly code: string;
  readonly message: string;
}

export type Answer =
  | { readonly type: 'answer'; readonly id: number; readonly result: unknown }
  | { readonly type: 'answer'; readonly id: number; readonly failure: ToldFailure };

/** All that one server tells another of itself. */
type Told = News | ShownNews | Answer;

/** Asks what is known of a node's switch (`state`), or for a dump of it. */
export interface Question {
  readonly type: 'ask';
  readonly id: number;
  readonly node: string;
  readonly query: AgentQuery | 'state';
}

/**
 * Whether who asks waits for this server before it answers its clients, as it does from when it is
 * linked: not while this server is behind for long.
 */
const WaitsSchema = Type.Object({ type: Type.Literal('waits'), waits: Type.Boolean() }, strict);
export type Waits = Static<typeof WaitsSchema>;

const TOLD = {
  news: Compile(NewsSchema),
  shown: Compile(ShownSchema),
  answer: Compile(AnswerSchema),
} as const;
const ASKED = {
  waits: Compile(WaitsSchema),
  ask: Compile(
    Type.Object(
      {
        type: Type.Literal('ask'),
        id: Id,
        node: Node,
        query: Type.Union([Type.Literal('state'), QuerySchema]),
      },
      strict,
    ),
  ),
} as const;

/** @throws {Failure} invalid, naming the field that is wrong. */
export const parseTold = (text: string): Told => parse(text, TOLD) as Told;

/** @throws {Failure} invalid, naming the field that is wrong. */
export const parseAsked = (text: string): Question | Waits =>
  parse(text, ASKED) as Question | Waits;

function parse(text: string, schemas: Parameters<typeof parseTyped>[1]): { readonly type: string } {
  const message = parseTyped(text, schemas);
  if (message !== null) return message;
  const types = Object.keys(schemas).join(', ');
  throw new Failure('invalid', 'StreamMessageInvalid', `type of a message must be one of ${types}`);
}

const State = Compile(
  Type.Object(
    {
      plugged: Type.Array(PluggedSchema, { maxItems: MAX_PORTS }),
      networkIds: Type.Record(Type.String(), Type.Integer({ minimum: 1, maximum: 4095 })),
      epoch: Type.Union([Type.Integer({ minimum: 0, maximum: 0xffff_ffff }), Type.Null()]),
    },
    strict,
  ),
);

/** Whether an answer is what is known of a node's switch. */
export const isState = (value: unknown): value is NodeState => State.Check(value);
