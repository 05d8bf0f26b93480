import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { type Behaviour, type Exchange, frame, honest } from './scripted-server.ts';

export interface Misbehaviour {
  readonly behaviour: Behaviour;
  /** What becomes of bumps; `either` where it depends on how fast the machine is. */
  readonly bumps: 'acknowledged' | 'rejected' | 'either';
}

const GETK = 0x0c;
const all = (exchanges: readonly Exchange[]) => Buffer.concat(exchanges.map(({ answer }) => answer));
const half = (exchanges: readonly Exchange[]) => {
  const bytes = all(exchanges);
  return bytes.subarray(0, Math.floor(bytes.length / 2));
};
/** Answers changed one by one. */
const changed =
  (change: (exchange: Exchange, index: number, exchanges: readonly Exchange[]) => Buffer): Behaviour =>
  (socket, exchanges) =>
    void socket.write(Buffer.concat(exchanges.map(change)));
const copyOf = ({ answer }: Exchange, change: (copy: Buffer) => void): Buffer => {
  const copy = Buffer.from(answer);
  change(copy);
  return copy;
};
const says =
  (text: string): Behaviour =>
  (socket) =>
    void socket.write(text);
const later =
  (milliseconds: number): Behaviour =>
  (socket, exchanges) =>
    void setTimeout(() => honest(socket, exchanges), milliseconds);
/** Parts of the next answer's value under the key that was asked for. */
const swapped =
  (keepKey: boolean): Behaviour =>
  (socket, exchanges) =>
    changed((exchange, i) => {
      const other = exchanges[(i + 1) % exchanges.length] as Exchange;
      if (exchange.request.opcode !== GETK || other.request.opcode !== GETK) return exchange.answer;
      const { request } = exchange;
      const extras = other.answer.subarray(24, 24 + (other.answer[4] as number));
      const value = other.answer.subarray(24 + extras.length + other.answer.readUInt16BE(2));
      const key = keepKey ? request.key : other.request.key;
      return frame(request, { status: other.answer.readUInt16BE(6), extras, key, value });
    })(socket, exchanges);

/** What is yet to be sent, byte by byte. */
const trickling = new WeakMap<Socket, Buffer>();

export const byteByByte: Behaviour = (socket, exchanges) => {
  const waiting = trickling.get(socket);
  trickling.set(socket, Buffer.concat([waiting ?? Buffer.alloc(0), all(exchanges)]));
  if (waiting === undefined) trickle(socket);
};

function trickle(socket: Socket): void {
  const bytes = trickling.get(socket) as Buffer;
  if (bytes.length === 0 || socket.destroyed) return void trickling.delete(socket);
  socket.write(bytes.subarray(0, 1));
  trickling.set(socket, bytes.subarray(1));
  setImmediate(() => trickle(socket));
}

/** What a server may do to whoever depends on it. */
export const misbehaviours: Readonly<Record<string, Misbehaviour>> = {
  'sends half of its answer, then ends the connection': {
    behaviour: (socket, exchanges) => void socket.end(half(exchanges)),
    bumps: 'rejected',
  },
  'sends half of its answer, then resets the connection': {
    behaviour: (socket, exchanges) => void socket.write(half(exchanges), () => socket.resetAndDestroy()),
    bumps: 'rejected',
  },
  'sends half of its answer and no more': {
    behaviour: (socket, exchanges) => void socket.write(half(exchanges)),
    bumps: 'rejected',
  },
  'sends one byte at a time': {
    behaviour: byteByByte,
    bumps: 'either',
  },
  'speaks HTTP': { behaviour: says('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'), bumps: 'rejected' },
  'speaks Redis': { behaviour: says("-ERR unknown command '\x80'\r\n"), bumps: 'rejected' },
  'speaks the text protocol': { behaviour: says('ERROR\r\n'), bumps: 'rejected' },
  'sends zeros': { behaviour: (socket) => void socket.write(Buffer.alloc(1_000)), bumps: 'rejected' },
  'sends random bytes': { behaviour: (socket) => void socket.write(randomBytes(1_000)), bumps: 'rejected' },
  'sends right frames in the wrong order': {
    behaviour: (socket, exchanges) => honest(socket, exchanges.toReversed()),
    bumps: 'rejected',
  },
  'sends every frame twice': { behaviour: changed(({ answer }) => Buffer.concat([answer, answer])), bumps: 'rejected' },
  'leaves the first frame out': {
    behaviour: (socket, exchanges) => honest(socket, exchanges.slice(1)),
    bumps: 'rejected',
  },
  'sends wrong numbers': {
    behaviour: changed((exchange) => copyOf(exchange, (copy) => copy.writeUInt32BE(exchange.request.opaque ^ 1, 12))),
    bumps: 'rejected',
  },
  'answers another command': {
    behaviour: changed((exchange) => copyOf(exchange, (copy) => copy.writeUInt8(exchange.request.opcode ^ 0x40, 1))),
    bumps: 'rejected',
  },
  'answers for another key': { behaviour: swapped(false), bumps: 'acknowledged' },
  "gives another key's value": { behaviour: swapped(true), bumps: 'acknowledged' },
  'does not say for which key': {
    behaviour: changed(({ request, answer }) =>
      request.opcode === GETK ? frame(request, { status: answer.readUInt16BE(6) }) : answer,
    ),
    bumps: 'acknowledged',
  },
  'sends the short body of an increment': {
    behaviour: changed(({ request }) => frame({ opcode: 0x05, opaque: request.opaque }, { value: Buffer.alloc(4) })),
    bumps: 'rejected',
  },
  'asks for a password all of a sudden': {
    behaviour: changed(({ request }) => frame(request, { status: 0x20, value: Buffer.from('Auth failure.') })),
    bumps: 'rejected',
  },
  'is out of memory': {
    behaviour: changed(({ request }) => frame(request, { status: 0x82, value: Buffer.from('Out of memory') })),
    bumps: 'rejected',
  },
  'announces 10 MB': {
    behaviour: (socket, exchanges) => {
      const [first] = exchanges as [Exchange];
      socket.write(copyOf(first, (copy) => copy.writeUInt32BE(10_000_000, 8)));
    },
    bumps: 'rejected',
  },
  'announces a million bytes and sends a few': {
    behaviour: (socket, exchanges) => {
      const [first] = exchanges as [Exchange];
      socket.write(Buffer.concat([copyOf(first, (copy) => copy.writeUInt32BE(1_000_000, 8)), randomBytes(100)]));
    },
    bumps: 'rejected',
  },
  'answers after the page has gone': { behaviour: later(400), bumps: 'acknowledged' },
  'answers after every deadline': { behaviour: later(1_200), bumps: 'rejected' },
  'never answers': { behaviour: () => {}, bumps: 'rejected' },
  'ends the connection': { behaviour: (socket) => void socket.end(), bumps: 'rejected' },
  'resets the connection': { behaviour: (socket) => void socket.resetAndDestroy(), bumps: 'rejected' },
};
