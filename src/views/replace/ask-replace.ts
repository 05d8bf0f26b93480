import type { Exchange } from '../http/exchange.ts';
import { unescaped } from '../http/spellings.ts';
import { leftOn, variablesOf } from '../reads/left-behind.ts';
import { type Place, rememberCalls } from './remembered-calls.ts';
import { Replacements } from './replacements.ts';

/**
 * Asks the option `replace` for the values of a request. Needs no time unless the function does.
 *
 * @param urls what the handler is given and the key holds as it is
 * @returns undefined if a page of this request has nothing that could be replaced for sure
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION, and what the function throws
 */
export function askReplace(
  exchange: Exchange,
  replace: (request: unknown, response: unknown) => unknown,
  urls: readonly string[],
): Replacements | undefined | Promise<Replacements | undefined> {
  const { results, undo } = rememberCalls(placesOf(exchange));
  let given: unknown;
  try {
    given = replace(exchange.request, exchange.reply ?? exchange.response);
  } finally {
    if (!(given instanceof Promise)) undo();
  }
  const check = (values: unknown) => checked(Replacements.of(values, results), exchange, urls);
  return given instanceof Promise ? given.finally(undo).then(check) : check(given);
}

/** A page that prints its address has the value of whoever made that, and not of whoever asks. */
function checked(
  replacements: Replacements | undefined,
  { target, params }: Exchange,
  urls: readonly string[],
): Replacements | undefined {
  const address = JSON.stringify([target, urls, params]);
  const isEscaped = /[%&\\]/.test(address);
  const isThere =
    replacements?.isIn(address) || (isEscaped && replacements?.isIn(unescaped(Buffer.from(address)).toString()));
  return isThere ? undefined : replacements;
}

function placesOf({ holders, locals, functions = [] }: Exchange): Place[] {
  return [
    ...holders.flatMap((holder) => leftOn(holder).map((name) => ({ object: holder.object, name }))),
    ...locals().flatMap((object) => variablesOf(object).map((name) => ({ object, name }))),
    ...functions,
  ];
}
