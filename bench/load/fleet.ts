import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Server, startServer } from '../memcached.ts';
import type { Command, Told, Visits } from './process.ts';
import type { Kind } from './sites.ts';

/** Processes of a fleet. */
export const PROCESSES = 4;

const PROGRAM = fileURLToPath(new URL('./process.js', import.meta.url));

/** A process of a site. */
class Member {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (visits: Visits) => void>();
  #commands = 0;

  /** @param loading called with how many loads have begun */
  constructor(loading: (count: number) => void) {
    this.#child = fork(PROGRAM, { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.#child.on('message', (message: Told) => {
      if (message.told === 'loads') return loading(message.count);
      this.#waiting.get(message.id)?.(message.visits);
      this.#waiting.delete(message.id);
    });
    process.once('exit', () => this.#child.kill('SIGKILL'));
  }

  ask(command: Command): Promise<Visits> {
    const id = this.#commands++;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.send({ id, command });
    });
  }

  /** Ends it as a crash does. What it was asked to do is never answered. */
  async kill(): Promise<void> {
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}

/** One site in four processes of its own, on a Memcached of its own. */
export class Fleet {
  readonly kind: Kind;
  readonly server: Server;
  readonly #members: Member[];
  #sites = 0;
  /** Loads since the count was last set to 0. */
  loads = 0;
  #whenLoading: (() => void) | undefined;

  private constructor(kind: Kind, server: Server) {
    this.kind = kind;
    this.server = server;
    this.#members = Array.from({ length: PROCESSES }, () => this.#start());
  }

  static async start(kind: Kind): Promise<Fleet> {
    return new Fleet(kind, await startServer());
  }

  #start(): Member {
    return new Member((count) => {
      this.loads += count;
      this.#whenLoading?.();
    });
  }

  /** Opens a cold site in all processes, in place of the one before. */
  async open({ isUncacheable = false } = {}): Promise<void> {
    const { kind, server } = this;
    const setup = { kind, port: server.port, namespace: `site${this.#sites++}`, isUncacheable };
    await this.all({ do: 'open', setup });
    this.loads = 0;
  }

  /** Asks the first processes to do the same. */
  async all(command: Command, processes = PROCESSES): Promise<Visits> {
    return together(await Promise.all(this.#members.slice(0, processes).map((member) => member.ask(command))));
  }

  /** Asks one process. */
  one(command: Command, member = 0): Promise<Visits> {
    return (this.#members[member] as Member).ask(command);
  }

  /** Visitors at once, an equal share in each of the first processes. */
  visit(article: number, visitors: number, processes = PROCESSES): Promise<Visits> {
    return this.all({ do: 'visit', article, visitors: visitors / processes }, processes);
  }

  /** Visitors of all processes but the first. */
  async visitOthers(article: number, visitors: number): Promise<Visits> {
    const others = this.#members.slice(1);
    const command: Command = { do: 'visit', article, visitors: Math.ceil(visitors / others.length) };
    return together(await Promise.all(others.map((member) => member.ask(command))));
  }

  /** Bumps an article, as the process does that has saved it. A cache in each process is told in each. */
  async bump(article: number): Promise<void> {
    const command: Command = { do: 'bump', article };
    await (this.kind === 'bentocache' ? this.all(command) : this.one(command));
  }

  /** Resolves when the next load begins. */
  loading(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenLoading = () => {
        this.#whenLoading = undefined;
        resolve();
      };
    });
  }

  /** Kills the first process. */
  async killFirst(): Promise<void> {
    await (this.#members[0] as Member).kill();
  }

  /** Starts another one in its place; a site has to be opened. */
  startFirst(): void {
    this.#members[0] = this.#start();
  }

  async end(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.kill()));
    this.server.signal('SIGKILL');
  }
}

function together(all: readonly Visits[]): Visits {
  return { waits: all.flatMap(({ waits }) => waits), errors: all.reduce((sum, { errors }) => sum + errors, 0) };
}
