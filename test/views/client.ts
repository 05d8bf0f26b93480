import { Agent, type IncomingHttpHeaders, request } from 'node:http';

/** What came over the wire, nothing of it decoded. */
export interface Answer {
  readonly status: number;
  readonly message: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Whether all of the body came. */
  readonly complete: boolean;
}

/** One request over a connection of its own. */
export function ask(
  url: string,
  { method = 'GET', headers = {}, body }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  const agent = new Agent({ keepAlive: false });
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers, agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      // An answer that was cut off ends with an error, which the test wants to see.
      response.on('error', () => {});
      response.on('close', () => {
        const { statusCode: status = 0, complete } = response;
        resolve({
          status,
          message: response.statusMessage,
          headers: response.headers,
          body: Buffer.concat(chunks),
          complete,
        });
      });
    });
    asked.on('error', reject);
    asked.end(body);
  });
}
