import { Deadline } from '../../util/deadline.ts';
import { Opcode, type Packet, ProtocolError, type Request, Status } from './wire.ts';

/** When a write that must be undone has failed, however busy this process is: in milliseconds. */
const LATEST_REVOCATION = 900;

/**
 * One batch of requests and its answers. The server answers each request, in order. (Quiet commands are not used: with
 * them, silence would have to count as an answer.) So each packet is expected, and any other is an error. The batch
 * stays on the wire after its caller was answered, until the server has answered too.
 */
export class PendingBatch<T> {
  readonly opcode: Opcode;
  readonly requests: readonly Request[];
  /** Whether a write must be undone when its caller was told that it failed. */
  readonly isRevocable: boolean;
  /**
   * Resolves when all is answered, the deadline has passed, or the connection has failed; with the answers known by
   * then.
   */
  readonly answered: Promise<readonly T[]>;
  /** When it was sent, by `performance.now()`. */
  sent = 0;
  readonly #answers: T[];
  readonly #read: (packet: Packet) => T;
  readonly #deadline: Deadline;
  #settle: (() => void) | undefined;
  #onLate: ((batch: PendingBatch<unknown>) => void) | undefined;
  #firstOpaque = 0;
  #next = 0;

  /**
   * @param nothing answer for a request that the server did not answer
   * @param read turns a packet into an answer
   * @param timeout milliseconds until the caller is answered
   */
  constructor(
    opcode: Opcode,
    requests: readonly Request[],
    nothing: T,
    read: (packet: Packet) => T,
    timeout: number,
    isRevocable = false,
  ) {
    this.opcode = opcode;
    this.isRevocable = isRevocable;
    this.requests = requests;
    this.#answers = new Array<T>(requests.length).fill(nothing);
    this.#read = read;
    this.answered = new Promise((resolve) => {
      // Do not assign the function directly: see "closures" in docs/performance.md.
      const settle = (): void => resolve(this.#answers);
      this.#settle = settle;
    });
    const latest = isRevocable ? Math.max(timeout, LATEST_REVOCATION) : undefined;
    this.#deadline = new Deadline(timeout, () => this.#expire(), latest);
  }

  /** Whether the caller has been answered. */
  get isSettled(): boolean {
    return this.#settle === undefined;
  }

  /** Whether the server has answered every request. */
  get isComplete(): boolean {
    return this.#next === this.requests.length;
  }

  /** Requests that the server has not answered. */
  get open(): readonly Request[] {
    return this.requests.slice(this.#next);
  }

  /**
   * Marks the batch as sent.
   *
   * @param onLate called when the deadline passes, just before the caller is answered
   */
  start(firstOpaque: number, onLate: (batch: PendingBatch<unknown>) => void): void {
    this.#firstOpaque = firstOpaque;
    this.#onLate = onLate;
    this.sent = performance.now();
  }

  /**
   * Takes the answer to the next request.
   *
   * @throws ProtocolError when the packet does not belong to that request
   */
  accept(packet: Packet): void {
    const request = this.requests[this.#next];
    if (request === undefined || packet.opaque !== (this.#firstOpaque + this.#next) >>> 0) {
      throw new ProtocolError('the server answered something that it was not asked next');
    }
    if (packet.opcode !== this.opcode) throw new ProtocolError('the server answered another command');
    const namesKey = this.opcode === Opcode.getk && (packet.status === Status.ok || packet.status === Status.missing);
    if ((namesKey || packet.hasKey) && !packet.isFor(request.key)) {
      throw new ProtocolError('the server answered for another key');
    }
    if (!this.isSettled) this.#answers[this.#next] = this.#read(packet);
    this.#next++;
    if (this.isComplete) this.settle();
  }

  /** Answers the caller with what is known. */
  settle(): void {
    if (this.#settle === undefined) return;
    this.#deadline.clear();
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
