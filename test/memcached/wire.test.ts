import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeRequests, Opcode, PacketReader, ProtocolError } from '../../src/stores/memcached/wire.ts';
import { frame } from '../support/scripted-server.ts';

const MAX_BODY = 4_096;

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((value) => Buffer.from(value));
const answer = fc.record({
  opcode: fc.nat(0xff),
  status: fc.nat(0xffff),
  opaque: fc.nat(0xffffffff),
  extras: bytes(8),
  key: fc.stringMatching(/^[\x21-\x7e]{0,250}$/),
  value: bytes(1_000),
});

function cut(stream: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...new Set(places.map((place) => place % (stream.length + 1)))].sort((a, b) => a - b);
  return [...ends, stream.length].map((end, i, all) => stream.subarray(all[i - 1] ?? 0, end));
}

test('frames are the same however they are cut into packets', () => {
  fc.assert(
    fc.property(fc.array(answer, { maxLength: 8 }), fc.array(fc.nat(20_000), { maxLength: 30 }), (answers, places) => {
      const stream = Buffer.concat(answers.map((one) => frame(one, one)));
      const reader = new PacketReader(MAX_BODY);
      const frames = cut(stream, places).flatMap((chunk) => reader.read(chunk));
      expect(
        frames.map(({ opcode, status, opaque, extras, key, value }) => {
          return { opcode, status, opaque, extras, key: key.toString('latin1'), value };
        }),
      ).toEqual(answers);
      frames.forEach((one, i) => {
        const { key, extras } = answers[i] as (typeof answers)[number];
        expect(one.isFor(key)).toBe(true);
        expect(one.isFor(`${key}x`) || (key !== '' && one.isFor(key.slice(1)))).toBe(false);
        expect(one.hasKey).toBe(key !== '');
        expect(one.flags).toBe(extras.length === 4 ? extras.readUInt32BE(0) : undefined);
      });
    }),
  );
});

test('frames are the same when every byte comes alone', () => {
  fc.assert(
    fc.property(fc.array(answer, { minLength: 1, maxLength: 3 }), (answers) => {
      const reader = new PacketReader(MAX_BODY);
      const frames = [...Buffer.concat(answers.map((one) => frame(one, one)))].flatMap((byte) =>
        reader.read(Buffer.of(byte)),
      );
      expect(frames.map(({ opaque }) => opaque)).toEqual(answers.map(({ opaque }) => opaque));
    }),
    { numRuns: 20 },
  );
});

describe('what is no frame is an error, as soon as its header is there', () => {
  const header = (change: (header: Buffer) => void): Buffer => {
    const one = frame({ opcode: Opcode.getk, opaque: 1 }, {});
    change(one);
    return one;
  };
  test.each([
    ['another magic byte', header((one) => one.writeUInt8(0x80, 0)), 'does not speak the binary protocol'],
    ['text', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), 'does not speak the binary protocol'],
    ['zeros', Buffer.alloc(24), 'does not speak the binary protocol'],
    ['10 MB to come', header((one) => one.writeUInt32BE(10_000_000, 8)), 'announced an answer of 10000000 bytes'],
    ['4 GB to come', header((one) => one.writeUInt32BE(0xffffffff, 8)), 'announced an answer of 4294967295 bytes'],
    ['a key longer than the body', header((one) => one.writeUInt16BE(5, 2)), 'lengths contradict each other'],
    ['extras longer than the body', header((one) => one.writeUInt8(4, 4)), 'lengths contradict each other'],
  ])('%s', (_name, chunk, message) => {
    expect(() => new PacketReader(MAX_BODY).read(chunk)).toThrow(ProtocolError);
    expect(() => new PacketReader(MAX_BODY).read(chunk)).toThrow(message);
  });

  test('nothing at all comes of random bytes but errors, or waiting for more', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 10 }), (chunks) => {
        const reader = new PacketReader(MAX_BODY);
        try {
          for (const chunk of chunks)
            for (const { value } of reader.read(Buffer.from(chunk))) expect(value.length).toBeLessThan(MAX_BODY);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
    );
  });
});

test('requests read back as what was written, each with the next number', () => {
  const request = fc.record({
    key: fc.stringMatching(/^[\x21-\x7e]{1,250}$/),
    value: fc.option(fc.uint8Array({ maxLength: 500 }), { nil: undefined }),
    flags: fc.nat(0xffffffff),
    expires: fc.nat(0xffffffff),
  });
  const opcode = fc.constantFrom(...Object.values(Opcode));
  fc.assert(
    fc.property(opcode, fc.array(request, { maxLength: 10 }), fc.nat(0xffffffff), (op, requests, first) => {
      const stream = encodeRequests(
        op,
        requests.map(({ value, ...rest }) => (value ? { ...rest, value } : rest)),
        first,
      );
      let at = 0;
      requests.forEach(({ key, value, flags, expires }, i) => {
        const extras = stream[at + 4] as number;
        expect(stream[at]).toBe(0x80);
        expect(stream[at + 1]).toBe(op);
        expect(stream.readUInt16BE(at + 2)).toBe(key.length);
        expect(stream.readUInt16BE(at + 6)).toBe(0);
        expect(stream.readUInt32BE(at + 12)).toBe((first + i) % 2 ** 32);
        expect(extras).toBe(value === undefined ? 0 : 8);
        if (value !== undefined) {
          expect(stream.readUInt32BE(at + 24)).toBe(flags);
          expect(stream.readUInt32BE(at + 28)).toBe(expires);
        }
        const end = at + 24 + stream.readUInt32BE(at + 8);
        const body = stream.subarray(at + 24 + extras, end);
        expect(body.toString('latin1', 0, key.length)).toBe(key);
        expect(body.subarray(key.length)).toEqual(Buffer.from(value ?? []));
        at = end;
      });
      expect(at).toBe(stream.length);
    }),
  );
});
