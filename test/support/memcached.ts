import { once } from 'node:events';
import { connect } from 'node:net';
import { freePort, ServerProcess } from './server-process.ts';

const PROGRAM = {
  command: process.env.MEMCACHED ?? 'memcached',
  remedy: 'install the package memcached (apt-get install memcached, brew install memcached) or name it in MEMCACHED',
};

/** A real Memcached. */
export class Memcached extends ServerProcess {
  /** @param options of the command line, such as `-m 2` */
  static async start(...options: string[]): Promise<Memcached> {
    const port = await freePort();
    // As root it wants to be told who to become.
    const user = process.getuid?.() === 0 ? ['-u', 'root'] : [];
    const server = new Memcached(PROGRAM, port, ['-l', '127.0.0.1', '-p', String(port), ...user, ...options]);
    await server.start();
    return server;
  }

  /** As CACHESWEEPER_STORE takes it. */
  get url(): string {
    return `memcached://${this.address}`;
  }

  /** Makes it forget everything. */
  async clear(): Promise<void> {
    await this.command('flush_all');
  }

  /** Sends a command of the text protocol and returns the answer's first line. */
  async command(line: string): Promise<string> {
    const socket = connect(this.port, '127.0.0.1');
    socket.end(`${line}\r\n`);
    const [data] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    return data.toString('latin1').split('\r\n')[0] as string;
  }

  /** One of the numbers that it counts. */
  async stat(name: string): Promise<number> {
    const socket = connect(this.port, '127.0.0.1');
    socket.end('stats\r\nquit\r\n');
    const text = Buffer.concat(await socket.toArray()).toString('latin1');
    const [, value] = new RegExp(`^STAT ${name} (\\d+)`, 'm').exec(text) ?? [];
    if (value === undefined) throw new Error(`memcached counts no ${name}`);
    return Number(value);
  }
}
