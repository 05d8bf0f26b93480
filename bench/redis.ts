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
      await this.#run(command(['MGET', ...keys]), keys.length);
    };
  }

  #run(request: Buffer, count: number): Promise<Buffer[]> {
    let values: Buffer[] = [];
    let buffered: Buffer = Buffer.alloc(0);
    return new Promise((resolve) => {
      const take = (data: Buffer): void => {
        buffered = buffered.length === 0 ? data : Buffer.concat([buffered, data]);
        // Behind the line with their number, each has a line with its length.
        let at = lineEnd(buffered, 0);
        values = [];
        while (values.length < count) {
          const start = lineEnd(buffered, at);
          if (start === 0) return;
          const length = numberAt(buffered, at + 1);
          if (buffered.length < start + length + 2) return;
          values.push(Buffer.from(buffered.subarray(start, start + length)));
          at = start + length + 2;
        }
        this.#socket.off('data', take);
        resolve(values);
      };
      this.#socket.on('data', take);
      this.#socket.write(request);
    });
  }
}

/** The place behind the line that begins here; 0 if it is not there yet. */
function lineEnd(bytes: Buffer, from: number): number {
  for (let at = from; at < bytes.length; at++) if (bytes[at] === 10) return at + 1;
  return 0;
}

function numberAt(bytes: Buffer, from: number): number {
  if (bytes[from] === 45) throw new Error('the server lacks a key');
  let number = 0;
  for (let at = from; bytes[at] !== 13; at++) number = 10 * number + (bytes[at] as number) - 48;
  return number;
}

function command(words: readonly string[]): Buffer {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return Buffer.from(`*${words.length}\r\n${parts.join('')}`);
}
