import type { Bound, Hole } from '../../cache/hole.ts';
import { peek } from '../../reads/peek.ts';
import type { RootKind } from '../../reads/read-node.ts';
import type { Reads } from '../../reads/reads.ts';
import { readVariables } from '../../reads/variables.ts';
import type { Body } from '../../render/body.ts';
import type { FragmentCall } from '../../render/fragment-call.ts';
import type { UncachedReason } from '../../reporting/report.ts';
import { setAround } from './body-scope.ts';
import { HoleFiller } from './hole-filler.ts';
import { KeepingBody } from './keeping-body.ts';
import { filled } from './open-holes.ts';
import { passedTo } from './passed.ts';
import { namesNoVisitor } from './private-reads.ts';
import { TagBody } from './tag-body.ts';
import type { TagPlace } from './tag-place.ts';
import { TagScope } from './tag-scope.ts';

/** One use of the tag: answers the cache's questions about Nunjucks. */
export class TagCall implements FragmentCall {
  readonly place: FragmentCall['place'];
  readonly operands: FragmentCall['operands'];
  readonly skip: FragmentCall['skip'];
  readonly #at: TagPlace;
  #filler: HoleFiller | undefined;
  /** Names that the body around binds around the tag, as they were before the fragment's own body ran. */
  #bound: Bound | undefined;

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

  newBody(around: Body | undefined, uncached?: UncachedReason): TagBody {
    // What the body sets is bound around the tag when its holes are passed on.
    if (around instanceof KeepingBody && around.holes !== undefined) this.#bound = around.spotOf(this.#at)?.bound;
    return new TagBody(this.#at, around, uncached);
  }

  find(holes: readonly Hole[]): 'found' | 'pending' | 'gone' {
    let isPending = false;
    for (const hole of holes) {
      const found = this.#holes.find(hole);
      if (found === 'gone') return found;
      if (found === 'pending') isPending = true;
    }
    return isPending ? 'pending' : 'found';
  }

  print(html: string, holes: readonly Hole[], texts?: readonly string[]): string {
    const { page, markSafe } = this.#at;
    const around = page.render.bodies.current;
    if (around instanceof KeepingBody && around.takesHoles()) {
      const fill = (hole: Hole) => this.#holes.fill(hole, passedTo(hole, markSafe));
      return filled(html, holes, (hole, i) =>
        around.passOn(hole, { tag: this.#at, bound: this.#bound }, texts?.[i], () => fill(hole)),
      );
    }
    if (texts !== undefined) return filled(html, holes, (_, i) => texts[i] as string);
    const filler = this.#holes;
    return filled(html, holes, (hole) => filler.fill(hole, passedTo(hole, markSafe)));
  }

  /** Fills holes where the tag stands. */
  get #holes(): HoleFiller {
    this.#filler ??= new HoleFiller(this.#at);
    return this.#filler;
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

  templateDigest(dependency: Parameters<FragmentCall['templateDigest']>[0]): string | undefined {
    return this.#at.environment.templateDigest(this.#at.page, dependency);
  }
}

function memberOf(value: unknown, step: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  const found = peek(value, step);
  return typeof found === 'symbol' ? undefined : found;
}
