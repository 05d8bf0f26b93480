import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { goOn, standStill } from './stand-still.ts';

const started: ServerProcess[] = [];
const folders: string[] = [];

/** Ends those that were started, and waits until they are gone: `ended-servers.ts` does it after every test file. */
export async function endServers(): Promise<void> {
  await Promise.all(started.splice(0).map((server) => server.kill()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** An empty folder for what servers write, removed with them. */
export function serverFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'cachesweeper-server-'));
  folders.push(folder);
  return folder;
}

/** How a server is started, and what to say where it is missing. */
export interface Program {
  readonly command: string;
  /** How to get it. */
  readonly remedy: string;
  /** The user that it runs as, if not that of the tests. */
  readonly as?: { readonly uid?: number; readonly gid?: number };
}

/** A real server on a loopback port of its own, ended with the test file that starts it. */
export class ServerProcess {
  readonly port: number;
  readonly #program: Program;
  readonly #args: readonly string[];
  #process: ChildProcess | undefined;

  constructor(program: Program, port: number, args: readonly string[]) {
    this.port = port;
    this.#program = program;
    this.#args = args;
    started.push(this);
  }

  /** Of the process, while it runs. */
  protected get pid(): number | undefined {
    return this.#process?.pid;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Starts it, or starts it again on the same port; resolved when it accepts connections. */
  async start(): Promise<void> {
    const { command, remedy, as } = this.#program;
    const child = spawn(command, this.#args, { ...as, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    const listen = (data: Buffer) => {
      said = `${said}${data}`.slice(-2_000);
    };
    child.stdout?.on('data', listen);
    child.stderr?.on('data', listen);
    const failed = new Promise<never>((_, reject) => {
      child.once('error', ({ message }) =>
        reject(
          new Error(`these tests need a real server and "${command}" could not be started (${message}): ${remedy}`),
        ),
      );
      child.once('exit', (code) => reject(new Error(`${command} ended with ${code}: ${said}`)));
    });
    failed.catch(() => {});
    this.#process = child;
    await Promise.race([accepting(this.port, command), failed]);
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  /** From now on it answers nothing, and carries nothing out, until it continues. */
  stop(): void {
    if (this.pid !== undefined) standStill(this.pid);
  }

  /** Lets it go on. */
  continue(): void {
    if (this.pid !== undefined) goOn(this.pid);
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
}

/**
 * A loopback port that nothing listens on: one of those that systems give to no client, so that none has it before the server that it is
 * for.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_768);
    const server = createServer();
    server.listen(port, '127.0.0.1');
    const isFree = await Promise.race([
      once(server, 'listening').then(() => true),
      once(server, 'error').then(() => false),
    ]).catch(() => false);
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

async function accepting(port: number, command: string): Promise<void> {
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
  throw new Error(`${command} does not accept connections on port ${port}`);
}
