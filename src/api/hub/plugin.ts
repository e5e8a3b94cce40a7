/** Where agents open their stream, and where a user reads what a node's switch holds. */
import websocket from '@fastify/websocket';
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { Failure } from '../../base/failure.ts';
import type { AgentDump, AgentQuery } from '../../model/stream.ts';
import { acceptSocket } from './link.ts';
import type { Accept } from './link.ts';
import type { Proof } from './credentials.ts';

/** Bytes of one message of an agent: a dump of half a million flows. */
const MAX_MESSAGE = 128 * 1024 * 1024;

export interface Streams {
  /**
   * Which node the header Authorization proves; null where nobody has to prove anything.
   * @throws {Failure} forbidden.
   */
  prove(header: string | undefined): Proof | null;
  /** Takes over a link that an agent with this proof opened. */
  accept(proof: Proof | null): Accept;
  query(node: string, query: AgentQuery): Promise<AgentDump>;
}

const DUMPS = ['flows', 'groups', 'ports'] as const;

const schema = {
  params: Type.Object({ node: Type.String({ minLength: 1 }) }),
  querystring: Type.Object(
    { bridge: Type.Optional(Type.String({ minLength: 1, maxLength: 15 })) },
    { additionalProperties: false },
  ),
};

/** @param beside What needs WebSockets too. */
export function hubPlugin(streams: Streams, beside: FastifyPluginAsync | null): FastifyPluginAsync {
  return async (app) => {
    await app.register(websocket, { options: { maxPayload: MAX_MESSAGE } });
    if (beside !== null) await app.register(beside);
    const proofs = new WeakMap<FastifyRequest, Proof | null>();
    app.get(
      '/tianchi/v1/agents/stream',
      {
        websocket: true,
        config: { access: 'agent' },
        // Refused before the upgrade, with a body that says why.
        preValidation: async (request) => {
          proofs.set(request, streams.prove(request.headers.authorization));
        },
      },
      (socket, request) => {
        acceptSocket(socket, streams.accept(proofs.get(request) ?? null));
      },
    );
    for (const what of DUMPS) {
      app.get<{ Params: { node: string }; Querystring: { bridge?: string } }>(
        `/tianchi/v1/nodes/:node/${what}`,
        { schema, config: { access: 'admin' } },
        async (request, reply) => {
          const bridge = request.query.bridge ?? 'br-int';
          const dump = await streams.query(request.params.node, { what, bridge });
          if (!('text' in dump)) {
            throw new Failure('unavailable', 'AgentUnavailable', 'The agent sent no dump.');
          }
          return reply.type('text/plain; charset=utf-8').send(dump.text);
        },
      );
    }
  };
}
