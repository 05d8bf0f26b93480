import { CacheSweeper } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { isDeep, sized } from '../support/long.ts';
import { testConstructs } from './run.ts';
import { constructs, MANY, some } from './table.ts';

/** The clock stands still: what is stored provisionally does not expire, however slow the machine is. */
const now = () => 1_800_000_000_000;
const many = sized(500, MANY, MANY);
/** An asynchronous store whose answers take a random time. */
const slow = () => new TestingStore({ now, script: () => ({ delay: Math.floor(Math.random() * 3) }) });

testConstructs('in-process', (options) => new CacheSweeper({ now, ...options }));
testConstructs(
  'asynchronous store and memory tier',
  (options) => new CacheSweeper({ store: slow(), timeout: '10m', now, ...options }),
  { many, table: isDeep ? constructs : some },
);
testConstructs(
  'asynchronous store alone',
  (options) => new CacheSweeper({ store: slow(), memory: false, timeout: '10m', now, ...options }),
  { many, table: isDeep ? constructs : some },
);
