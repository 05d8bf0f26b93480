import { outside } from './door.ts';
import type { Program, Stage, Step } from './program.ts';
import { isFound, read, type Scope, text } from './reads.ts';

/** What the handler of one request has found so far. */
export class Run {
  readonly #program: Program;
  readonly #scope: Scope;
  /** By step: what it found, if it has run. */
  readonly values: unknown[] = [];
  /** What the page shows. */
  readonly lines: string[] = [];
  readonly headers: Record<string, string> = {};

  constructor(program: Program, scope: Scope) {
    this.#program = program;
    this.#scope = scope;
  }

  /** Runs the steps of one stage; returns what the page shows of them. */
  stage(stage: Stage): string[] {
    const shown: string[] = [];
    for (const [i, step] of this.#program.steps.entries()) {
      if (step.stage !== stage || !this.#applies(step)) continue;
      const name = step.nameFrom === undefined ? undefined : this.values[step.nameFrom];
      const value = read(this.#scope, typeof name === 'string' && name ? { ...step.read, name } : step.read);
      this.values[i] = value;
      shown.push(`v${i}=${text(value)}`);
      if (step.inHeader) this.headers[`X-Echo-${i}`] = encodeURIComponent(text(value)).slice(0, 300);
    }
    this.lines.push(...shown);
    return shown;
  }

  /** The variables of the template. */
  context(): Record<string, unknown> {
    return Object.fromEntries(this.values.map((value, i) => [`v${i}`, value]));
  }

  #applies({ only }: Step): boolean {
    return only === undefined || isFound(this.values[only.step]) === only.found;
  }
}

export const has = ({ steps }: Program, stage: Stage): boolean => steps.some((step) => step.stage === stage);

/** Some time passes. */
export const later = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** The pieces of a body that is sent while it is made: what was found so far, then what is found on the way. */
export async function* pieces(program: Program, run: Run): AsyncGenerator<string> {
  for (const line of run.lines) yield `${line}\n`;
  if (has(program, 'stream')) {
    await later();
    // The head is on its way, so nobody can be told any more whose page this is.
    for (const line of outside(() => run.stage('stream'))) yield `${line}\n`;
  }
  yield 'end';
}

/** What comes before the answer in every framework. */
export async function prepare(program: Program, run: Run): Promise<void> {
  run.stage('handler');
  if (!has(program, 'late')) return;
  await later();
  run.stage('late');
}

/** Headers of the answer, beside its type. */
export function headersOf({ answer }: Program, run: Run): Record<string, string> {
  return {
    ...run.headers,
    ...(answer.vary === undefined ? {} : { Vary: answer.vary }),
    ...(answer.cacheControl === undefined ? {} : { 'Cache-Control': answer.cacheControl }),
  };
}

export function locationOf(run: Run): string {
  return `/next?from=${encodeURIComponent(run.lines.join(' ')).slice(0, 500)}`;
}

/** What code outside of the cache says of a request on its answer. */
export function afterLines(program: Program, scope: Scope): string {
  return encodeURIComponent(outsideLines(program, scope, 'after')).slice(0, 500);
}

/** What is found outside of the cache, or where that cannot be told. */
export function outsideLines(program: Program, scope: Scope, stage: 'param' | 'after'): string {
  return outside(() => new Run(program, scope).stage(stage).join(' '));
}
