import { peek } from '../../reads/peek.ts';
import { type Reads, readsOf } from '../../reads/reads.ts';
import { Recorder } from '../../reads/recorder.ts';
import { MAX_PATHS, type ReadShape, type RootKind, shapeOf, without } from '../../reads/shape.ts';
import { Collector } from '../../reads/sinks.ts';
import { type MarkSafe, type Outside, readVariables, type SetVariable, writeVariables } from '../../reads/variables.ts';
import { walk } from '../../reads/walk.ts';
import type { Scope } from '../../reads/world.ts';
import type { BodyEvents as BodyReadEvents, BodyReads, FragmentCall, RenderedBody } from '../../render/fragments.ts';
import type { Frame as BodyFrame } from '../../render/frame.ts';
import type { Context, Frame, Template } from '../nunjucks.ts';
import { type BodyEvents, type CompiledBody, frameOfBody, renderBody, setAround } from './body.ts';
import { BodyReading } from './body-reading.ts';
import type { TagSite, TemplateEnvironment } from './environment.ts';
import type { Page } from './page.ts';
import { hasPrivateRead, namesNoVisitor } from './private-reads.ts';
import { exceptsPrivate, privateValues } from './private-values.ts';
import { type Handed, TagScope } from './tag-scope.ts';

/** The place of a tag while it runs. */
export interface TagPlace {
  readonly environment: TemplateEnvironment;
  readonly page: Page;
  readonly context: Context;
  readonly site: TagSite;
  readonly frame: Frame;
  readonly body: CompiledBody;
  readonly handed: Handed;
  readonly markSafe: MarkSafe;
}

/** One use of the tag: answers the cache's questions about Nunjucks. */
export class TagCall implements FragmentCall, BodyEvents {
  readonly place: FragmentCall['place'];
  readonly operands: FragmentCall['operands'];
  readonly skip: FragmentCall['skip'];
  readonly #at: TagPlace;

  constructor(at: TagPlace, operands: FragmentCall['operands'], skip: FragmentCall['skip']) {
    this.place = at.site;
    this.operands = operands;
    this.#at = at;
    this.skip =
      skip ?? (namesNoVisitor(at.site.privateArguments, operands.keys, at.page.world) ? 'private name' : undefined);
  }

  scope(models: readonly object[]): TagScope {
    const { page, context, frame, handed } = this.#at;
    return new TagScope(page.world, models, context, frame, handed);
  }

  body(bodyFrame: BodyFrame, scope: Scope | undefined, { met, read }: BodyReadEvents): RenderedBody | Promise<unknown> {
    const { context, frame, site, body } = this.#at;
    const own = frameOfBody(frame);
    const recorder = scope && new Recorder(scope, met, site.except);
    const reading = recorder && this.#reading(recorder, own, bodyFrame);
    bodyFrame.reading = reading;
    const ended = (variables: readonly SetVariable[], isBack: boolean): BodyReads | undefined => {
      bodyFrame.reading = undefined;
      if (recorder === undefined || scope === undefined) return undefined;
      if (!isBack) recorder.cannotSee('', CAUGHT);
      const found = this.#foundReads(recorder, scope, variables);
      if ('reads' in found) read(found.reads);
      return found;
    };
    const { assigned, defined } = site;
    const place = { page: this.#at.page, context, frame, assigned, defined };
    const made = renderBody(place, own, body, this, (before) => reading?.start(before), ended);
    return made instanceof Promise ? made : { html: made.html, reads: made.ended };
  }

  #reading(recorder: Recorder, own: Frame, bodyFrame: BodyFrame): BodyReading {
    const { context, handed, environment } = this.#at;
    handed.names.forEach((name, i) => {
      try {
        recorder.variable(name, handed.values[i]);
      } catch {
        recorder.cannotSee(name, 'looking at it throws');
      }
    });
    const ofComponent = (name: string): void => {
      if (environment.privateNames.privateLength([name]) !== undefined) bodyFrame.uncached ??= 'private name';
    };
    return new BodyReading(recorder, { frame: own, context, ofComponent });
  }

