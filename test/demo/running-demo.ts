import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type * as App from '../../demo/app.ts';

const root = path.resolve(import.meta.dirname, '../..');
const main = path.join(root, 'build/demo/main.js');
const app = path.join(root, 'build/demo/app.js');

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

/** A demo in the process of the tests, for those that need a new one each time: loading the program takes longer than the test. */
export interface LocalDemo {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts the compiled demo here. */
export async function startLocalDemo(): Promise<LocalDemo> {
  checkCompiled();
  const { createSite } = createRequire(import.meta.url)(app) as typeof App;
  const site = await createSite();
  const server = createServer(site.app).listen(0, 'localhost');
  await once(server, 'listening');
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
      await site.close();
    },
  };
}

function checkCompiled(): void {
  if (!existsSync(main)) throw new Error('the demo is not compiled: run npm run build && npm run build:demo');
}

function spawnDemo(port: string | undefined): { child: ChildProcess; ending: Promise<Ending>; output: () => string } {
  checkCompiled();
  const { PORT: _, HOST: __, ...env } = process.env;
  const child = spawn(process.execPath, [main], { env: port === undefined ? env : { ...env, PORT: port } });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (part) => (text += part));
  const ending = new Promise<Ending>((resolve) => child.on('close', (code, signal) => resolve({ code, signal })));
  return { child, ending, output: () => text };
}
