import { Body } from '../../render/body.ts';
import type { Template } from '../nunjucks.ts';
import { PageReading } from './page-reading.ts';
import { UNKNOWN } from './template-digest.ts';

/**
 * A body that Nunjucks renders. It is watched for asynchronous work, which it must not leave open, and for the templates
 * it uses.
 */
export abstract class WatchedBody extends Body {
  /** Promises of templates that are being loaded for the body. */
  loading: Promise<void>[] | undefined;
  /** Asynchronous filters that have not called back. */
  open = 0;

  /** Returns what notes the lookups in it, and in all that it contains; undefined where they are not noted. */
  noted(): PageReading | undefined {
    return this.reading instanceof PageReading ? this.reading : undefined;
  }

  /** Returns the present digest of a template; undefined when it has to be loaded first. */
  protected abstract digestOf(name: string, from: string | undefined): string | undefined;

  /**
   * Notes a template that the body asked for: its html depends on it.
   *
   * @param name how it asked
   * @param from path of the template that asked
   */
  used(name: string | Template, from: string | undefined, _template: Template | undefined): void {
    const digest = typeof name === 'string' ? this.digestOf(name, from) : UNKNOWN;
    if (digest === UNKNOWN) this.uncached ??= 'unknown template';
    else if (digest !== undefined) this.dependencies.addTemplate({ name: name as string, parent: from, digest });
  }

  /** Notes that a template is being loaded for the body. */
  waitFor(template: Promise<void>): void {
    this.loading ??= [];
    this.loading.push(template);
  }

  /** Counts a template as open while it is rendered. In a loop, nothing else would show that its html came late. */
  watchTemplate(template: Template): void {
    const { render } = template;
    const body = this;
    const counted = function (this: Template, ...args: [context: object | null, ...unknown[]]): string | null {
      const done: unknown = args.at(-1);
      if (typeof done !== 'function') return render.apply(this, args as never);
      body.open++;
      const close = (...results: unknown[]): void => {
        body.open--;
        done(...results);
      };
      return render.apply(this, [...args.slice(0, -1), close] as never);
    };
    template.render = counted;
  }

  /** Counts a filter as open until it calls back. In a macro, nothing else would show that it never did. */
  asyncFilter(filter: (...args: unknown[]) => unknown): (...args: unknown[]) => unknown {
    const body = this;
    return function counted(this: unknown, ...args: unknown[]) {
      const done = args.pop() as (...results: unknown[]) => void;
      body.open++;
      return filter.call(this, ...args, (...results: unknown[]) => {
        body.open--;
        done(...results);
      });
    };
  }
}

/** Returns what notes the lookups in a body; undefined where they are not noted. */
export function notedIn(body: Body | undefined): PageReading | undefined {
  return body instanceof WatchedBody ? body.noted() : undefined;
}
