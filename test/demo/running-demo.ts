import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');
const main = path.join(root, 'build/demo/main.js');

/** Where the browser test leaves its pictures. */
export const screenshots = path.join(root, 'build/screenshots');

/** How a process ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The compiled demo as its own process, as `npm start` runs it. */
export class RunningDemo {
  readonly url: string;
  readonly #process: ChildProcess;
  readonly #ending: Promise<Ending>;

  private constructor(url: string, child: ChildProcess, ending: Promise<Ending>) {
    this.url = url;
    this.#process = child;
    this.#ending = ending;
  }

  /** Resolves once it has said its address. `port: undefined` leaves it to the demo. */
  static async start({ port = '0' }: { port?: string | undefined } = {}): Promise<RunningDemo> {
    const { child, ending, output } = spawnDemo(port);
    const url = await new Promise<string>((resolve, reject) => {
      const look = () => {
        const address = /http:\/\/localhost:\d+/.exec(output())?.[0];
        if (address !== undefined) resolve(address);
      };
      child.stdout?.on('data', look);
      ending.then(({ code }) => reject(new Error(`the demo ended with code ${code}:\n${output()}`)));
    });
    return new RunningDemo(url, child, ending);
  }

  /** Starts a demo that is expected to give up, and resolves with what it said. */
  static async failToStart(port: string): Promise<Ending & { output: string }> {
    const { ending, output } = spawnDemo(port);
    return { ...(await ending), output: output() };
  }

  /** Asks it to stop and waits for it. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ending> {
    this.#process.kill(signal);
    return this.#ending;
  }
}

function spawnDemo(port: string | undefined): { child: ChildProcess; ending: Promise<Ending>; output: () => string } {
  if (!existsSync(main)) throw new Error('the demo is not compiled: run npm run build && npm run build:demo');
  const { PORT: _, HOST: __, ...env } = process.env;
  const child = spawn(process.execPath, [main], { env: port === undefined ? env : { ...env, PORT: port } });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (part) => (text += part));
  const ending = new Promise<Ending>((resolve) => child.on('close', (code, signal) => resolve({ code, signal })));
  return { child, ending, output: () => text };
}
