/** What a server believes of an agent's message: its shape, and nothing beyond. */
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { Failure } from '../../base/failure.ts';
import type { AgentDump, AgentMessage } from '../../model/stream.ts';
import { parseTyped } from './envelope.ts';

const Revision = Type.Integer({ minimum: 0 });
const Name = Type.String({ minLength: 1, maxLength: 255 });
/** A socket's path has 107 bytes in all. */
const SocketDir = Type.String({ pattern: '^/[ -~]{0,89}$' });
/** Ports of a node: as many as there are vids. */
export const MAX_PORTS = 65_535;
/** A node's name, as a regular expression. */
export const NODE_NAME = '^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$';
const strict = { additionalProperties: false } as const;

export const PluggedSchema = Type.Object(
  {
    port_id: Name,
    vid: Type.Integer({ minimum: 1, maximum: MAX_PORTS }),
    ofport: Type.Integer({ minimum: 1, maximum: 0xffff_ff00 }),
    interface: Name,
  },
  strict,
);

/** What may be asked of an agent. */
export const QuerySchema = Type.Object(
  {
    what: Type.Union(
      (['flows', 'groups', 'ports', 'neighbours', 'conntrack'] as const).map((what) =>
        Type.Literal(what),
      ),
    ),
    bridge: Type.String({ maxLength: 255 }),
    generation: Type.Optional(Type.Integer({ minimum: 0 })),
  },
  strict,
);

const SCHEMAS = {
  hello: Compile(
    Type.Object(
      {
        type: Type.Literal('hello'),
        node: Type.String({ pattern: NODE_NAME }),
        vtep: Type.String({ minLength: 2, maxLength: 45 }),
        revision: Type.Union([Revision, Type.Null()]),
        store: Type.Union([Name, Type.Null()]),
        datapath: Type.Optional(
          Type.Object(
            {
              type: Type.Union([Type.Literal('system'), Type.Literal('netdev')]),
              vhostuser_socket_dir: Type.Union([SocketDir, Type.Null()]),
            },
            strict,
          ),
        ),
        thin: Type.Optional(Type.Literal(true)),
        stale: Type.Optional(Type.Literal(true)),
      },
      strict,
    ),
  ),
  applied: Compile(
    Type.Object(
      {
        type: Type.Literal('applied'),
        revision: Revision,
        plugged: Type.Optional(Type.Array(PluggedSchema, { maxItems: MAX_PORTS })),
        unplugged: Type.Optional(Type.Array(Name, { maxItems: MAX_PORTS })),
        networkIds: Type.Optional(
          Type.Record(Type.String(), Type.Integer({ minimum: 1, maximum: 4095 })),
        ),
        flows: Type.Optional(Type.Record(Type.String(), Type.Integer({ minimum: 0 }))),
        epoch: Type.Integer({ minimum: 0, maximum: 0xffff_ffff }),
      },
      strict,
    ),
  ),
  answer: Compile(
    Type.Union([
      Type.Object(
        { type: Type.Literal('answer'), id: Type.Integer({ minimum: 0 }), result: Type.Unknown() },
        strict,
      ),
      Type.Object(
        {
          type: Type.Literal('answer'),
          id: Type.Integer({ minimum: 0 }),
          error: Type.String({ maxLength: 4096 }),
        },
        strict,
      ),
    ]),
  ),
} as const;

/** @throws {Failure} invalid, naming the field of the message that is wrong. */
export function parseAgentMessage(text: string): AgentMessage {
  const message = parseTyped(text, SCHEMAS);
  if (message !== null) return message as AgentMessage;
  throw new Failure(
    'invalid',
    'StreamMessageInvalid',
    `type of a message must be one of ${Object.keys(SCHEMAS).join(', ')}`,
  );
}

const Dump = Compile(
  Type.Union([
    Type.Object({ generation: Type.Integer({ minimum: 0 }), text: Type.String() }, strict),
    Type.Object(
      { generation: Type.Integer({ minimum: 0 }), unchanged: Type.Literal(true) },
      strict,
    ),
  ]),
);

/** Whether an agent's answer is a dump. */
export const isDump = (value: unknown): value is AgentDump => Dump.Check(value);
