import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { HOST } from './memcached.ts';
import type { Side } from './scenario.ts';

/** Visitors at a time, each with a connection that is kept. */
export const CONNECTIONS = 8;
/** Requests of one run. */
const REQUESTS = 64;

/** Starts visitors of a site, in a thread of their own, and returns what lets them ask. A run returns the bytes they got. */
export async function visitors(port: number, path: string): Promise<Side> {
  const worker = new Worker(new URL(import.meta.url), { workerData: { visitors: { port, path } } });
  worker.unref();
  return async () => {
    worker.postMessage('ask');
    const [bytes] = await once(worker, 'message');
    return bytes;
  };
}

/** Sends one request and waits for all of the answer; returns the bytes of its body. */
async function ask(socket: Socket, request: Buffer): Promise<number> {
  socket.write(request);
  let got = Buffer.alloc(0);
  for (;;) {
    const [chunk] = await once(socket, 'data');
    got = got.length === 0 ? chunk : Buffer.concat([got, chunk]);
    const end = got.indexOf('\r\n\r\n');
    if (end === -1) continue;
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(got.toString('latin1', 0, end))?.[1]);
    if (got.length >= end + 4 + length) return length;
  }
}

async function serveParent({ port, path }: { readonly port: number; readonly path: string }): Promise<void> {
  const sockets = await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      const socket = connect(port, HOST);
      socket.setNoDelay();
      await once(socket, 'connect');
      return socket;
    }),
  );
  const request = Buffer.from(`GET ${path} HTTP/1.1\r\nHost: ${HOST}:${port}\r\nAccept: text/html\r\n\r\n`);
  parentPort?.on('message', async () => {
    const each = sockets.map(async (socket) => {
      let bytes = 0;
      for (let i = 0; i < REQUESTS / CONNECTIONS; i++) bytes += await ask(socket, request);
      return bytes;
    });
    const all = await Promise.all(each);
    parentPort?.postMessage(all.reduce((sum, bytes) => sum + bytes, 0));
  });
}

if (workerData?.visitors !== undefined) await serveParent(workerData.visitors);
