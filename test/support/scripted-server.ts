import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { afterAll } from 'vitest';

/** One request as the server got it. */
export interface Received {
  readonly opcode: number;
  readonly opaque: number;
  readonly key: string;
  readonly extras: Buffer;
  readonly value: Buffer;
}

/** A request and the frame that an honest server would answer it with. */
export interface Exchange {
  readonly request: Received;
  readonly answer: Buffer;
}

/** Puts the answers to what came in one packet on the wire, or something else. */
export type Behaviour = (socket: Socket, exchanges: readonly Exchange[]) => void;

const HEADER = 24;

const started: ScriptedServer[] = [];
// Here, because vitest forgets hooks that are asked for while hooks or tests are running.
afterAll(() => {
  for (const server of started) server.close();
});

/** Sends what an honest server sends. */
export const honest: Behaviour = (socket, exchanges) => {
  socket.write(Buffer.concat(exchanges.map(({ answer }) => answer)));
};

/** A Memcached of the binary protocol, in this process, that misbehaves on request. Ended with the test file. */
export class ScriptedServer {
  /** How answers go on the wire; changed at will. */
  behaviour: Behaviour = honest;
  /** Asked for before anything else, when set: username and password. */
  credentials: { readonly username: string; readonly password: string } | undefined;
  /** Every request so far. */
  readonly requests: Received[] = [];
  /** How many requests came in each packet. */
  readonly packets: number[] = [];
  readonly values = new Map<string, { readonly flags: Buffer; readonly value: Buffer }>();
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  connections = 0;

  private constructor() {
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async start(): Promise<ScriptedServer> {
    const scripted = new ScriptedServer();
    scripted.#server.listen(0, '127.0.0.1');
    await once(scripted.#server, 'listening');
    started.push(scripted);
    return scripted;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  /** What came of one command since it was last asked for. */
  take(opcode: number): Received[] {
    return this.requests.splice(0).filter((request) => request.opcode === opcode);
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(socket: Socket): void {
    this.connections++;
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    let buffer = Buffer.alloc(0);
    let isWelcome = false;
    socket.on('data', (data) => {
      buffer = Buffer.concat([buffer, data]);
      const exchanges: Exchange[] = [];
      while (buffer.length >= HEADER && buffer.length >= HEADER + buffer.readUInt32BE(8)) {
        const request = parse(buffer);
        buffer = buffer.subarray(HEADER + buffer.readUInt32BE(8));
        if (request.opcode === 0x21) isWelcome = this.#isPassword(request.value);
        this.requests.push(request);
        const isAllowed = this.credentials === undefined || isWelcome || request.opcode === 0x20;
        exchanges.push({ request, answer: isAllowed ? this.#carryOut(request) : frame(request, { status: 0x20 }) });
      }
      this.packets.push(exchanges.length);
      if (exchanges.length > 0) this.behaviour(socket, exchanges);
    });
  }

  #isPassword(given: Buffer): boolean {
    const { username, password } = this.credentials ?? {};
    return given.toString() === `\0${username}\0${password}`;
  }

  #carryOut(request: Received): Buffer {
    const { opcode, key, extras, value } = request;
    const there = this.values.get(key);
    switch (opcode) {
      case 0x01:
      case 0x02:
        if (opcode === 0x02 && there !== undefined) return frame(request, { status: 0x02 });
        this.values.set(key, { flags: extras.subarray(0, 4), value });
        return frame(request, {});
      case 0x04:
        return frame(request, { status: this.values.delete(key) ? 0 : 0x01 });
      case 0x0a:
        return frame(request, {});
      case 0x0c:
        return there === undefined
          ? frame(request, { status: 0x01, key })
          : frame(request, { extras: there.flags, key, value: there.value });
      case 0x20:
      case 0x21:
        return this.credentials === undefined
          ? frame(request, { status: 0x81 })
          : frame(request, { value: Buffer.from(opcode === 0x20 ? 'PLAIN' : 'Authenticated') });
      default:
        return frame(request, { status: 0x81 });
    }
  }
}

function parse(buffer: Buffer): Received {
  const keyAt = HEADER + (buffer[4] as number);
  const valueAt = keyAt + buffer.readUInt16BE(2);
  return {
    opcode: buffer[1] as number,
    opaque: buffer.readUInt32BE(12),
    extras: Buffer.from(buffer.subarray(HEADER, keyAt)),
    key: buffer.toString('latin1', keyAt, valueAt),
    value: Buffer.from(buffer.subarray(valueAt, HEADER + buffer.readUInt32BE(8))),
  };
}

/** An answer to a request; what is not given is as it should be. */
export function frame(
  { opcode, opaque }: Pick<Received, 'opcode' | 'opaque'>,
  {
    status = 0,
    key = '',
    extras = Buffer.alloc(0),
    value = Buffer.alloc(0),
  }: { status?: number; key?: string; extras?: Buffer; value?: Buffer },
): Buffer {
  const header = Buffer.alloc(HEADER);
  header[0] = 0x81;
  header[1] = opcode;
  header.writeUInt16BE(key.length, 2);
  header[4] = extras.length;
  header.writeUInt16BE(status, 6);
  header.writeUInt32BE(extras.length + key.length + value.length, 8);
  header.writeUInt32BE(opaque, 12);
  return Buffer.concat([header, extras, Buffer.from(key, 'latin1'), value]);
}
