import type { Exchange } from '../http/exchange.ts';
import { unescaped } from '../http/spellings.ts';
import { leftOn, variablesOf } from '../reads/left-behind.ts';
import { type Place, rememberCalls } from './remembered-calls.ts';
import { Replacements } from './replacements.ts';

/**
 * Asks the option `replace` for the values of a request.
 *
 * @param urls what the handler is given and the key holds as it is
 * @returns undefined if a page of this request has nothing that could be replaced for sure
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION, and what the function throws
 */
export async function askReplace(
  exchange: Exchange,
  replace: (request: unknown, response: unknown) => unknown,
  urls: readonly string[],
): Promise<Replacements | undefined> {
  const { results, undo } = rememberCalls(placesOf(exchange));
  let given: unknown;
  try {
    given = replace(exchange.request, exchange.reply ?? exchange.response);
    if (given instanceof Promise) given = await given;
  } finally {
    undo();
  }
  const replacements = Replacements.of(given, results);
  // A page that prints its address has the value of whoever made that, and not of whoever asks.
  const address = JSON.stringify([exchange.target, urls, exchange.params]);
  const isInAddress = replacements?.isIn(`${address}\n${unescaped(Buffer.from(address)).toString()}`);
  return isInAddress ? undefined : replacements;
}

function placesOf({ holders, locals, functions = [] }: Exchange): Place[] {
  return [
    ...holders.flatMap((holder) => leftOn(holder).map((name) => ({ object: holder.object, name }))),
    ...locals().flatMap((object) => variablesOf(object).map((name) => ({ object, name }))),
    ...functions,
  ];
}
