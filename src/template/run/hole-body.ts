import type { TemplateEnvironment } from './environment.ts';
import type { HoleReading } from './hole-reading.ts';
import type { Page } from './page.ts';
import { WatchedBody } from './watched-body.ts';

/** The content of a hole whose lookups are noted. */
export class HoleBody extends WatchedBody {
  readonly #environment: TemplateEnvironment;
  readonly #page: Page;

  constructor(environment: TemplateEnvironment, page: Page, reading: HoleReading) {
    super();
    this.#environment = environment;
    this.#page = page;
    this.reading = reading;
  }

  protected digestOf(name: string, parent: string | undefined): string | undefined {
    return this.#environment.templateDigest(this.#page, { name, parent });
  }
}
