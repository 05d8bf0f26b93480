import type { Socket } from 'node:net';
import type { Address, Credentials } from './address.ts';
import { Exchange } from './exchange.ts';
import { MemjsServer } from './memjs.ts';
import { encodeRequests, type Frame, FrameReader, Opcode, ProtocolError, type Request, Status } from './wire.ts';

/** Larger answers are not believed: values are at most 1 MB, and have a key and flags. */
const MAX_BODY = 1_100_000;
/** Connecting, authenticating and a first answer may take this long, in milliseconds. */
const CONNECT_TIMEOUT = 1_000;
/** A server that has owed an answer for so long, in milliseconds, is taken for gone. */
const STALLED_AFTER = 1_000;
/** How long a socket may be kept to take back token writes, in milliseconds. */
const LINGER = 60_000;

/** What becomes of a connection is told to its owner. */
export interface ConnectionEvents {
  /** The server has spoken: exchanges may be sent. */
  ready(): void;
  /** It is of no use any more; undefined when it was closed while nothing was waited for. */
  ended(error: Error | undefined): void;
}

/**
 * One socket to one server, never used again once anything was wrong with it.
 *
 * memjs' `Server` connects and authenticates; the rest of it is replaced, because on a sick network it mixes values up. It is meant to
 * live as long as its client and to open one socket after another: its `responseBuffer` is not emptied between them and goes on being
 * fed by timed-out ones; the `close` handler of an old socket clears the new one; requests in flight are forgotten when a
 * socket is closed in good order; deadlines are the socket's idle time. Here each `Server` has one socket in its life, frames are read by
 * {@link FrameReader} and answered to the {@link Exchange} that is due, and every end answers all of them.
 */
export class Connection extends MemjsServer {
  readonly #events: ConnectionEvents;
  readonly #reader = new FrameReader(MAX_BODY);
  /** On the wire, oldest first. */
  readonly #exchanges: Exchange<unknown>[] = [];
  readonly #onLate = (exchange: Exchange<unknown>): void => this.#late(exchange);
  readonly #connecting: NodeJS.Timeout;
  readonly #socket: Socket;
  #opaque: number;
  #isReady = false;
  #hasEnded = false;

  /** @param firstOpaque where the numbers of requests begin; they go round at 2^32 */
  constructor({ host, port }: Address, { username, password }: Credentials, events: ConnectionEvents, firstOpaque = 0) {
    super(host, port, '', '', { conntimeout: CONNECT_TIMEOUT / 1_000, keepAlive: true, keepAliveDelay: 30 });
    // Without these memjs takes those of MEMCACHIER_USERNAME and MEMCACHE_PASSWORD, for whatever server this is.
    this.username = username;
    this.password = password;
    this.#events = events;
    this.#opaque = firstOpaque;
    this.#connecting = setTimeout(
      () => this.#end(new Error(`no answer for ${CONNECT_TIMEOUT} ms while connecting`)),
      CONNECT_TIMEOUT,
    );
    this.sock(false, () => this.#greet());
    this.#socket = this._socket as Socket;
    // Small batches would wait for the acknowledgement of the batch before.
    this.#socket.setNoDelay(true);
    // What keeps the process alive is the deadlines of those who wait.
    this.#socket.unref();
    this.#socket.on('close', () => this.#end(undefined));
  }

