import { type Frame, Opcode, ProtocolError, type Request, Status } from './wire.ts';

/**
 * One batch of requests and its answers. The server answers every request, in order (no quiet ones: silence would have
 * to be taken for reader), so each frame is known before it comes: whatever else comes is an error. The exchange stays
 * on the wire after its caller was answered, until the server has answered too.
 */
export class Exchange<T> {
  readonly opcode: Opcode;
  readonly requests: readonly Request[];
  /** A write that must not be carried out once its caller has been told that it was not. */
  readonly isRevocable: boolean;
  /** Resolves when all is answered, the deadline has passed or the connection has failed; with what is known then. */
  readonly answered: Promise<readonly T[]>;
  /** Since when the server is waited for, by `performance.now()`. */
  sent = 0;
  readonly #answers: T[];
  readonly #read: (frame: Frame) => T;
  readonly #timer: NodeJS.Timeout;
  #settle: (() => void) | undefined;
  #onLate: ((exchange: Exchange<unknown>) => void) | undefined;
  #firstOpaque = 0;
  #next = 0;

  /**
   * @param nothing the answer where the server's is not known
   * @param read the answer in a frame, for the request at this place of the batch
   * @param timeout milliseconds until the caller is answered
   */
  constructor(
    opcode: Opcode,
    requests: readonly Request[],
    nothing: T,
    read: (frame: Frame) => T,
    timeout: number,
    isRevocable = false,
  ) {
    this.opcode = opcode;
    this.isRevocable = isRevocable;
    this.requests = requests;
    this.#answers = new Array<T>(requests.length).fill(nothing);
    this.#read = read;
    this.answered = new Promise((resolve) => {
      // Not assigned as it is written: see "closures" in docs/performance.md.
      const settle = (): void => resolve(this.#answers);
      this.#settle = settle;
    });
    // When the process was busy for so long, timers run before sockets: what has come meanwhile is read first.
    this.#timer = setTimeout(() => setImmediate(() => this.#expire()), timeout);
  }

  /** The caller has its answer. */
  get isSettled(): boolean {
    return this.#settle === undefined;
  }

  /** The server has answered everything. */
  get isComplete(): boolean {
    return this.#next === this.requests.length;
  }

  /** Requests that the server has not answered. */
  get open(): readonly Request[] {
    return this.requests.slice(this.#next);
  }

  /**
   * It goes on the wire now.
   *
   * @param onLate called when the deadline passes; its caller is answered after that
   */
  start(firstOpaque: number, onLate: (exchange: Exchange<unknown>) => void): void {
    this.#firstOpaque = firstOpaque;
    this.#onLate = onLate;
    this.sent = performance.now();
  }

  /** @throws ProtocolError when this is not the next answer */
  accept(frame: Frame): void {
    const request = this.requests[this.#next];
    if (request === undefined || frame.opaque !== (this.#firstOpaque + this.#next) >>> 0) {
      throw new ProtocolError('the server answered something that it was not asked next');
    }
    if (frame.opcode !== this.opcode) throw new ProtocolError('the server answered another command');
    const namesKey = this.opcode === Opcode.getk && (frame.status === Status.ok || frame.status === Status.missing);
    if ((namesKey || frame.hasKey) && !frame.isFor(request.key)) {
      throw new ProtocolError('the server answered for another key');
    }
    if (!this.isSettled) this.#answers[this.#next] = this.#read(frame);
    this.#next++;
    if (this.isComplete) this.settle();
  }

  /** Answers the caller with what is known. */
  settle(): void {
    if (this.#settle === undefined) return;
    clearTimeout(this.#timer);
    const settle = this.#settle;
    this.#settle = undefined;
    settle();
  }

  #expire(): void {
    if (this.isSettled) return;
    this.#onLate?.(this);
    this.settle();
  }
}
