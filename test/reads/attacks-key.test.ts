import { describe, expect, test } from 'vitest';
import { Article } from '../support/models.ts';
import { kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

const a = () => new Article(1);

describe.each(kinds)('a key function that throws, in %s', (kind) => {
  test.each(['x', '{{ lang }}'])('is heard of: %s', async (body) => {
    const key = () => {
      throw new Error('mine');
    };
    const site = new Site(T(body), kind, { sweeper: { key } });
    await expect(site.cached({ a: a(), lang: 'en' })).rejects.toThrow('mine');
  });
});
