/** Memcached's binary protocol, as far as it is used here: https://docs.memcached.org/protocols/binary/ */

export const Opcode = {
  set: 0x01,
  add: 0x02,
  delete: 0x04,
  noop: 0x0a,
  getk: 0x0c,
  saslList: 0x20,
  saslAuth: 0x21,
} as const;
export type Opcode = (typeof Opcode)[keyof typeof Opcode];

export const Status = { ok: 0x00, missing: 0x01, exists: 0x02, tooLarge: 0x03, notAuthenticated: 0x20 } as const;

const REQUEST_MAGIC = 0x80;
const RESPONSE_MAGIC = 0x81;
const HEADER_BYTES = 24;

/** Flags and expiry, which only writes have. */
const WRITE_EXTRAS_BYTES = 8;
/** The flags of a value that was found. */
const FLAGS_BYTES = 4;

export interface Request {
  /** Printable ASCII. */
  readonly key: string;
  /** Only for writes. */
  readonly value?: Uint8Array;
  readonly flags?: number;
  /** Seconds, at most 30 days, or a date in seconds since 1970; 0 for never. */
  readonly expires?: number;
}

/**
 * An answer of the server, as a view of the receive buffer. Its parts are cut out on demand, because a page reads
 * hundreds of packets and needs each value once.
 */
export class Packet {
  readonly opcode: number;
  readonly status: number;
  readonly opaque: number;
  readonly #buffer: Buffer;
  readonly #extrasAt: number;
  readonly #keyAt: number;
  readonly #valueAt: number;
  readonly #end: number;

  /** @param body length behind the header, in bytes; all of them are in the buffer */
  constructor(buffer: Buffer, at: number, body: number) {
    this.opcode = buffer[at + 1] as number;
    this.status = buffer.readUInt16BE(at + 6);
    this.opaque = buffer.readUInt32BE(at + 12);
    this.#buffer = buffer;
    this.#extrasAt = at + HEADER_BYTES;
    this.#keyAt = this.#extrasAt + (buffer[at + 4] as number);
    this.#valueAt = this.#keyAt + buffer.readUInt16BE(at + 2);
    this.#end = this.#extrasAt + body;
  }

  get extras(): Buffer {
    return this.#buffer.subarray(this.#extrasAt, this.#keyAt);
  }

  get key(): Buffer {
    return this.#buffer.subarray(this.#keyAt, this.#valueAt);
  }

  /** A view of the receive buffer. */
  get value(): Buffer {
    return this.#buffer.subarray(this.#valueAt, this.#end);
  }

  get hasKey(): boolean {
    return this.#keyAt < this.#valueAt;
  }

  /** @param key printable ASCII */
  isFor(key: string): boolean {
    if (this.#valueAt - this.#keyAt !== key.length) return false;
    for (let i = 0; i < key.length; i++) if (this.#buffer[this.#keyAt + i] !== key.charCodeAt(i)) return false;
    return true;
  }

  /** Flags that the value was written with; undefined if the packet has none. */
  get flags(): number | undefined {
    return this.#keyAt - this.#extrasAt === FLAGS_BYTES ? this.#buffer.readUInt32BE(this.#extrasAt) : undefined;
  }
}

/** Encodes requests of one kind as the bytes of one write. The opaque numbers count up. */
export function encodeRequests(opcode: Opcode, requests: readonly Request[], firstOpaque: number): Buffer {
  let bytes = 0;
  for (const { key, value } of requests) bytes += requestBytes(key, value);
  const buffer = Buffer.allocUnsafe(bytes);
  const view = new DataView(buffer.buffer, buffer.byteOffset, bytes);
  let at = 0;
  requests.forEach(({ key, value, flags = 0, expires = 0 }, i) => {
    const extras = value === undefined ? 0 : WRITE_EXTRAS_BYTES;
    const end = at + requestBytes(key, value);
    // Write 32 bits at a time with DataView; Buffer writes byte by byte.
    view.setUint32(at, (REQUEST_MAGIC << 24) | (opcode << 16) | key.length);
    view.setUint32(at + 4, extras << 24);
    view.setUint32(at + 8, end - at - HEADER_BYTES);
    view.setUint32(at + 12, firstOpaque + i);
    view.setUint32(at + 16, 0);
    view.setUint32(at + 20, 0);
    at += HEADER_BYTES;
    if (value !== undefined) {
      view.setUint32(at, flags);
      view.setUint32(at + 4, expires);
      buffer.set(value, end - value.length);
      at += WRITE_EXTRAS_BYTES;
    }
    buffer.write(key, at, 'latin1');
    at = end;
  });
  return buffer;
}

export function requestBytes(key: string, value: Uint8Array | undefined): number {
  return HEADER_BYTES + key.length + (value === undefined ? 0 : WRITE_EXTRAS_BYTES + value.length);
}

/** The server does not speak the protocol, or answers something that was not asked. */
export class ProtocolError extends Error {}

/**
 * Cuts the bytes from a socket into packets. memjs is not used for this: for each packet it copies all bytes so far, it
 * ignores the magic byte, and it waits for any length that is claimed (see `Server.appendToBuffer` and `parseMessage`).
 */
export class PacketReader {
  readonly #maxBody: number;
  /** Bytes of a packet that is not complete. */
  #parts: Buffer[] = [];
  #bytes = 0;
  /** Bytes needed before the next packet can be read. */
  #needed = HEADER_BYTES;

  /** @param maxBody largest accepted packet, in bytes, without header */
  constructor(maxBody: number) {
    this.#maxBody = maxBody;
  }

  /**
   * Adds bytes and returns the packets that are complete.
   *
   * @throws ProtocolError when the bytes are no valid packet
   */
  read(chunk: Buffer): Packet[] {
    // Look at the first byte at once: an answer in text is shorter than a header, and nothing would come after it.
    if (this.#bytes === 0 && chunk.length > 0) checkMagic(chunk, 0);
    this.#parts.push(chunk);
    this.#bytes += chunk.length;
    const packets: Packet[] = [];
    if (this.#bytes < this.#needed) return packets;
    const buffer = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts, this.#bytes);
    let at = 0;
    for (;;) {
      this.#needed = HEADER_BYTES;
      if (buffer.length - at < HEADER_BYTES) break;
      const body = this.#bodyBytes(buffer, at);
      this.#needed = HEADER_BYTES + body;
      if (buffer.length - at < this.#needed) break;
      packets.push(new Packet(buffer, at, body));
      at += this.#needed;
    }
    this.#parts = at === buffer.length ? [] : [buffer.subarray(at)];
    this.#bytes = buffer.length - at;
    return packets;
  }

  #bodyBytes(buffer: Buffer, at: number): number {
    checkMagic(buffer, at);
    const body = buffer.readUInt32BE(at + 8);
    if (body > this.#maxBody) throw new ProtocolError(`the server announced an answer of ${body} bytes`);
    if (body < buffer.readUInt16BE(at + 2) + (buffer[at + 4] as number)) {
      throw new ProtocolError('the server sent an answer whose lengths contradict each other');
    }
    return body;
  }
}

function checkMagic(buffer: Buffer, at: number): void {
  if (buffer[at] === RESPONSE_MAGIC) return;
  throw new ProtocolError(
    'the server does not speak the binary protocol: start Memcached without -B ascii, or is it another server?',
  );
}
