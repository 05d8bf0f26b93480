import type { Socket } from 'node:net';
import { Deadline } from '../../util/deadline.ts';
import type { Address, Credentials } from './address.ts';
import { MemjsServer } from './memjs.ts';
import { PendingBatch } from './pending-batch.ts';
import { encodeRequests, Opcode, type Packet, PacketReader, ProtocolError, type Request, Status } from './wire.ts';

/** Largest answer accepted, in bytes: values are at most 1 MB, plus key and flags. */
const MAX_BODY = 1_100_000;
/** Time limit for connecting, authenticating and the first answer, in milliseconds. */
const CONNECT_TIMEOUT = 1_000;
/** A server that has not answered for this many milliseconds counts as gone. */
const STALLED_AFTER = 1_000;
/** How long an ended socket stays open so that the server can still delete revoked tokens, in milliseconds. */
const LINGER = 60_000;

/** Tells the owner of a connection what happens to it. */
export interface ConnectionEvents {
  /** The server has answered the greeting, so batches may be sent. */
  ready(): void;
  /** The connection has ended. The error is undefined when it was closed while no answer was due. */
  ended(error: Error | undefined): void;
}

/**
 * One socket to one server. After any error the socket is never used again.
 *
 * memjs' `Server` connects and authenticates. The rest of it is replaced, because on a bad network it mixes up values.
 * It is meant to open one socket after another: its `responseBuffer` is not emptied between them and still receives
 * data from timed-out ones; the `close` handler of an old socket clears the new one; requests in flight are forgotten
 * when a socket closes cleanly; its deadline is the socket's idle time. Here each `Server` has a single socket,
 * {@link PacketReader} reads the packets and gives each to the oldest {@link PendingBatch}, and when the connection ends,
 * every batch is answered.
 */
export class Connection extends MemjsServer {
  readonly #events: ConnectionEvents;
  readonly #reader = new PacketReader(MAX_BODY);
  /** Batches on the wire, oldest first. */
  readonly #batches: PendingBatch<unknown>[] = [];
  readonly #onLate = (batch: PendingBatch<unknown>): void => this.#late(batch);
  readonly #connecting: Deadline;
  readonly #socket: Socket;
  #opaque: number;
  #isReady = false;
  #hasEnded = false;

  /** @param firstOpaque number of the first request; the numbers wrap at 2^32 */
  constructor({ host, port }: Address, { username, password }: Credentials, events: ConnectionEvents, firstOpaque = 0) {
    // A deadline of this class ends the connection first.
    super(host, port, '', '', { conntimeout: CONNECT_TIMEOUT / 100, keepAlive: true, keepAliveDelay: 30 });
    // Always set both. memjs would otherwise use MEMCACHIER_USERNAME and MEMCACHE_PASSWORD, whichever server this is.
    this.username = username;
    this.password = password;
    this.#events = events;
    this.#opaque = firstOpaque;
    this.#connecting = new Deadline(CONNECT_TIMEOUT, () =>
      this.#end(new Error(`no answer for ${CONNECT_TIMEOUT} ms while connecting`)),
    );
    this.sock(false, () => this.#greet());
    this.#socket = this._socket as Socket;
    // Without this, a small batch would wait for the acknowledgement of the one before.
    this.#socket.setNoDelay(true);
    // An idle connection must not keep the process alive; the timers of waiting callers do.
    this.#socket.unref();
    this.#socket.on('close', () => this.#end(undefined));
  }

  /** Sends a batch. All that are sent in one tick become one write. */
  send(batch: PendingBatch<unknown>): void {
    if (this.#hasEnded) return batch.settle();
    batch.start(this.#opaque, this.#onLate);
    this.#batches.push(batch);
    this.#write(batch.opcode, batch.requests);
  }

  /** Ends the connection if an answer has been due for too long. */
  checkStalled(): void {
    const oldest = this.#batches[0];
    if (oldest === undefined || performance.now() - oldest.sent < STALLED_AFTER) return;
    // This process may have been blocked, so let answers that have arrived be read first.
    setImmediate(() => {
      if (this.#batches[0] === oldest) this.#end(new Error(`no answer for ${STALLED_AFTER} ms`));
    });
  }

  override close(): void {
    this.#end(undefined);
  }

  /** Replaces memjs' parser. */
  override responseHandler(data: Buffer): void {
    try {
      // A packet may end the connection; skip the rest of the packet then.
      for (const packet of this.#hasEnded ? [] : this.#reader.read(data)) if (!this.#hasEnded) this.#accept(packet);
    } catch (error) {
      this.#end(error as Error);
    }
  }

  /** memjs calls this for errors of the socket. */
  override error(error: unknown): void {
    this.#end(error instanceof Error ? error : new Error(String(error)));
  }

  /**
   * Sends a no-op and waits for the answer before the connection is used, because what listens there may not be
   * Memcached.
   */
  async #greet(): Promise<void> {
    const noop = new PendingBatch<number | undefined>(
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
    this.#connecting.clear();
    this.#isReady = true;
    this.#events.ready();
  }

  #accept(packet: Packet): void {
    if (packet.opcode === Opcode.saslList || packet.opcode === Opcode.saslAuth) return this.#authenticate(packet);
    const batch = this.#batches[0];
    if (batch === undefined) throw new ProtocolError('the server answered without having been asked');
    batch.accept(packet);
    if (batch.isComplete) this.#batches.shift();
  }

  #authenticate({ opcode, status }: Packet): void {
    if (this.#isReady || this.username === undefined) throw new ProtocolError('the server spoke of authentication');
    if (status !== Status.ok)
      throw new Error(
        `the server refused the username and the password, or knows none (status 0x${status.toString(16)})`,
      );
    if (opcode === Opcode.saslList) this.saslAuth();
    else this.emit('authenticated');
  }

  #late(batch: PendingBatch<unknown>): void {
    this.checkStalled();
    if (batch.isRevocable && !this.#hasEnded) {
      const deletion = new PendingBatch(
        Opcode.delete,
        batch.open.map(keyOnly),
        undefined,
        () => undefined,
        CONNECT_TIMEOUT,
      );
      this.send(deletion);
      // No caller waits for the deletion, but its answers must still be read.
      deletion.settle();
    }
  }

  /**
   * Ends the connection and answers all batches. Behind token writes that may still be carried out it sends a delete
   * of the same keys. A server works in order, so even a late write is deleted at once. Otherwise a token made before a
   * bump could overwrite the bump's token.
   */
  #end(error: Error | undefined): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#connecting.clear();
    // Include batches that were late already: their deletion may still be in this process's buffer.
    const revoked = this.#batches.filter(({ isRevocable }) => isRevocable);
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
    const cause = error ?? (this.#batches.length > 0 ? new Error('the server closed the connection') : undefined);
    for (const batch of this.#batches.splice(0)) batch.settle();
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
