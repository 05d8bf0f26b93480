import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll } from 'vitest';

/** What is done to the next piece of bytes, in whatever direction it goes. */
export type Trick =
  | { readonly kind: 'pass' }
  /** Held for some milliseconds, and whatever comes behind it. */
  | { readonly kind: 'delay'; readonly milliseconds: number }
  /** Handed on in two pieces; the place is a share of its length. */
  | { readonly kind: 'split'; readonly at: number }
  /** Handed on together with what comes next. */
  | { readonly kind: 'merge' }
  /** A share of it is handed on, then both connections are ended. */
  | { readonly kind: 'drop'; readonly at: number };

const share = fc.double({ min: 0, max: 1, noNaN: true });

/** Any trick, most often none. */
export const trick: fc.Arbitrary<Trick> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Trick>({ kind: 'pass' }) },
  { weight: 3, arbitrary: fc.nat(120).map((milliseconds): Trick => ({ kind: 'delay', milliseconds })) },
  { weight: 3, arbitrary: share.map((at): Trick => ({ kind: 'split', at })) },
  { weight: 2, arbitrary: fc.constant<Trick>({ kind: 'merge' }) },
  { weight: 2, arbitrary: share.map((at): Trick => ({ kind: 'drop', at })) },
);

/** What is merged waits no longer than this for more, in milliseconds. */
const MERGE_WAIT = 15;

const started: TrickyProxy[] = [];
// Here, because vitest forgets hooks that are asked for while hooks or tests are running.
afterAll(() => {
  for (const proxy of started) proxy.close();
});

/** Stands between a client and a server, and plays tricks. */
export class TrickyProxy {
  /** What is done to the next pieces; when none is left they pass. */
  tricks: Trick[] = [];
  readonly #port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(port: number) {
    this.#port = port;
    this.#server = createServer((client) => this.#serve(client));
  }

  static async start(port: number): Promise<TrickyProxy> {
    const proxy = new TrickyProxy(port);
    started.push(proxy);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(client: Socket): void {
    const server = connect(this.#port, '127.0.0.1');
    const end = () => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', end);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        end();
      });
    }
    this.#pipe(client, server, end);
    this.#pipe(server, client, end);
  }

  #pipe(from: Socket, to: Socket, end: () => void): void {
    let held: Buffer[] = [];
    let turn: Promise<unknown> = Promise.resolve();
    const flush = () => {
      const bytes = Buffer.concat(held);
      held = [];
      if (bytes.length > 0 && !to.destroyed) to.write(bytes);
    };
    from.on('data', (data) => {
      held.push(data);
      const todo = this.tricks.shift() ?? { kind: 'pass' };
      turn = turn.then(async () => {
        const place = (at: number, bytes: Buffer) => Math.floor(at * bytes.length);
        switch (todo.kind) {
          case 'merge':
            setTimeout(() => {
              turn = turn.then(flush);
            }, MERGE_WAIT);
            return;
          case 'delay':
            await sleep(todo.milliseconds);
            return flush();
          case 'split': {
            const bytes = Buffer.concat(held);
            held = [bytes.subarray(0, place(todo.at, bytes))];
            flush();
            await sleep(1);
            held.unshift(bytes.subarray(place(todo.at, bytes)));
            return flush();
          }
          case 'drop': {
            const bytes = Buffer.concat(held);
            held = [bytes.subarray(0, place(todo.at, bytes))];
            flush();
            await sleep(1);
            held = [];
            return end();
          }
          default:
            return flush();
        }
      });
    });
  }
}
