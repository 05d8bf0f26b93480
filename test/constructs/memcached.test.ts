import { CacheSweeper } from 'nunjucks-cachesweeper';
import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { beforeAll } from 'vitest';
import { Memcached } from '../support/memcached.ts';
import { testConstructs } from './run.ts';

/** The clock stands still: what is stored provisionally does not expire, however slow the machine is. */
const now = () => 1_800_000_000_000;
/** A batch has a second to be written, so that a busy machine would never store a longer list. */
const many = 2_000;
let server: Memcached;
let sites = 0;
beforeAll(async () => {
  server = await Memcached.start();
});

/** Each sweeper a site of its own on one server. */
function site(options: object): CacheSweeper {
  const namespace = `site${++sites}`;
  return new CacheSweeper({ store: new MemcachedStore(server.address), namespace, timeout: '10m', now, ...options });
}

testConstructs('Memcached and memory tier', site, many);
testConstructs('Memcached alone', (options) => site({ memory: false, ...options }), many);
