import { CacheSweeper, CacheSweeperError, type CacheSweeperOptions } from 'nunjucks-cachesweeper';
import { describe, expect, test } from 'vitest';
import { Comment } from '../support/models.ts';
import { fragment, Site } from './site.ts';

const shareWanted = 'expected the share of hits that are verified, a number from 0 to 1, got';
const durationWanted = 'expected a duration with its unit, such as "100ms" or "3s", got';
const bytesWanted = 'option memory: expected { maxBytes } with a whole number of bytes, or false, got';
const namespaceWanted = 'option namespace: expected up to 64 letters, digits, "_", "." or "-", got';

describe('an option that is wrong is an error that says what was expected and what was got', () => {
  test.each<[unknown, string]>([
    [null, 'new CacheSweeper(): expected an object of options, got null'],
    [5, 'new CacheSweeper(): expected an object of options, got the number 5'],
    [[], 'new CacheSweeper(): expected an object of options, got a list of 0'],
    [{ memory: true }, `${bytesWanted} the boolean true`],
    [{ memory: null }, `${bytesWanted} null`],
    [{ memory: 5 }, `${bytesWanted} the number 5`],
    [{ memory: '64MB' }, `${bytesWanted} the string "64MB"`],
    [{ memory: { maxBytes: 0 } }, `${bytesWanted} the number 0`],
    [{ memory: { maxBytes: -1 } }, `${bytesWanted} the number -1`],
    [{ memory: { maxBytes: 1.5 } }, `${bytesWanted} the number 1.5`],
    [{ memory: { maxBytes: Number.NaN } }, `${bytesWanted} the number NaN`],
    [{ memory: { maxBytes: Infinity } }, `${bytesWanted} the number Infinity`],
    [{ memory: { maxBytes: '1' } }, `${bytesWanted} the string "1"`],
    [{ enabled: 'yes' }, 'option enabled: expected true, false or a function of the context, got the string "yes"'],
    [{ enabled: null }, 'option enabled: expected true, false or a function of the context, got null'],
    [{ enabled: 0 }, 'option enabled: expected true, false or a function of the context, got the number 0'],
    [{ namespace: 'a b' }, `${namespaceWanted} the string "a b"`],
    [{ namespace: 'a:b' }, `${namespaceWanted} the string "a:b"`],
    [{ namespace: 'a\n' }, `${namespaceWanted} the string "a\\n"`],
    [{ namespace: 'é' }, `${namespaceWanted} the string "é"`],
    [{ namespace: 5 }, `${namespaceWanted} the number 5`],
    [{ namespace: 'x'.repeat(65) }, `${namespaceWanted} the string "${'x'.repeat(40)}"…`],
    [{ version: '1' }, 'option version: expected a whole number, got the string "1"'],
    [{ version: 1.5 }, 'option version: expected a whole number, got the number 1.5'],
    [{ version: -1 }, 'option version: expected a whole number, got the number -1'],
    [{ version: Number.NaN }, 'option version: expected a whole number, got the number NaN'],
    [{ key: 'key' }, 'option key: expected a function, got the string "key"'],
    [{ vary: ['locale'] }, 'option vary: expected a function, got a list of 1'],
    [{ identify: {} }, 'option identify: expected a function, got an empty object'],
    [{ onRender: null }, 'option onRender: expected a function, got null'],
    [{ onError: true }, 'option onError: expected a function, got the boolean true'],
    [{ now: 0 }, 'option now: expected a function, got the number 0'],
    [{ private: 'user' }, 'option private: expected a list of names, got the string "user"'],
    [{ private: [5] }, 'option private: expected names such as "user", "flash*" or "**.session", got the number 5'],
    [{ verify: 1.1 }, `option verify: ${shareWanted} the number 1.1`],
    [{ verify: -0.1 }, `option verify: ${shareWanted} the number -0.1`],
    [{ verify: Number.NaN }, `option verify: ${shareWanted} the number NaN`],
    [{ verify: '1%' }, `option verify: ${shareWanted} the string "1%"`],
    [{ verify: true }, `option verify: ${shareWanted} the boolean true`],
    [{ outage: true }, `option outage: ${durationWanted} the boolean true`],
    [{ outage: 30 }, `option outage: ${durationWanted} the number 30`],
    [{ outage: '-30s' }, `option outage: ${durationWanted} the string "-30s"`],
    [{ maxDataAge: 3 }, `option maxDataAge: ${durationWanted} the number 3`],
    [{ maxDataAge: 3_000 }, `option maxDataAge: ${durationWanted} the number 3000`],
    [{ maxDataAge: '3000' }, `option maxDataAge: ${durationWanted} the string "3000"`],
    [{ maxDataAge: '-3s' }, `option maxDataAge: ${durationWanted} the string "-3s"`],
    [{ maxDataAge: '3 parsecs' }, `option maxDataAge: ${durationWanted} the string "3 parsecs"`],
    [{ maxDataAge: '' }, `option maxDataAge: ${durationWanted} the string ""`],
    [{ maxDataAge: null }, `option maxDataAge: ${durationWanted} null`],
  ])('%o', (options, message) => {
    expect(() => new CacheSweeper(options as CacheSweeperOptions)).toThrow(
      expect.objectContaining({ name: 'CacheSweeperError', code: 'CACHESWEEPER_BAD_OPTION', message }),
    );
  });

  test('an unknown name is named, with the names there are', () => {
    expect(() => new CacheSweeper({ maxAge: '3s' } as CacheSweeperOptions)).toThrow(
      expect.objectContaining({
        code: 'CACHESWEEPER_BAD_OPTION',
        message: expect.stringMatching(
          /^option maxAge: expected one of store, memory, .*maxDataAge.*, got an unknown name$/,
        ),
      }),
    );
  });

  test('an unknown name inside memory is an error too, not the default', () => {
    expect(() => new CacheSweeper({ memory: { maxSize: 1_000 } } as CacheSweeperOptions)).toThrow(
      expect.objectContaining({ code: 'CACHESWEEPER_BAD_OPTION', message: expect.stringContaining('maxSize') }),
    );
  });

  test('the error is of the exported class and an Error', () => {
    try {
      new CacheSweeper({ version: -1 });
      expect.fail();
    } catch (error) {
      expect(error).toBeInstanceOf(CacheSweeperError);
      expect(error).toBeInstanceOf(Error);
    }
  });
});

