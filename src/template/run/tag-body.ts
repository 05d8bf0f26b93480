import { Recorder } from '../../reads/recorder.ts';
import type { MarkSafe, SetVariable } from '../../reads/variables.ts';
import type { Scope } from '../../reads/world.ts';
import type { Body } from '../../render/body.ts';
import type { BodyEvents, BodyReads, FragmentBody, RenderedBody } from '../../render/fragment-call.ts';
import type { UncachedReason } from '../../reporting/report.ts';
import type { Frame, Template } from '../nunjucks.ts';
import { asyncBody } from './async-body.ts';
import { BodyReading } from './body-reading.ts';
import { frameOfBody, PageVariables, setAround, variablesOf } from './body-scope.ts';
import { foundReads } from './found-reads.ts';
import { type FoundHole, HoleFiller } from './hole-filler.ts';
import { type HoleRead, HoleReading } from './hole-reading.ts';
import { type HoleSpot, type Spot, spotFrom, spotThrough } from './hole-spot.ts';
import { type FoundThere, KeepingBody } from './keeping-body.ts';
import { notThere } from './not-there.ts';
import { OpenHoles } from './open-holes.ts';
import type { PageReading } from './page-reading.ts';
import type { BodyDone, TagPlace } from './tag-place.ts';
import { TextUsesOfRuns } from './text-uses.ts';
import { notedIn } from './watched-body.ts';

/** The body of one use of a fragment tag. The compiled template knows it as `cb.run`. */
export class TagBody extends KeepingBody implements FragmentBody {
  /** The scope for the body's variables. */
  readonly frame: Frame;
  /** Whether every part of the body has been rendered. */
  hasEnded = false;
  failure: { readonly error: unknown } | undefined;
  /** Returns the compiled template's own variable `frame`, or sets it. */
  frameVariable: ((to?: Frame) => Frame) | undefined;
  readonly #at: TagPlace;
  #filler: HoleFiller | undefined;
  readonly #noted: PageReading | undefined;
  /** Records its reads, if the body is to be kept. */
  #recorded: BodyReading | undefined;

  constructor(at: TagPlace, parent: Body | undefined, uncached: UncachedReason | undefined) {
    super(parent, uncached);
    this.#at = at;
    this.#noted = notedIn(parent);
    this.frame = frameOfBody(at.frame);
  }

  render(scope: Scope | undefined, { met, read }: BodyEvents, hasOpenHoles: boolean): RenderedBody | Promise<unknown> {
    const texts = new TextUsesOfRuns();
    this.holes = hasOpenHoles ? new OpenHoles() : undefined;
    const recorder = scope && new Recorder(scope, met, this.#at.site.except, texts);
    const reading = recorder && this.#reading(recorder, texts);
    this.#recorded = reading;
    this.reading = reading ?? this.#noted;
    const ended = (variables: readonly SetVariable[], isBack: boolean): BodyReads | undefined => {
      this.#recorded = undefined;
      this.reading = undefined;
      if (recorder === undefined || scope === undefined) return undefined;
      if (!isBack) recorder.cannotSee('', CAUGHT);
      const found = foundReads(this.#at, recorder, scope, variables);
      if ('reads' in found) read(found.reads);
      return found;
    };
    return this.#run((before) => reading?.copies.start(before), ended);
  }

  /** The digest of the tag's template contains the templates that it names. */
  override used(name: string | Template, from: string | undefined, template: Template | undefined): void {
    const { paths } = this.#at.site.templateDigest ?? {};
    if (!template?.path || !paths?.has(template.path)) super.used(name, from, template);
  }

  /** What is noted of a hole or page is noted of the fragments in it as well. */
  override noted(): PageReading | undefined {
    return this.#noted;
  }

  protected digestOf(name: string, parent: string | undefined): string | undefined {
    return this.#at.environment.templateDigest(this.#at.page, { name, parent });
  }

  /**
   * Runs the compiled body. While it runs, the variables that it sets stay in a frame of its own; after that they are
   * set around the tag, as if the tag were not there. So is what it set before an error, because an extension may catch
   * the error and show the rest of the page.
   *
   * @param started called with the page's variables as they are before the body
   * @param ended called when the body has ended, before its variables are visible outside; `isBack` is false if the
   *   template goes on in another frame than that of the tag
   * @throws any error of the body; CacheSweeperError CACHESWEEPER_ASYNC_BODY
   */
  #run(
    started: (before: PageVariables) => void,
    ended: (variables: readonly SetVariable[], isBack: boolean) => BodyReads | undefined,
  ): RenderedBody | Promise<unknown> {
    const { page, context, frame, site, body } = this.#at;
    const { assigned, defined } = site;
    const done = ((error?: unknown) => {
      if (error) this.fail(error);
    }) as BodyDone;
    done.run = this;
    const names = assigned.length + defined.length;
    const before = frame.topLevel && names > 0 ? new PageVariables(context, [...assigned, ...defined]) : undefined;
    if (before !== undefined) started(before);
    let variables: readonly SetVariable[] = [];
    const leave = (): boolean => {
      variables = variablesOf(this.frame, before, defined);
      before?.restore();
      return this.#leave(frame);
    };
    let html: unknown;
    try {
      html = body(done);
    } catch (error) {
      leave();
      setAround(context, frame, variables);
      // Code behind an include runs on after an error, in the wrong frame. Its own errors follow from that.
      throw this.failure === undefined ? error : keepPlace(this.failure.error);
    }
    const isBack = leave();
    if (this.loading !== undefined) {
      if (page.render.canWait) return Promise.all(this.loading);
      throw asyncBody();
    }
    if (this.failure !== undefined) {
      setAround(context, frame, variables);
      throw keepPlace(this.failure.error);
    }
    if (!this.hasEnded || this.open > 0) throw asyncBody();
    const reads = ended(variables, isBack);
    const cut = this.#cut(String(html));
    // A body that has lost a hole is rendered again, and must not see what it has set.
    if (cut.holes !== undefined) setAround(context, frame, variables);
    return { reads, ...cut };
  }

  #cut(html: string): Omit<RenderedBody, 'reads'> {
    const holes = this.endHoles();
    if (holes === undefined) return { html, holes: NONE, texts: NONE, spentOnHoles: 0 };
    const cut = holes.cut(html);
    return { html: cut?.html ?? '', holes: cut?.holes, texts: cut?.texts ?? NONE, spentOnHoles: holes.spent };
  }

