import { createRequire } from 'node:module';
import fc from 'fast-check';
import nunjucks from 'nunjucks';
import { expect, test } from 'vitest';
import { pagePrototype } from '../../src/template/run/page-environment.ts';
import { waterfall } from '../../src/template/run/waterfall.ts';
import { sized } from '../support/long.ts';

/** Nunjucks' own. */
const require = createRequire(createRequire(import.meta.url).resolve('nunjucks'));
const original = require('a-sync-waterfall') as (tasks: unknown, callback?: unknown, isDeferred?: boolean) => void;

type Step = (...args: unknown[]) => void;

/** What a task does: each call of its callback, at once or later, or throwing. */
const call = fc.record({
  kind: fc.constantFrom('now', 'now', 'now', 'later', 'throw'),
  error: fc.option(fc.string({ minLength: 1, maxLength: 1 }), { freq: 6, nil: null }),
  results: fc.array(fc.nat(9), { maxLength: 3 }),
});

/** The filters and tests of the page's environment, which none of these tests uses. */
const NOTHING = undefined as never;

const script = fc.array(fc.array(call, { maxLength: 2 }), { maxLength: 4 });
type Script = typeof script extends fc.Arbitrary<infer T> ? T : never;

/** All that can be seen of running it. */
function seen(run: (tasks: Step[], callback: Step) => void, tasks: Script): unknown[] {
  const log: unknown[] = [];
  const later: (() => void)[] = [];
  const guarded = (doing: () => void) => {
    try {
      doing();
    } catch (error) {
      log.push(['threw', (error as Error).message]);
    }
  };
  const steps = tasks.map(
    (calls, index): Step =>
      (...args) => {
        const callback = args.pop() as Step;
        log.push([index, ...args]);
        for (const { kind, error, results } of calls) {
          if (kind === 'throw') throw new Error(`${index}`);
          if (kind === 'later') later.push(() => callback(error, ...results));
          else if (error === null && results.length === 0) callback();
          else callback(error, ...results);
        }
      },
  );
  guarded(() => run(steps, (...args) => log.push(['done', ...args])));
  for (let next = later.shift(); next !== undefined && log.length < 1_000; next = later.shift()) guarded(next);
  return log;
}

test('tasks run one after the other as a-sync-waterfall runs them, whatever they call back, how often and when', () => {
  fc.assert(
    fc.property(script, (tasks) => {
      expect(seen(waterfall, tasks)).toEqual(seen(original, tasks));
    }),
    { numRuns: sized(500, 2_000, 2_000) },
  );
});

test('an error ends it, and the callback is not called again', () => {
  const calls: unknown[][] = [];
  let first: Step = () => {};
  waterfall(
    [
      (next) => {
        first = next as Step;
      },
      (next) => (next as Step)(null, 'result'),
    ],
    (...args) => calls.push(args),
  );
  first('broken');
  first('broken again');
  first(null);
  expect(calls).toEqual([['broken']]);
});

test.each([
  ['no tasks', []],
  ['something else than a list of tasks', 'tasks'],
])('the waterfall of a page answers as that of its environment: %s', (_title, tasks) => {
  const env = new nunjucks.Environment() as never as Parameters<typeof pagePrototype>[0];
  const answers = [env, pagePrototype(env, NOTHING)].map((of) => {
    const calls: unknown[][] = [];
    of.waterfall(tasks as never, ((...args: unknown[]) => calls.push(args)) as never);
    return calls;
  });
  expect(answers[1]).toEqual(answers[0]);
  expect(answers[1]).toHaveLength(1);
});

test.each([undefined, null, false])('a callback that is %s is not called', (callback) => {
  const env = new nunjucks.Environment() as never as Parameters<typeof pagePrototype>[0];
  const log: number[] = [];
  const task = (next: Step) => {
    log.push(log.length);
    next();
  };
  pagePrototype(env, NOTHING).waterfall([task, task] as never, callback as never);
  expect(log).toEqual([0, 1]);
});

test('the waterfall of a page waits for the next turn where Nunjucks is asked to', async () => {
  const env = new nunjucks.Environment() as never as Parameters<typeof pagePrototype>[0];
  const log: string[] = [];
  const done = new Promise<void>((resolve) => {
    const task = (next: Step) => {
      log.push('task');
      next();
    };
    pagePrototype(env, NOTHING).waterfall([task] as never, (() => resolve()) as never, true);
  });
  log.push('returned');
  await done;
  expect(log).toEqual(['returned', 'task']);
});