  /** Returns the reads of the body. Catches errors, because a value of the page may throw when it is looked at. */
  #foundReads(recorder: Recorder, scope: Scope, variables: readonly SetVariable[]): BodyReads {
    try {
      return this.#reads(recorder, scope, variables);
    } catch {
      return { uncached: 'unseen', why: `${recorder.names.join(', ')}: looking at it throws; ${REMEDIES}` };
    }
  }

  /** Returns the reads and variables of the body, or why they cannot be kept. */
  #reads(recorder: Recorder, scope: Scope, variables: readonly SetVariable[]): BodyReads {
    const { except, allowed } = this.#at.site;
    const read = recorder.roots();
    const last = lastShapes.get(this.#at.site);
    const whole = shapeOf(read, last);
    // Check before `except=` removes any path.
    if (hasPrivateRead(whole, scope, this.#at.environment.privateNames, allowed)) return { uncached: 'private name' };
    if (except.length > 0 && exceptsPrivate(read, except, scope, this.#privateValues()))
      return { uncached: 'private name' };
    const shape = except.length === 0 ? whole : shapeOf(without(read, except), last);
    lastShapes.set(this.#at.site, shape);
    if (shape.size > MAX_PATHS) return { uncached: 'reads too much', why: `it reads ${shape.size} paths; ${LESS}` };
    // No `met` callback here: models were met when the body read them.
    const collector = new Collector();
    walk(shape, scope, collector);
    if (collector.isPending) return { uncached: 'pending' };
    if (collector.isTooMuch) return { uncached: 'reads too much', why: `${shape.paths.join(', ')}; ${LESS}` };
    const unseen = recorder.unseen ?? collector.unseenValue;
    if (unseen !== undefined) return { uncached: 'unseen', why: `${unseen.path}: ${unseen.why}; ${REMEDIES}` };
    const kept = this.#keptVariables(variables, recorder);
    const written = writeVariables(kept, recorder);
    if (written === undefined)
      return { uncached: 'unseen', why: `${SETS}: ${variables.map(([name]) => name).join(', ')}` };
    return { reads: readsOf(shape, collector.text, written) };
  }

  /** Returns the private values on this page. */
  #privateValues(): ReadonlySet<unknown> {
    const { context, page, environment, site } = this.#at;
    return privateValues([context.ctx, page.render.context], page.world, environment.privateNames, site.allowed);
  }

  /**
   * Returns the variables to keep. One that is no plain data cannot be kept, and is left out if nothing behind the body
   * can read it.
   */
  #keptVariables(variables: readonly SetVariable[], outside: Outside): readonly SetVariable[] {
    const { site, context, frame, page } = this.#at;
    const isRead = (name: string) =>
      site.readBehind === '*' ||
      site.readBehind.includes(name) ||
      page.modules.has(context) ||
      isDefined(name, frame, context);
    return variables.filter((variable) => isRead(variable[0]) || writeVariables([variable], outside) !== undefined);
  }

  set({ variables }: Reads): void {
    const { context, frame, markSafe } = this.#at;
    const find = (kind: RootKind, [name, ...steps]: readonly string[]): unknown =>
      steps.reduce(memberOf, this.scope([]).read(kind, name as string));
    setAround(context, frame, readVariables(variables, markSafe, find));
  }

  read(kind: RootKind, name: string): unknown {
    const { page, context, frame, handed } = this.#at;
    const { reading } = page;
    const value = new TagScope(page.world, [], context, frame, handed).read(kind, name);
    if (kind === 'scope') reading?.lookup(context, frame, name, value);
    if (kind === 'helper') reading?.helper(name, value);
    if (kind === 'context' || kind === 'global') reading?.lookupPast(kind, context, name, value);
    return value;
  }

  used(name: string | Template, from: string | undefined, template: Template): void {
    this.#at.environment.used(this.#at.page, this.#at.site, name, from, template);
  }

  templateDigest(dependency: Parameters<FragmentCall['templateDigest']>[0]): string | undefined {
    return this.#at.environment.templateDigest(this.#at.page, dependency);
  }
}

/** The shape of each tag's last body. Most bodies of a tag read the same paths. */
const lastShapes = new WeakMap<TagSite, ReadShape>();

const LESS =
  "comparing them would take longer than rendering: pass less, let a lazy load it, say register(…, { version: 'updatedAt' }) for its rows, or except=";
const REMEDIES =
  'say in vary or a key what it depends on and its path in except=, or make it a filter or global of the environment';
const CAUGHT = 'something catches an error of a loop or macro in the body, which changes the scope behind the tag';
const SETS = 'the body sets what is no plain data';

function memberOf(value: unknown, step: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  const found = peek(value, step);
  return typeof found === 'symbol' ? undefined : found;
}

/** Whether a name has a value around the tag. If so, code outside of the body may read the value that the body sets. */
function isDefined(name: string, frame: Frame, context: Context): boolean {
  return frame.lookup(name) !== undefined || name in context.ctx;
}
