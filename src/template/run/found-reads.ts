import { readsOf } from '../../reads/reads.ts';
import type { Recorder } from '../../reads/recorder.ts';
import { MAX_PATHS, type ReadShape, shapeOf } from '../../reads/shape.ts';
import { without } from '../../reads/shape-parts.ts';
import { Collector } from '../../reads/sinks.ts';
import { type Outside, type SetVariable, writeVariables } from '../../reads/variables.ts';
import { walk } from '../../reads/walk.ts';
import type { Scope } from '../../reads/world.ts';
import type { BodyReads } from '../../render/fragment-call.ts';
import type { Context, Frame } from '../nunjucks.ts';
import type { TagSite } from './environment.ts';
import { hasPrivateRead } from './private-reads.ts';
import { exceptsPrivate, privateValues } from './private-values.ts';
import type { TagPlace } from './tag-place.ts';

/** Returns the reads of the body. Catches errors, because a value of the page may throw when it is looked at. */
export function foundReads(
  at: TagPlace,
  recorder: Recorder,
  scope: Scope,
  variables: readonly SetVariable[],
): BodyReads {
  try {
    return readsIn(at, recorder, scope, variables);
  } catch {
    return { uncached: 'unseen', why: `${recorder.names.join(', ')}: looking at it throws; ${REMEDIES}` };
  }
}

/** Returns the reads and variables of the body, or why they cannot be kept. */
function readsIn(at: TagPlace, recorder: Recorder, scope: Scope, variables: readonly SetVariable[]): BodyReads {
  const { except, allowed } = at.site;
  const read = recorder.roots();
  const last = lastShapes.get(at.site);
  const whole = shapeOf(read, last);
  // Check before `except=` removes any path.
  if (hasPrivateRead(whole, scope, at.environment.privateNames, allowed)) return { uncached: 'private name' };
  if (except.length > 0 && exceptsPrivate(read, except, scope, privateValuesAt(at)))
    return { uncached: 'private name' };
  const shape = except.length === 0 ? whole : shapeOf(without(read, except), last);
  lastShapes.set(at.site, shape);
  if (shape.size > MAX_PATHS) return { uncached: 'reads too much', why: `it reads ${shape.size} paths; ${LESS}` };
  // No `met` callback here: models were met when the body read them.
  const collector = new Collector();
  walk(shape, scope, collector);
  if (collector.isPending) return { uncached: 'pending' };
  if (collector.isTooMuch) return { uncached: 'reads too much', why: `${shape.paths.join(', ')}; ${LESS}` };
  const unseen = recorder.unseen ?? collector.unseenValue;
  if (unseen !== undefined) return { uncached: 'unseen', why: `${unseen.path}: ${unseen.why}; ${REMEDIES}` };
  const kept = keptVariables(at, variables, recorder);
  const written = writeVariables(kept, recorder);
  if (written === undefined)
    return { uncached: 'unseen', why: `${SETS}: ${variables.map(([name]) => name).join(', ')}` };
  return { reads: readsOf(shape, collector.text, written) };
}

/** Returns the private values on this page. */
function privateValuesAt({ context, page, environment, site }: TagPlace): ReadonlySet<unknown> {
  return privateValues([context.ctx, page.render.context], page.world, environment.privateNames, site.allowed);
}

/**
 * Returns the variables to keep. One that is no plain data cannot be kept, and is left out if nothing behind the body
 * can read it.
 */
function keptVariables(
  { site, context, frame, page }: TagPlace,
  variables: readonly SetVariable[],
  outside: Outside,
): readonly SetVariable[] {
  const isRead = (name: string) =>
    site.readBehind === '*' ||
    site.readBehind.includes(name) ||
    page.modules.has(context) ||
    isDefined(name, frame, context);
  return variables.filter((variable) => isRead(variable[0]) || writeVariables([variable], outside) !== undefined);
}

/** The shape of each tag's last body. Most bodies of a tag read the same paths. */
const lastShapes = new WeakMap<TagSite, ReadShape>();

const LESS =
  "comparing them would take longer than rendering: pass less, let a lazy load it, say register(…, { version: 'updatedAt' }) for its rows, or except=";
const REMEDIES =
  'say in vary or a key what it depends on and its path in except=, or make it a filter or global of the environment';
const SETS = 'the body sets what is no plain data';

/** Whether a name has a value around the tag. If so, code outside of the body may read the value that the body sets. */
function isDefined(name: string, frame: Frame, context: Context): boolean {
  return frame.lookup(name) !== undefined || name in context.ctx;
}
