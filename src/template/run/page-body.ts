import type { MarkSafe } from '../../reads/variables.ts';
import type { Part } from '../../render/ambient.ts';
import type { Template } from '../nunjucks.ts';
import type { TemplateEnvironment } from './environment.ts';
import { type FoundHole, HoleFiller } from './hole-filler.ts';
import { ALL_VARIABLES, type HoleRead } from './hole-reading.ts';
import { boundThrough, type HoleSpot, placeWith, type Spot, spotAlone } from './hole-spot.ts';
import { type FoundThere, KeepingBody } from './keeping-body.ts';
import { filled, OpenHoles } from './open-holes.ts';
import type { Page } from './page.ts';
import { PageReading } from './page-reading.ts';
import { isThere } from './private-reads.ts';
import { UNKNOWN } from './template-digest.ts';

/** A whole page that belongs to a lazy or a view. */
export class PageBody extends KeepingBody {
  readonly #environment: TemplateEnvironment;
  readonly #page: Page;
  readonly #part: Part;
  #filler: HoleFiller | undefined;

  /**
   * @param variables what the page was given
   * @param hasOpenHoles whether its holes stay open, if the part keeps pages so
   */
  constructor(environment: TemplateEnvironment, page: Page, part: Part, variables: object, hasOpenHoles: boolean) {
    super();
    this.#environment = environment;
    this.#page = page;
    this.#part = part;
    const { watch } = part;
    // A page that is kept as a whole must not show private values.
    const found = (path: readonly string[], value: unknown): void => {
      if (watch?.isReplaced(value) || watch?.visitor?.gives(path[0] as string)) return;
      // What a handler gives to this visitor alone may have a value for the next one, who is answered from the cache, too.
      const mayMiss = part.mayMissPrivate && !watch?.visitor?.isHandlers(path[0] as string);
      if (isThere(value) || !mayMiss) this.refuse('private name');
    };
    const reading = new PageReading(environment.pagePrivateNames, found, watch);
    this.reading = reading;
    if (hasOpenHoles && watch?.visitor !== undefined) {
      this.holes = new OpenHoles();
      reading.holes = this.holes;
    } else {
      // What its holes show stands in its html, so that it is for this visitor alone.
      watch?.visitor?.lost('');
    }
    watch?.pageBegins(variables);
  }

  protected digestOf(name: string, parent: string | undefined): string | undefined {
    return this.#environment.templateDigest(this.#page, { name, parent });
  }

  /** On a hit there is nothing of the page but the visitor's variables. */
  get filler(): HoleFiller {
    this.#filler ??= new HoleFiller(placeWith(this.#environment, this.#page, this.#visitors));
    return this.#filler;
  }

  get #visitors(): Readonly<Record<string, unknown>> {
    return this.#part.watch?.visitor?.variables ?? {};
  }

  get tag(): undefined {
    return undefined;
  }

  get markSafe(): MarkSafe {
    return this.#environment.markSafe;
  }

  spotOf(spot: Spot): HoleSpot | undefined {
    const visitor = this.#part.watch?.visitor;
    const variables = this.#visitors;
    return spotAlone(spot, (name, there, isBound) => {
      const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
      return visitor?.isSameAround({ name, value }, there, isBound) === true;
    });
  }

  spotThrough(hole: HoleSpot, tag: Spot): HoleSpot | undefined {
    const alone = this.spotOf(tag);
    if (alone === undefined) return undefined;
    return {
      ...alone,
      template: hole.template ?? alone.template,
      sees: hole.sees === 'nothing' ? 'nothing' : alone.sees,
      bound: boundThrough(hole, alone.bound),
    };
  }

  /** What is kept with a page was read while it was made. */
  hand(values: readonly unknown[]): void {
    (this.reading as PageReading).hand(values);
  }

  isOutside(): boolean {
    return true;
  }

  hasSet(): boolean {
    return false;
  }

  compare(read: HoleRead, { value, isBound }: FoundThere): void {
    const visitor = this.#part.watch?.visitor;
    // Around the hole are those of the page as well.
    if (read.name !== ALL_VARIABLES && visitor?.isSameAround(read, value, isBound)) return;
    visitor?.lost(read.name);
    this.holes?.lose();
  }

  protected refuseRead(name: string, _hole: FoundHole): never {
    throw new TypeError(`a page has no variables of its own, and so not ${name}`);
  }

  /** Returns the html of the page with its holes filled; undefined if one was lost and the page has to run again. */
  shown(html: string): string | undefined {
    const { holes } = this;
    if (holes === undefined) return html;
    const cut = holes.cut(html);
    if (cut === undefined) return undefined;
    const shown = filled(cut.html, cut.holes, (_hole, i) => cut.texts[i] as string);
    const { identity: environment } = this.#environment;
    if (cut.holes.length > 0) this.#part.watch?.visitor?.made(shown, { holes: cut.holes, environment }, cut.texts);
    return shown;
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
