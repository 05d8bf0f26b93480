import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { type Listening, listeningStore } from './listening-store.ts';

export const HOST = '127.0.0.1';

/** A Memcached of our own, ended with the benchmark. */
export interface Server {
  readonly port: number;
  signal(signal: NodeJS.Signals): void;
}

/** Starts a Memcached on a free port, and returns that. */
export async function startMemcached(): Promise<number> {
  return (await startServer()).port;
}

export async function startServer(): Promise<Server> {
  const port = await freePort();
  // As root it wants to be told who to become.
  const user = process.getuid?.() === 0 ? ['-u', 'root'] : [];
  const child = spawn('memcached', ['-l', HOST, '-p', String(port), '-m', '256', ...user], { stdio: 'ignore' });
  child.once('error', (error) => {
    throw new Error(`the benchmark needs the command memcached (Debian: apt-get install memcached): ${error.message}`);
  });
  // One that stands still would take no other signal.
  process.once('exit', () => child.kill('SIGKILL'));
  child.unref();
  for (;;) {
    const socket = connect(port, HOST);
    try {
      await once(socket, 'connect');
      socket.destroy();
      return { port, signal: (signal) => void child.kill(signal) };
    } catch {
      await sleep(20);
    }
  }
}

/** A network: hands on what comes in `delay` milliseconds later, in the direction of the server. Returns its port. */
export async function startDelayingProxy(target: number, delay: number): Promise<number> {
  // In a thread of its own: a network goes on while a page is computed.
  const proxy = new Worker(new URL('./delaying-proxy.js', import.meta.url), { workerData: { target, delay } });
  proxy.unref();
  const [port] = await once(proxy, 'message');
  return port;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** A store on Memcached that tells which keys it was asked for. */
export function listeningMemcached(port: number): Listening {
  return listeningStore(new MemcachedStore(`${HOST}:${port}`), { token: 't:', entry: 'e:' });
}

const OPCODE = { set: 0x01, getq: 0x09, noop: 0x0a } as const;
const HEADER = 24;

/**
 * The least a client can do: Memcached's binary protocol on a plain socket, quiet requests and a no-op behind them, so that
 * a batch is one write and ends with one known answer. It measures; it is no client for a site.
 */
export class RawClient {
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async connect(port: number): Promise<RawClient> {
    const socket = connect(port, HOST);
    socket.setNoDelay();
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  /** What asks for keys, all of which must be found; their values are copied, as any client has to. */
  batch(keys: readonly string[]): () => Promise<void> {
    return async () => {
      const values = await this.#run([...keys.map((key) => request(OPCODE.getq, key)), request(OPCODE.noop)], 1);
      if (values.length !== keys.length) throw new Error(`the server has ${values.length} of ${keys.length} keys`);
    };
  }

  /** Sets values, and waits until each of them is acknowledged. */
  async setMany(items: readonly (readonly [key: string, value: Uint8Array])[]): Promise<void> {
    await this.#run(
      items.map(([key, value]) => request(OPCODE.set, key, value)),
      items.length,
    );
  }

  /** @param last how many answers there are beside those of gets */
  #run(requests: readonly Buffer[], last: number): Promise<Buffer[]> {
    const values: Buffer[] = [];
    let left = last;
    let buffered: Buffer = Buffer.alloc(0);
    return new Promise((resolve) => {
      const take = (data: Buffer): void => {
        buffered = buffered.length === 0 ? data : Buffer.concat([buffered, data]);
        let at = 0;
        while (buffered.length - at >= HEADER) {
          const body = buffered.readUInt32BE(at + 8);
          if (buffered.length - at < HEADER + body) break;
          const opcode = buffered[at + 1] as number;
          const extras = buffered[at + 4] as number;
          if (opcode === OPCODE.getq) {
            values.push(Buffer.from(buffered.subarray(at + HEADER + extras, at + HEADER + body)));
          } else {
            left--;
          }
          at += HEADER + body;
        }
        if (left === 0) {
          this.#socket.off('data', take);
          resolve(values);
        }
        buffered = buffered.subarray(at);
      };
      this.#socket.on('data', take);
      this.#socket.write(Buffer.concat(requests));
    });
  }
}

function request(opcode: number, key = '', value?: Uint8Array): Buffer {
  const extras = value === undefined ? 0 : 8;
  const keyLength = Buffer.byteLength(key);
  const frame = Buffer.alloc(HEADER + extras + keyLength + (value?.length ?? 0));
  frame[0] = 0x80;
  frame[1] = opcode;
  frame.writeUInt16BE(keyLength, 2);
  frame[4] = extras;
  frame.writeUInt32BE(frame.length - HEADER, 8);
  frame.write(key, HEADER + extras);
  if (value !== undefined) frame.set(value, HEADER + extras + keyLength);
  return frame;
}
