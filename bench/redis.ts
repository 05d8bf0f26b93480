import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, HOST } from './memcached.ts';

/** Starts a Redis of our own on a free port, ended with the benchmark, and returns the port. */
export async function startRedis(): Promise<number> {
  const port = await freePort();
  const options = ['--port', String(port), '--bind', HOST, '--save', '', '--appendonly', 'no', '--maxmemory', '256mb'];
  const child = spawn('redis-server', options, { stdio: 'ignore' });
  child.once('error', (error) => {
    throw new Error(
      `the benchmark needs the command redis-server (Debian: apt-get install redis-server): ${error.message}`,
    );
  });
  process.once('exit', () => child.kill('SIGKILL'));
  child.unref();
  for (;;) {
    const socket = connect(port, HOST);
    try {
      await once(socket, 'connect');
      socket.destroy();
      return port;
    } catch {
      await sleep(20);
    }
  }
}

/** The least a client of Redis can do: one `MGET` on a plain socket. It measures; it is no client for a site. */
export class RawRedis {
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async connect(port: number): Promise<RawRedis> {
    const socket = connect(port, HOST);
    socket.setNoDelay();
    await once(socket, 'connect');
    return new RawRedis(socket);
  }

  /** What asks for keys, all of which must be found; their values are copied, as any client has to. */
  batch(keys: readonly string[]): () => Promise<void> {
    return async () => {
      const values = await this.#run(command(['MGET', ...keys]), keys.length);
      const found = values.filter((value) => value !== undefined).length;
      if (found !== keys.length) throw new Error(`the server has ${found} of ${keys.length} keys`);
    };
  }

  #run(request: Buffer, count: number): Promise<(Buffer | undefined)[]> {
    let values: (Buffer | undefined)[] = [];
    let buffered: Buffer = Buffer.alloc(0);
    return new Promise((resolve) => {
      const take = (data: Buffer): void => {
        buffered = buffered.length === 0 ? data : Buffer.concat([buffered, data]);
        // Behind the line with their number, each has a line with its length.
        let at = buffered.indexOf('\r\n') + 2;
        values = [];
        while (values.length < count) {
          const end = buffered.indexOf('\r\n', at);
          if (end === -1) return;
          const length = Number(buffered.toString('latin1', at + 1, end));
          if (buffered.length < end + 2 + Math.max(0, length + 2)) return;
          values.push(length < 0 ? undefined : Buffer.from(buffered.subarray(end + 2, end + 2 + length)));
          at = length < 0 ? end + 2 : end + 4 + length;
        }
        this.#socket.off('data', take);
        resolve(values);
      };
      this.#socket.on('data', take);
      this.#socket.write(request);
    });
  }
}

function command(words: readonly string[]): Buffer {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return Buffer.from(`*${words.length}\r\n${parts.join('')}`);
}
