import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const COMMAND = process.env.MEMCACHED ?? 'memcached';

const started: Memcached[] = [];

/** Ends those that were started, and waits until they are gone: `ended-servers.ts` does it after every test file. */
export async function endServers(): Promise<void> {
  await Promise.all(started.splice(0).map((server) => server.kill()));
}

/** A real Memcached on a loopback port of its own, ended with the test file that starts it. */
export class Memcached {
  readonly port: number;
  readonly #options: readonly string[];
  #process: ChildProcess | undefined;

  private constructor(port: number, options: readonly string[]) {
    this.port = port;
    this.#options = options;
  }

  /** @param options of the command line, such as `-m 2` */
  static async start(...options: string[]): Promise<Memcached> {
    const server = new Memcached(await freePort(), options);
    started.push(server);
    await server.start();
    return server;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Starts it again, on the same port; resolved when it accepts connections. */
  async start(): Promise<void> {
    // As root it wants to be told who to become.
    const user = process.getuid?.() === 0 ? ['-u', 'root'] : [];
    const child = spawn(COMMAND, ['-l', '127.0.0.1', '-p', String(this.port), ...user, ...this.#options], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr?.on('data', (data) => {
      said += data;
    });
    const failed = new Promise<never>((_, reject) => {
      child.once('error', (error) => reject(missing(error)));
      child.once('exit', (code) => reject(new Error(`memcached ended with ${code}: ${said}`)));
    });
    failed.catch(() => {});
    this.#process = child;
    await Promise.race([accepting(this.port), failed]);
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  /** Stops it, and returns when it stands still: the system says so only when asked. */
  stop(): void {
    this.signal('SIGSTOP');
    for (let state = ''; !state.startsWith('T'); ) {
      state = execFileSync('ps', ['-o', 'state=', '-p', String(this.#process?.pid)], { encoding: 'latin1' });
    }
  }

  /** Lets it go on. */
  continue(): void {
    this.signal('SIGCONT');
  }

  /** Ends it, and waits until it is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    // A stopped process takes no other signal.
    child.kill('SIGCONT');
    child.kill(signal);
    await gone;
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

/** A loopback port that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

async function accepting(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const socket = connect(port, '127.0.0.1');
    const isThere = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (isThere) return;
    await sleep(25);
  }
  throw new Error(`memcached does not accept connections on port ${port}`);
}

function missing(error: Error): Error {
  return new Error(
    `these tests need a real memcached and "${COMMAND}" could not be started (${error.message}): ` +
      'install the package memcached (apt-get install memcached, brew install memcached) or name it in MEMCACHED',
  );
}
