import type { Argument, Command } from './clients.ts';
import { type Connection, connectionOf } from './connection.ts';

/** Time limit for connecting and signing in, in milliseconds. */
const CONNECT_TIMEOUT = 1_000;
/** Milliseconds between attempts to connect: the first, and the longest. */
const FIRST_WAIT = 50;
const LAST_WAIT = 500;

/** What happens to a client that was opened here. */
interface ClientEvents {
  ready(): void;
  failed(error: unknown): void;
  lost(): void;
}

/** A client that was opened here. */
interface Opened {
  readonly connection: Connection;
  end(): void;
}

interface Emitter {
  on(event: 'ready' | 'error' | 'end', listener: (error: unknown) => void): unknown;
}

interface NodeRedis {
  createClient(options: object): Emitter & {
    connect(): Promise<unknown>;
    unref(): void;
    /** From version 5 on. */
    destroy?(): void;
    disconnect(): unknown;
  };
}

interface IoRedis {
  Redis: new (
    url: string,
    options: object,
  ) => Emitter & { readonly stream: { unref(): void } | undefined; disconnect(): void };
}

/**
 * A connection of the store's own to one server. It uses whichever of the packages redis and ioredis is installed, loads
 * it at its first use, and sets it so that it queues nothing and sends nothing twice. It connects again only when
 * something is asked of it.
 */
export class OwnConnection implements Connection {
  readonly isCluster = false;
  trouble: string | undefined;
  readonly #url: string;
  #opened: Opened | undefined;
  #opening: Promise<void> | undefined;
  #isClosed = false;
  /** Attempts since the server last answered. */
  #attempts = 0;
  #retryAt = 0;

  constructor(url: string) {
    this.#url = url;
  }

  isReady(): boolean {
    if (this.#opened !== undefined) return this.#opened.connection.isReady();
    if (!this.#isClosed && performance.now() >= this.#retryAt) this.#opening ??= this.#open();
    return false;
  }

  async send(key: string, command: Command, args: readonly Argument[]): Promise<unknown> {
    if (this.#opened === undefined) throw new Error('not connected');
    return this.#opened.connection.send(key, command, args);
  }

  /** Gives the connection up: a network may have lost it without telling. */
  renew(): void {
    this.#lose(this.#opened);
  }

  close(): void {
    this.#isClosed = true;
    this.#lose(this.#opened);
  }

  #lose(opened: Opened | undefined): void {
    if (opened === undefined || this.#opened !== opened) return;
    this.#opened = undefined;
    opened.end();
    // A server that worked a moment ago may have been restarted, so try again at once.
    if (this.#attempts > 0) this.#retryAt = performance.now() + pause(this.#attempts);
    this.#attempts++;
  }

  async #open(): Promise<void> {
    let opened: Opened | undefined;
    let isLost = false;
    const events: ClientEvents = {
      ready: () => {
        this.#attempts = 0;
        this.trouble = undefined;
      },
      failed: (error) => {
        // The client's error for being ended says nothing of the server.
        if (isLost) return;
        this.trouble = error instanceof Error ? error.message : String(error);
      },
      lost: () => {
        isLost = true;
        this.#lose(opened);
      },
    };
    opened = await openNodeRedis(this.#url, events)
      .catch(() => openIoRedis(this.#url, events))
      .catch(() => undefined);
    if (opened === undefined) {
      this.trouble =
        'neither redis nor ioredis can be loaded; npm install redis, or give RedisStore a client that you have made';
      return;
    }
    this.#opening = undefined;
    this.#opened = opened;
    // It may have been closed, or lost, while the package was loaded.
    if (this.#isClosed || isLost) return this.#lose(opened);
    // A client whose password was refused waits for nothing.
    const giveUp = (): void => {
      if (this.#opened !== opened || opened?.connection.isReady()) return;
      this.trouble ??= `no answer for ${CONNECT_TIMEOUT} ms while connecting`;
      isLost = true;
      this.#lose(opened);
    };
    setTimeout(giveUp, CONNECT_TIMEOUT).unref();
  }
}

async function openNodeRedis(url: string, { ready, failed, lost }: ClientEvents): Promise<Opened> {
  const { createClient }: NodeRedis = await load('redis');
  const socket = { connectTimeout: CONNECT_TIMEOUT, reconnectStrategy: false };
  const client = createClient({ url, disableOfflineQueue: true, socket });
  const end = (error: unknown): void => {
    failed(error);
    lost();
  };
  client.on('error', end);
  client.on('ready', ready);
  // A connection must not keep the process alive, nor one that is tried in vain; the timers of waiting callers do.
  client.unref();
  client.connect().catch(end);
  return { connection: connectionOf(client), end: () => void endNodeRedis(client).catch(() => {}) };
}

/** Rejects if it has ended already. */
async function endNodeRedis(client: ReturnType<NodeRedis['createClient']>): Promise<void> {
  if (client.destroy !== undefined) client.destroy();
  else await client.disconnect();
}

async function openIoRedis(url: string, { ready, failed, lost }: ClientEvents): Promise<Opened> {
  const { Redis }: IoRedis = await load('ioredis');
  const client = new Redis(url, {
    connectTimeout: CONNECT_TIMEOUT,
    retryStrategy: null,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
  });
  client.on('error', failed);
  client.on('end', lost);
  client.on('ready', () => {
    client.stream?.unref();
    ready();
  });
  return { connection: connectionOf(client), end: () => client.disconnect() };
}

/** Loads an optional package. Bundlers must not look for it, because it may not be there. */
async function load<T>(name: string): Promise<T> {
  const loaded = (await import(/* @vite-ignore */ name)) as { readonly default?: object };
  return { ...loaded.default, ...loaded } as T;
}

/** Milliseconds until the next attempt. The random wait keeps processes from retrying all at once. */
function pause(attempts: number): number {
  return Math.min(FIRST_WAIT * 2 ** attempts, LAST_WAIT) * (0.5 + Math.random() / 2);
}
