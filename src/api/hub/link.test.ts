import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { acceptSocket, CLOSE } from './link.ts';

test('a link is closed although the other end no longer reads', { timeout: 20_000 }, async () => {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  onTestFinished(() => server.close());
  server.on('connection', (socket) => socket.pause());
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  const socket = new WebSocket(`ws://127.0.0.1:${address.port}`);
  await once(socket, 'open');
  await new Promise<void>((resolve) => {
    acceptSocket(socket, (link) => {
      link.close(CLOSE.goingAway, 'done');
      return { message: () => undefined, closed: () => resolve() };
    });
  });
  expect(socket.readyState).toBe(socket.CLOSED);
});
