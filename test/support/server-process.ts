import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A program that serves on a port. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  /** What to do where the command is missing. */
  readonly remedy: string;
}

const started: ServerProcess[] = [];

/** Ends those that were started, and waits until they are gone: `ended-servers.ts` does it after every test file. */
export async function endServers(): Promise<void> {
  await Promise.all(started.splice(0).map((server) => server.kill()));
}

/** A real server on a loopback port of its own, ended with the test file that starts it. */
export class ServerProcess {
  readonly port: number;
  readonly #program: Program;
  #process: ChildProcess | undefined;

  protected constructor(port: number, program: Program) {
    this.port = port;
    this.#program = program;
    started.push(this);
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Starts it, or starts it again, on the same port; resolved when it accepts connections. */
  async start(): Promise<void> {
    const { command, args, remedy } = this.#program;
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr?.on('data', (data) => {
      said += data;
    });
    const failed = new Promise<never>((_, reject) => {
      child.once('error', ({ message }) => {
        reject(new Error(`these tests need a real ${command}, which could not be started (${message}): ${remedy}`));
      });
      child.once('exit', (code) => reject(new Error(`${command} ended with ${code}: ${said}`)));
    });
    failed.catch(() => {});
    this.#process = child;
    await Promise.race([this.#accepting(), failed]);
  }

  /** Stops it, and returns when it stands still: the system says so only when asked. */
  pause(): void {
    this.#process?.kill('SIGSTOP');
    for (let state = ''; !state.startsWith('T'); ) {
      state = execFileSync('ps', ['-o', 'state=', '-p', String(this.#process?.pid)], { encoding: 'latin1' });
    }
  }

  /** Lets it go on. */
  resume(): void {
    this.#process?.kill('SIGCONT');
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

  async #accepting(): Promise<void> {
    for (let tries = 0; tries < 200; tries++) {
      const socket = connect(this.port, '127.0.0.1');
      const isThere = await Promise.race([
        once(socket, 'connect').then(() => true),
        once(socket, 'error').then(() => false),
      ]).catch(() => false);
      socket.destroy();
      if (isThere) return;
      await sleep(25);
    }
    throw new Error(`${this.#program.command} does not accept connections on port ${this.port}`);
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
