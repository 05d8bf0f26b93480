import * as vitest from 'vitest';

type Run = (...args: readonly unknown[]) => unknown;

interface Collected {
  readonly name: string;
  readonly run: () => unknown;
}

/**
 * What a file of tests gets for Vitest when it is imported for a mutant: its tests are put into a list, and run when somebody
 * wants to see them fail.
 */
export const collected: Collected[] = [];
const titles: string[] = [];

/** The title with the first values of a row of a table in it. */
function filled(title: string, row: unknown): string {
  const values = Array.isArray(row) ? [...row] : [row];
  return title.replace(/%[sij]/g, () => String(values.shift()));
}

function define(title: string, ...more: readonly unknown[]): void {
  const run = more.find((one): one is Run => typeof one === 'function') as Run;
  collected.push({ name: [...titles, title].join(' > '), run: () => run() });
}

function group(title: string, define: Run): void {
  titles.push(title);
  define();
  titles.pop();
}

const spread = (row: unknown): readonly unknown[] => (Array.isArray(row) ? row : [row]);

export const test = Object.assign(define, {
  each: (rows: readonly unknown[]) => (title: string, run: Run) => {
    for (const row of rows) define(filled(title, row), () => run(...spread(row)));
  },
});

export const describe = Object.assign(group, {
  each: (rows: readonly unknown[]) => (title: string, run: Run) => {
    for (const row of rows) group(filled(title, row), () => run(...spread(row)));
  },
});

export const { expect, vi } = vitest;
/** The tests that are run for mutants need none of these. */
export const beforeEach = (): void => {};
export const afterEach = (): void => {};
export const beforeAll = (): void => {};
export const afterAll = (): void => {};
