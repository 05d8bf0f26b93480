import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** An address that stays when the server behind it changes, as that of a service that fails over. Ended with the test that starts it. */
export class Front {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #target: number;

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer((client) => this.#serve(client));
  }

  /** @param target port of the first server */
  static async start(target: number): Promise<Front> {
    const front = new Front(target);
    front.#server.listen(0, '127.0.0.1');
    await once(front.#server, 'listening');
    onTestFinished(() => {
      front.#server.close();
      front.#disconnect();
    });
    return front;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** Leads to another server from now on, and ends what leads to the one before. */
  leadTo(target: number): void {
    this.#target = target;
    this.#disconnect();
  }

  #disconnect(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(client: Socket): void {
    const server = connect(this.#target, '127.0.0.1');
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from);
      from.setNoDelay(true);
      from.on('error', () => {});
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  }
}
