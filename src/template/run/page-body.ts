import type { Part } from '../../render/ambient.ts';
import type { Template } from '../nunjucks.ts';
import type { TemplateEnvironment } from './environment.ts';
import type { Page } from './page.ts';
import { PageReading } from './page-reading.ts';
import { isThere } from './private-reads.ts';
import { UNKNOWN } from './template-digest.ts';
import { WatchedBody } from './watched-body.ts';

/** A whole page that belongs to a lazy or a view. */
export class PageBody extends WatchedBody {
  readonly #environment: TemplateEnvironment;
  readonly #page: Page;
  readonly #part: Part;

  /** @param variables what the page was given */
  constructor(environment: TemplateEnvironment, page: Page, part: Part, variables: object) {
    super();
    this.#environment = environment;
    this.#page = page;
    this.#part = part;
    // A page that is kept as a whole must not show private values.
    const found = (_name: string, value: unknown): void => {
      if (part.watch?.isReplaced(value)) return;
      if (isThere(value) || !part.mayMissPrivate) this.refuse('private name');
    };
    this.reading = new PageReading(environment.pagePrivateNames, found, part.watch);
    part.watch?.pageBegins(variables);
  }

  protected digestOf(name: string, parent: string | undefined): string | undefined {
    return this.#environment.templateDigest(this.#page, { name, parent });
  }

  /** Adds the page's dependencies to the lazy or view. */
  end({ path }: Template): void {
    if (!this.#page.render.enabled) this.refuse('disabled');
    const digest = path ? this.digestOf(path, undefined) : undefined;
    if (path && digest !== undefined && digest !== UNKNOWN)
      this.dependencies.addTemplate({ name: path, parent: undefined, digest });
    else this.uncached ??= 'unknown template';
    this.#part.body.include(this);
  }
}
