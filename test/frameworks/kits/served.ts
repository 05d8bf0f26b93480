import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout } from 'node:timers/promises';

/** A kit compiles its stylesheets first. */
// Only a kit that hangs reaches these: on a machine with other work a start has taken 40 seconds, and a page 10.
const START_MS = 300_000;
const ANSWER_MS = 60_000;

/** What a visitor typed into forms. */
export type Answers = Record<string, string | readonly string[]>;

export interface Answer {
  readonly status: number;
  readonly html: string;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A kit in a process of its own, as its users start it. */
export class Served {
  readonly #child: ChildProcess;
  readonly #url: string;
  readonly #log: () => string;

  private constructor(child: ChildProcess, port: number, log: () => string) {
    this.#child = child;
    this.#url = `http://localhost:${port}`;
    this.#log = log;
  }

  /** Runs `node …command` in the folder of a prototype, until it answers at the port that `PORT` tells it. */
  static async start(command: readonly string[], folder: string, env: Record<string, string>): Promise<Served> {
    const port = await freePort();
    const child = spawn(process.execPath, command, { cwd: folder, env: { ...process.env, ...env, PORT: `${port}` } });
    let log = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (log += text));
    const served = new Served(child, port, () => log);
    for (const until = Date.now() + START_MS; Date.now() < until && child.exitCode === null; await setTimeout(100)) {
      if (await served.#answers()) return served;
    }
    child.kill();
    throw new Error(`the kit did not start: ${log}`);
  }

  #answers(): Promise<boolean> {
    return this.get('/').then(
      () => true,
      () => false,
    );
  }

  /** All that it wrote. */
  get log(): string {
    return this.#log();
  }

  async get(path: string, cookie = ''): Promise<Answer> {
    try {
      const response = await fetch(this.#url + path, {
        headers: { cookie },
        redirect: 'manual',
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      return { status: response.status, html: await response.text() };
    } catch (cause) {
      throw new Error(`${path} was not answered: ${this.log.slice(-2_000)}`, { cause });
    }
  }

  /** Sends a form as a new visitor, and gives the cookie of the session. */
  async visitor(answers: Answers): Promise<string> {
    const body = new URLSearchParams();
    for (const [name, value] of Object.entries(answers)) for (const one of [value].flat()) body.append(name, one);
    const response = await fetch(`${this.#url}/answers`, { method: 'POST', body, redirect: 'manual' });
    await response.arrayBuffer();
    return response.headers
      .getSetCookie()
      .map((cookie) => cookie.replace(/;.*/, ''))
      .join('; ');
  }

  async stop(): Promise<void> {
    const gone = once(this.#child, 'exit');
    this.#child.kill();
    await gone;
  }
}
