import { createServer, type Server } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { connectTo } from './stream.ts';

let server: Server | null = null;
afterEach(() => server?.close());

/** A server that opens no stream but answers like this. */
async function answering(status: number, body: string): Promise<string> {
  const made = createServer((_request, response) => response.writeHead(status).end(body));
  server = made;
  await new Promise<void>((resolve) => {
    made.listen(0, '127.0.0.1', resolve);
  });
  const address = made.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return `http://127.0.0.1:${address.port}`;
}

const opening = (url: string): Promise<void> =>
  connectTo(url)(() => {
    throw new Error('nothing is to be opened');
  });

test('gives the reason of a server that refuses', async () => {
  const url = await answering(403, '{"NeutronError": {"message": "node1 is not on the list"}}');
  await expect(opening(url)).rejects.toMatchObject({
    kind: 'forbidden',
    message: 'node1 is not on the list',
  });
});

test.each([
  [403, '<html>Forbidden by the proxy</html>'],
  [403, '{"error": "another form"}'],
  [502, '{"NeutronError": {"message": "no refusal"}}'],
  [200, ''],
])('says what came instead of a stream: %i %s', async (status, body) => {
  const url = await answering(status, body);
  await expect(opening(url)).rejects.toThrow(`the server answers ${status}, and opens no stream`);
});