describe('options that are right', () => {
  test.each<CacheSweeperOptions>([
    {},
    { memory: false },
    { memory: {} },
    { memory: { maxBytes: 1 } },
    { namespace: '' },
    { namespace: `${'x'.repeat(61)}_.-` },
    { version: 0 },
    { version: Number.MAX_SAFE_INTEGER },
    { private: [] },
    { verify: 0 },
    { verify: 0.001 },
    { verify: 1 },
    { maxDataAge: '100ms' },
    { maxDataAge: '3 seconds' },
    { maxDataAge: '1.5h' },
    { maxDataAge: ' 3s ' },
    { enabled: () => true },
  ])('%o', (options) => {
    expect(new CacheSweeper(options)).toBeInstanceOf(CacheSweeper);
  });

  test('undefined is as if it was not there', () => {
    const names = [
      'memory',
      'enabled',
      'namespace',
      'version',
      'key',
      'vary',
      'identify',
      'private',
      'maxDataAge',
      'onRender',
      'onError',
      'now',
    ];
    const options = Object.fromEntries(names.map((name) => [name, undefined]));
    expect(new CacheSweeper(options)).toBeInstanceOf(CacheSweeper);
  });

  test('are never changed, and may be frozen', () => {
    const options: CacheSweeperOptions = Object.freeze({
      memory: Object.freeze({ maxBytes: 1_000_000 }),
      private: Object.freeze(['user']),
      maxDataAge: '1s',
      version: 2,
    });
    const before = structuredClone(options);
    new CacheSweeper(options);
    expect(options).toEqual(before);
  });

  test('are read once: a change afterwards has no effect', async () => {
    const options = { enabled: true };
    const site = new Site(fragment('comment 0', '"body"'), options);
    options.enabled = false;
    await site.render({ comment: new Comment(1) });
    expect((await site.render({ comment: new Comment(1) })).ran).toEqual([]);
  });
});

describe('close()', () => {
  test('makes invalidating an error: nobody would notice that nothing is invalidated', async () => {
    const { sweeper } = new Site('');
    await sweeper.close();
    for (const call of [() => sweeper.invalidateCacheFor(new Comment(1)), () => sweeper.invalidateAll()]) {
      await expect(call()).rejects.toMatchObject({
        code: 'CACHESWEEPER_CLOSED',
        message: 'this sweeper was closed: nothing can be invalidated',
      });
    }
  });

  test('lets go of everything, may be called twice, and pages can still be rendered', async () => {
    const site = new Site(fragment('comment 0', '"body"', '{{ comment.text }}'));
    const comment = new Comment(1, 'x');
    await site.render({ comment });
    await site.sweeper.close();
    await site.sweeper.close();
    expect(site.sweeper.stats().memory).toEqual({ entries: 0, bytes: 0 });
    expect(await site.render({ comment })).toEqual({ html: 'x', ran: ['body'] });
  });

  test('ends caching: what can no longer be invalidated is not stored', async () => {
    const site = new Site(fragment('comment 0', '"body"', '{{ comment.text }}'));
    const comment = new Comment(1, 'old');
    await site.sweeper.close();
    await site.render({ comment });
    comment.text = 'new';
    expect((await site.render({ comment })).html).toBe('new');
    expect(site.sweeper.stats().memory.entries).toBe(0);
  });

  test('idle() resolves before and after', async () => {
    const { sweeper } = new Site('');
    await expect(sweeper.idle()).resolves.toBeUndefined();
    await sweeper.close();
    await expect(sweeper.idle()).resolves.toBeUndefined();
  });
});
