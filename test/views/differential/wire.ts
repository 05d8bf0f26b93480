import { connect, type Socket } from 'node:net';

/** An answer as it came over the wire. Names are in lower case; a header that came twice has two values. */
export interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly body: string;
}

const HEAD_END = Buffer.from('\r\n\r\n');

/**
 * One connection that is kept. It writes requests as they are, which `node:http` would refuse in part, and takes a
 * fraction of its time.
 */
export class Wire {
  readonly #port: number;
  #socket: Socket | undefined;
  #received: Buffer = Buffer.alloc(0);
  #waiting: { readonly isHead: boolean; done(answer: Answer): void; failed(error: Error): void } | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  /** The port of our own end, by which the server knows this connection. */
  get localPort(): number | undefined {
    return this.#socket?.localPort;
  }

  async ask(head: string, isHead: boolean): Promise<Answer> {
    const socket = await this.#connected();
    return new Promise((done, failed) => {
      this.#waiting = { isHead, done, failed };
      socket.write(head, 'latin1');
    });
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  async #connected(): Promise<Socket> {
    const held = this.#socket;
    if (held !== undefined && !held.destroyed && held.writable) return held;
    const socket = connect(this.#port, '127.0.0.1');
    socket.setNoDelay(true);
    this.#socket = socket;
    this.#received = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
      this.#read(false);
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      this.#read(true);
      this.#waiting?.failed(new Error(`cut off: ${JSON.stringify(this.#received.toString('latin1').slice(0, 300))}`));
      this.#waiting = undefined;
    });
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return socket;
  }

  #read(isEnd: boolean): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const read = parse(this.#received, waiting.isHead, isEnd);
    if (read === undefined) return;
    this.#received = this.#received.subarray(read.length);
    this.#waiting = undefined;
    if (read.answer.headers.get('connection')?.[0] === 'close') this.close();
    waiting.done(read.answer);
  }
}

/** Returns the answer and its length, once it is complete. */
function parse(bytes: Buffer, isHead: boolean, isEnd: boolean): { answer: Answer; length: number } | undefined {
  const end = bytes.indexOf(HEAD_END);
  if (end === -1) return undefined;
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const status = Number(first.slice(9, 12));
  const headers = new Map<string, string[]>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const held = headers.get(name);
    if (held === undefined) headers.set(name, [value]);
    else held.push(value);
  }
  const start = end + 4;
  const done = (body: string, length: number) => ({ answer: { status, headers, body }, length });
  if (isHead || status === 304 || status === 204) return done('', start);
  if (headers.has('transfer-encoding')) {
    const read = unchunked(bytes, start);
    return read && done(read.body, read.end);
  }
  const length = headers.get('content-length')?.[0];
  if (length === undefined) return isEnd ? done(bytes.toString('latin1', start), bytes.length) : undefined;
  const stop = start + Number(length);
  return bytes.length < stop ? undefined : done(bytes.toString('latin1', start, stop), stop);
}

function unchunked(bytes: Buffer, start: number): { body: string; end: number } | undefined {
  let at = start;
  let body = '';
  for (;;) {
    const line = bytes.indexOf('\r\n', at);
    if (line === -1) return undefined;
    const size = Number.parseInt(bytes.toString('latin1', at, line), 16);
    const stop = line + 2 + size;
    if (bytes.length < stop + 2) return undefined;
    if (size === 0) return { body, end: stop + 2 };
    body += bytes.toString('latin1', line + 2, stop);
    at = stop + 2;
  }
}
