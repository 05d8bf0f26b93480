import { badOption } from '../../util/check-option.ts';
import { describe } from '../../util/describe.ts';
import { isPlain } from '../../util/plain.ts';
import type { Exchange } from '../http/exchange.ts';

const MAX_NAMES = 50;
/** Nunjucks would take a name with a dot for a path. */
const NAME = /^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u;

/**
 * Asks the option `holes` for the variables of a visitor.
 *
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION for what is no object of variables, and what the function throws
 */
export async function askVisitor(
  exchange: Exchange,
  holes: (request: unknown, response: unknown) => unknown,
): Promise<Readonly<Record<string, unknown>>> {
  const given: unknown = await holes(exchange.request, exchange.reply ?? exchange.response);
  if (typeof given !== 'object' || given === null || Array.isArray(given) || !isPlain(given))
    throw notVariables(describe(given));
  const names = Object.keys(given);
  if (names.length > MAX_NAMES) throw notVariables(`${names.length} of them`);
  const other = names.find((name) => !NAME.test(name) || name === '__proto__');
  if (other !== undefined) throw notVariables(`the name ${JSON.stringify(other)}`);
  // A getter may find something else each time.
  return { ...given };
}

function notVariables(got: string) {
  return badOption('cacheView() holes', `a function that returns an object of at most ${MAX_NAMES} variables`, got);
}