  get filler(): HoleFiller {
    this.#filler ??= new HoleFiller(this.#at);
    return this.#filler;
  }

  get tag(): Spot {
    return this.#at;
  }

  get markSafe(): MarkSafe {
    return this.#at.markSafe;
  }

  spotOf(spot: Spot): HoleSpot | undefined {
    return spotFrom(spot, this.#at);
  }

  spotThrough(hole: HoleSpot, tag: Spot): HoleSpot | undefined {
    return spotThrough(hole, tag, this.#at);
  }

  /** The fragment is compared by them. */
  hand(values: readonly unknown[]): void {
    this.#recorded?.hand(values);
  }

  isOutside({ context, frame, handed, root }: Spot, name: string, isFramed: boolean): boolean {
    if (this.#recorded === undefined) return true;
    // Of one template the compiler knows which JavaScript variables the body binds.
    if (isFramed && handed.names.includes(name)) return root === this.#at.root && this.#at.handed.names.includes(name);
    return this.#recorded.copies.isOutside(context, frame, name, isFramed);
  }

  hasSet(variables: object, name: string): boolean {
    return this.#recorded?.copies.hasSetOutside(variables, name) === true;
  }

  compare({ name, value }: HoleRead, there: FoundThere, hole: FoundHole): void {
    if (!Object.is(value, there.value)) this.refuseRead(name, hole);
  }

  protected refuseRead(name: string, hole: FoundHole): never {
    throw notThere(name, hole);
  }

  #reading(recorder: Recorder, texts: TextUsesOfRuns): BodyReading {
    const { context, handed, environment, site } = this.#at;
    texts.add(context);
    handed.names.forEach((name, i) => {
      if (site.handedToHoles.includes(name)) return;
      try {
        recorder.root('variable', name, handed.values[i]);
      } catch {
        recorder.cannotSee(name, 'looking at it throws');
      }
    });
    const ofComponent = (name: string): void => {
      if (environment.privateNames.privateLength([name]) !== undefined) this.refuse('private name');
    };
    const hole = this.#noted instanceof HoleReading ? this.#noted : undefined;
    const around = { frame: this.frame, context, ofComponent, hole };
    return new BodyReading(recorder, texts, around, this.holes as OpenHoles);
  }

  end(): void {
    this.hasEnded = true;
  }

  fail(error: unknown): void {
    this.failure ??= { error };
  }

  /**
   * Takes the body's frame out of those that the template goes on with. After an error that an extension catches,
   * Nunjucks goes on in the frame of the loop or macro that failed. Returns whether it goes on in the tag's frame.
   *
   * @param around frame of the tag
   */
  #leave(around: Frame): boolean {
    const last = this.frameVariable?.();
    if (last === this.frame) this.frameVariable?.(around);
    for (let at = last; at; at = at.parent ?? undefined) if (at.parent === this.frame) at.parent = around;
    return last === this.frame || last === around || last === undefined;
  }

  /** Renders the parent template's block, for super(). */
  inherited(render: (done: (error: unknown, html?: string) => void) => void): string {
    let inherited: string | undefined;
    this.open++;
    render((error, html) => {
      this.open--;
      if (error) this.fail(error);
      else inherited = html;
    });
    return inherited ?? '';
  }
}

const NONE: readonly never[] = [];

const CAUGHT = 'something catches an error of a loop or macro in the body, which changes the scope behind the tag';

/**
 * Marks an error so that Nunjucks does not add the tag's place to it. If it comes from an include, Nunjucks has already
 * given it a place there; Nunjucks leaves errors with a line number alone.
 */
function keepPlace(error: unknown): unknown {
  if (error instanceof Error && !('lineno' in error && error.lineno)) {
    Object.defineProperty(error, 'lineno', { value: 1, configurable: true, writable: true });
  }
  return error;
}
