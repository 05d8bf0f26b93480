import { CacheSweeperError } from '../../errors.ts';
import { isOver } from '../../render/lifetime.ts';
import type { Position } from '../../template/compile/template-error.ts';
import type { ExaminedFragment } from '../../template/examine.ts';
import type { Node } from '../../template/nunjucks.ts';
import type { Finding, Rule } from './rule.ts';

/** Finds arguments that are written into the template and fail at each use, as the sweeper itself says. */
export const literals: Rule = function* ({ fragments }, { examiner }): Iterable<Finding> {
  for (const { written } of fragments) {
    const [model, ttl] = written.args.operands;
    const keyword = (name: string) => literal(written.args.keywords.get(name), null);
    const times = { ttl: literal(ttl, 0), until: keyword('until'), stale: keyword('stale') };
    yield* failure(written.at, () => isOver(times, Date.now));
    const type = written.args.keywords.get('type');
    if (model?.typename === 'Literal' && (type === undefined || type.typename === 'Literal')) {
      yield* failure(written.at, () => examiner.identify(model.value, type?.value));
    }
  }
};

/** Returns the value of a literal, or what stands for something that is computed. */
function literal(node: ExaminedFragment['body'] | undefined, computed: unknown): unknown {
  return node?.typename === 'Literal' ? (node as Node).value : computed;
}

function* failure(at: Position, run: () => unknown): Iterable<Finding> {
  try {
    run();
  } catch (error) {
    if (!(error instanceof CacheSweeperError)) throw error;
    yield { rule: error.code, at, message: error.message };
  }
}
