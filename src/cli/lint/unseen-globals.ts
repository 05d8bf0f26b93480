import { pathText } from '../../reads/path-texts.ts';
import type { ExaminedRead } from '../../template/examine.ts';
import type { Finding, Rule } from './rule.ts';

/**
 * Finds calls of methods of globals that can never be compared, such as those of a formatter of `Intl`: a method may look at all that
 * its object holds.
 */
export const unseenGlobals: Rule = function* ({ fragments }, { env, examiner, isOwn }): Iterable<Finding> {
  if (!isOwn) return;
  for (const { written, reads } of fragments) {
    for (const { receiver, read } of methodsOf(reads)) {
      const object = valueAt(env.globals, receiver);
      const why = object === undefined ? undefined : examiner.whyUnseen(object);
      if (why === undefined) continue;
      const { use, template } = read;
      const where = template === undefined ? '' : ` (in ${template}, which it includes, line ${use.at.line})`;
      const message =
        `the body calls ${pathText(use.path)}()${where}, and the global ${pathText(receiver)} cannot be compared: ${why}; ` +
        'so the fragment is never stored. Make the call a filter or function of the environment (addFilter, addGlobal)';
      yield { rule: 'unseen-global', at: template === undefined ? use.at : written.at, message };
    }
  }
};

function* methodsOf(
  reads: readonly ExaminedRead[],
): Iterable<{ readonly receiver: readonly string[]; readonly read: ExaminedRead }> {
  for (const read of reads) {
    const receiver = read.use.path.slice(0, -1);
    if (read.isCall && receiver.length > 0) yield { receiver, read };
  }
}

/** Returns the object at a path, without calling any getter; undefined if there is none. */
function valueAt(globals: object, path: readonly string[]): object | undefined {
  let value: unknown = globals;
  for (const step of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Object.getOwnPropertyDescriptor(value, step)?.value;
  }
  return typeof value === 'object' && value !== null ? value : undefined;
}