  /** Puts an exchange on the wire. All that are sent in one tick make one write. */
  send(exchange: Exchange<unknown>): void {
    if (this.#hasEnded) return exchange.settle();
    exchange.start(this.#opaque, this.#onLate);
    this.#exchanges.push(exchange);
    this.#write(exchange.opcode, exchange.requests);
  }

  /** Ends the connection if the server has owed an answer for too long. */
  checkStalled(): void {
    const oldest = this.#exchanges[0];
    if (oldest === undefined || performance.now() - oldest.sent < STALLED_AFTER) return;
    // Perhaps it was this process that was busy: what has come meanwhile is read first.
    setImmediate(() => {
      if (this.#exchanges[0] === oldest) this.#end(new Error(`no answer for ${STALLED_AFTER} ms`));
    });
  }

  override close(): void {
    this.#end(undefined);
  }

  /** Replaces memjs' parser. */
  override responseHandler(data: Buffer): void {
    try {
      // What comes later in the packet may find the connection ended.
      for (const frame of this.#hasEnded ? [] : this.#reader.read(data)) if (!this.#hasEnded) this.#accept(frame);
    } catch (error) {
      this.#end(error as Error);
    }
  }

  /** memjs calls this for errors of the socket. */
  override error(error: unknown): void {
    this.#end(error instanceof Error ? error : new Error(String(error)));
  }

  /** A first answer, before anything depends on it: what accepts connections need not be a Memcached. */
  async #greet(): Promise<void> {
    const noop = new Exchange<number | undefined>(
      Opcode.noop,
      [{ key: '' }],
      undefined,
      ({ status }) => status,
      CONNECT_TIMEOUT,
    );
    this.send(noop);
    const [status] = await noop.answered;
    if (this.#hasEnded) return;
    if (status === Status.notAuthenticated)
      return this.#end(new Error('the server asks for a username and a password'));
    if (status !== Status.ok) return this.#end(new ProtocolError('the server did not return the greeting'));
    clearTimeout(this.#connecting);
    this.#isReady = true;
    this.#events.ready();
  }

  #accept(frame: Frame): void {
    if (frame.opcode === Opcode.saslList || frame.opcode === Opcode.saslAuth) return this.#authenticate(frame);
    const exchange = this.#exchanges[0];
    if (exchange === undefined) throw new ProtocolError('the server answered without having been asked');
    exchange.accept(frame);
    if (exchange.isComplete) this.#exchanges.shift();
  }

  #authenticate({ opcode, status }: Frame): void {
    if (this.#isReady || this.username === undefined) throw new ProtocolError('the server spoke of authentication');
    if (status !== Status.ok)
      throw new Error(
        `the server refused the username and the password, or knows none (status 0x${status.toString(16)})`,
      );
    if (opcode === Opcode.saslList) this.saslAuth();
    else this.emit('authenticated');
  }

  #late(exchange: Exchange<unknown>): void {
    this.checkStalled();
    if (exchange.isRevocable && !this.#hasEnded) {
      const deletion = new Exchange(
        Opcode.delete,
        exchange.open.map(keyOnly),
        undefined,
        () => undefined,
        CONNECT_TIMEOUT,
      );
      this.send(deletion);
      // Nobody waits for it; its answers are due all the same.
      deletion.settle();
    }
  }

  /**
   * Answers everybody, and deletes keys behind writes whose answer nobody waits for any more. A server carries out what it gets in order: however
   * late it does so, such a value is gone as soon as it is there. (A token made before a bump would otherwise come to stand in
   * the place of the one made by it, with a time that hides how young it is.)
   */
  #end(error: Error | undefined): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    clearTimeout(this.#connecting);
    // Those as well that were late: their deletion may still wait in this process.
    const revoked = this.#exchanges.filter(({ isRevocable }) => isRevocable);
    if (revoked.length > 0 && this.#socket.writable) {
      this.#write(
        Opcode.delete,
        revoked.flatMap(({ open }) => open.map(keyOnly)),
      );
      this.#socket.end();
      const timer = setTimeout(() => this.#socket.destroy(), LINGER).unref();
      this.#socket.once('close', () => clearTimeout(timer));
    } else {
      this.#socket.destroy();
    }
    const cause = error ?? (this.#exchanges.length > 0 ? new Error('the server closed the connection') : undefined);
    for (const exchange of this.#exchanges.splice(0)) exchange.settle();
    this.#events.ended(cause);
  }

  #write(opcode: Opcode, requests: readonly Request[]): void {
    const bytes = encodeRequests(opcode, requests, this.#opaque);
    this.#opaque = (this.#opaque + requests.length) >>> 0;
    if (!this.#socket.writableCorked) {
      this.#socket.cork();
      process.nextTick(() => this.#socket.uncork());
    }
    this.#socket.write(bytes);
  }
}

function keyOnly({ key }: Request): Request {
  return { key };
}
