import { connect, type Socket } from 'node:net';

/** A value as it lies in the server. */
export interface Stored {
  readonly flags: number;
  readonly value: Buffer;
}

/** Someone who can read and write everything in a Memcached, by the text protocol on a plain socket. */
export class Intruder {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #wake: (() => void) | undefined;

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.on('data', (data) => {
      this.#received = Buffer.concat([this.#received, data]);
      this.#wake?.();
    });
  }

  /** Every key there is. */
  async keys(): Promise<string[]> {
    return (await this.#dumped()).map(({ key }) => key);
  }

  /** The keys with this beginning that do not expire. */
  async withoutExpiry(beginning: string): Promise<string[]> {
    return (await this.#dumped())
      .filter(({ key, rest }) => key.startsWith(beginning) && rest.includes('exp=-1'))
      .map(({ key }) => key);
  }

  async #dumped(): Promise<{ readonly key: string; readonly rest: readonly string[] }[]> {
    this.#socket.write('lru_crawler metadump all\r\n');
    const dumped: { key: string; rest: string[] }[] = [];
    for (;;) {
      const line = await this.#line();
      if (line === 'END') return dumped.sort((a, b) => (a.key < b.key ? -1 : 1));
      if (!line.startsWith('key=')) throw new Error(`the server said ${line}`);
      const [key = '', ...rest] = line.slice('key='.length).split(' ');
      dumped.push({ key: decodeURIComponent(key), rest });
    }
  }

  async get(key: string): Promise<Stored | undefined> {
    this.#socket.write(`get ${key}\r\n`);
    const [, , flags, bytes] = (await this.#line()).split(' ');
    if (bytes === undefined) return undefined;
    const value = await this.#take(Number(bytes));
    await this.#take('\r\nEND\r\n'.length);
    return { flags: Number(flags), value };
  }

  async set(key: string, { flags, value }: Stored): Promise<void> {
    this.#socket.write(
      Buffer.concat([Buffer.from(`set ${key} ${flags} 0 ${value.length}\r\n`), value, Buffer.from('\r\n')]),
    );
    const answer = await this.#line();
    if (answer !== 'STORED') throw new Error(`the server said ${answer}`);
  }

  /** Everything that is there. */
  async all(): Promise<Map<string, Stored>> {
    const all = new Map<string, Stored>();
    for (const key of await this.keys()) {
      const stored = await this.get(key);
      if (stored !== undefined) all.set(key, stored);
    }
    return all;
  }

  close(): void {
    this.#socket.destroy();
  }

  async #line(): Promise<string> {
    let end = this.#received.indexOf('\r\n');
    // The crawler ends its lines in the way of Unix.
    let next = end + 2;
    const short = this.#received.indexOf('\n');
    if (short !== -1 && (end === -1 || short < end)) {
      end = short;
      next = short + 1;
    }
    if (end === -1) {
      await this.#more();
      return this.#line();
    }
    const line = this.#received.toString('latin1', 0, end);
    this.#received = this.#received.subarray(next);
    return line;
  }

  async #take(bytes: number): Promise<Buffer> {
    while (this.#received.length < bytes) await this.#more();
    const taken = Buffer.from(this.#received.subarray(0, bytes));
    this.#received = this.#received.subarray(bytes);
    return taken;
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
