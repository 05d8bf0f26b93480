import type { TextUses } from '../../reads/text-uses.ts';
import type { Context } from '../nunjucks.ts';

/** Property of a context that holds the last template that ran in it. */
const RUN: unique symbol = Symbol('nunjucks-cachesweeper run');

/** Returns what a template may use the text of; undefined when that is not known. */
export type TextsOf = () => ReadonlySet<string> | undefined;

interface TemplateRun {
  readonly texts: TextsOf;
  readonly before: TemplateRun | undefined;
}

/** Notes that a template runs in a context. A template and those that it extends run in the same one. */
export function noteRun(context: Context, texts: TextsOf): void {
  const run = context as { [RUN]?: TemplateRun };
  run[RUN] = { texts, before: run[RUN] };
}

/**
 * What the templates whose code runs in a body use the text of. Those that ran are asked, and not those that the body
 * names, so it does not matter how a template or macro was chosen.
 */
export class TextUsesOfRuns implements TextUses {
  readonly #known: ReadonlySet<string>[] = [];
  /** Whether nothing is known of a template, so that it may use any text. */
  #isAny = false;

  /** Adds the templates that ran in a context. Call it before their code gets anything. */
  add(context: Context): void {
    let run = (context as { readonly [RUN]?: TemplateRun })[RUN];
    if (run === undefined) this.#isAny = true;
    for (; run !== undefined; run = run.before) {
      const texts = run.texts();
      if (texts === undefined) this.#isAny = true;
      else if (!this.#known.includes(texts)) this.#known.push(texts);
    }
  }

  has(got: string): boolean {
    const known = this.#known;
    for (let i = 0; i < known.length; i++) if ((known[i] as ReadonlySet<string>).has(got)) return true;
    return this.#isAny;
  }
}
