import { request as plain } from 'node:http';
import { request as secure } from 'node:https';

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/**
 * One request. `fetch` would do, but loading it takes a command longer than everything else it does.
 * @param body is sent as JSON; nothing is sent when it is undefined.
 * @param url begins with http: or https:.
 * @throws {Error} of the network.
 */
export function send(
  method: string,
  url: string,
  headers: Readonly<Record<string, string>>,
  body?: unknown,
): Promise<Answer> {
  const target = new URL(url);
  const payload = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const asked = (target.protocol === 'https:' ? secure : plain)(
      target,
      {
        method,
        headers: {
          ...headers,
          ...(payload === undefined
            ? {}
            : {
                'content-type': 'application/json',
                'content-length': String(Buffer.byteLength(payload)),
              }),
        },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (piece: string) => (text += piece));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
        response.on('error', reject);
      },
    );
    asked.on('error', reject);
    asked.end(payload);
  });
}
