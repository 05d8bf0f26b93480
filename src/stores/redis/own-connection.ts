import type { Argument } from './clients.ts';
import { type Connection, connectionOf } from './connection.ts';

/** Time limit for connecting, in milliseconds. */
const CONNECT_TIMEOUT = 1_000;
/** Milliseconds between attempts to connect: the first, and the longest. */
const FIRST_WAIT = 50;
const LAST_WAIT = 500;

/** A connection that was opened here. */
interface Opened {
  readonly connection: Connection;
  end(): void;
}

type Emitter = { on(event: string, listener: (error: unknown) => void): unknown };
type NodeRedis = {
  createClient(options: object): Emitter & {
    connect(): Promise<unknown>;
    unref(): void;
    /** From version 5 on. */
    destroy?(): void;
    disconnect(): unknown;
  };
};
type IoRedis = {
  Redis: new (
    url: string,
    options: object,
  ) => Emitter & { readonly stream: { unref(): void } | undefined; disconnect(): void };
};

/**
 * A connection of the store's own to one server. It uses whichever of the packages redis and ioredis is installed, loads
 * it at its first use, and sets it so that nothing is queued while the server is away, and nothing is sent twice.
 */
export class OwnConnection implements Connection {
  readonly isCluster = false;
  readonly #url: string;
  readonly #onError: (error: Error) => void;
  #opened: Opened | undefined;
  #opening: Promise<void> | undefined;
  #isClosed = false;

  /** @param onError called when no client library can be loaded */
  constructor(url: string, onError: (error: Error) => void) {
    this.#url = url;
    this.#onError = onError;
  }

  isReady(): boolean {
    if (this.#opened === undefined && !this.#isClosed) this.#opening ??= this.#open();
    return this.#opened?.connection.isReady() ?? false;
  }

  async send(key: string, args: readonly Argument[]): Promise<unknown> {
    if (this.#opened === undefined) throw new Error('not connected');
    return this.#opened.connection.send(key, args);
  }

  /** Gives the connection up: a network may have lost it without telling. */
  renew(): void {
    this.#end();
  }

  close(): void {
    this.#isClosed = true;
    this.#end();
  }

  #end(): void {
    this.#opened?.end();
    this.#opened = undefined;
    this.#opening = undefined;
  }

  async #open(): Promise<void> {
    const opened = await openNodeRedis(this.#url)
      .catch(() => openIoRedis(this.#url))
      .catch(() => undefined);
    if (opened === undefined) {
      return this.#onError(
        new Error(
          'neither redis nor ioredis can be loaded: npm install redis, or give RedisStore a client that you have made',
        ),
      );
    }
    if (this.#isClosed) opened.end();
    else this.#opened = opened;
  }
}

async function openNodeRedis(url: string): Promise<Opened> {
  const { createClient }: NodeRedis = await load('redis');
  const socket = { connectTimeout: CONNECT_TIMEOUT, reconnectStrategy: pause };
  const client = createClient({ url, disableOfflineQueue: true, socket });
  // Calls that fail tell; without a listener an error would end the process.
  client.on('error', () => {});
  client.connect().catch(() => {});
  // An idle connection must not keep the process alive; the timers of waiting callers do.
  client.unref();
  return {
    connection: connectionOf(client),
    end: () => {
      if (client.destroy !== undefined) client.destroy();
      else Promise.resolve(client.disconnect()).catch(() => {});
    },
  };
}

async function openIoRedis(url: string): Promise<Opened> {
  const { Redis }: IoRedis = await load('ioredis');
  const client = new Redis(url, {
    connectTimeout: CONNECT_TIMEOUT,
    retryStrategy: pause,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
  });
  client.on('error', () => {});
  client.on('connect', () => client.stream?.unref());
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
