import type { Entry } from '../cache/entry.ts';
import { tokenTime } from '../cache/token.ts';
import type { TokenReader } from '../cache/token-reader.ts';
import { compare } from '../reads/reads.ts';
import type { Bumped, MissCause, Missing } from '../reporting/cause.ts';
import type { Use } from './fragment-call.ts';
import { latest } from './lifetime.ts';

/**
 * Says why none of some entries could be served. Of several, the one that read the same tells most.
 *
 * @param now milliseconds since 1970
 */
export function whyMissed(use: Use, entries: readonly Entry[], now: number): Missing {
  let isOther = false;
  let last: Missing | undefined;
  for (const entry of entries) {
    if (compare(entry.reads, use.scope) !== 'same') isOther = true;
    else {
      const missing = whyInvalid(use, entry, now);
      if (missing.bumped.length > 0) return missing;
      last = missing;
    }
  }
  return last ?? because(isOther ? 'reads' : 'new');
}

function whyInvalid({ render: { reader, early }, call }: Use, entry: Entry, now: number): Missing {
  const { expires, templates } = entry;
  const over = whyOver(entry, reader, now);
  if (over !== undefined) return over;
  if (expires > latest(call.operands.until)) return because(entry.provisional ? 'provisional' : 'expired');
  const isEdited = templates.some((template) => call.templateDigest(template) !== template.digest);
  if (isEdited) return because('template');
  return because(early?.hasFound && expires !== Number.POSITIVE_INFINITY ? 'early' : 'unknown');
}

/**
 * Says why an entry may not be served any more, as far as its tokens and its end tell; undefined if they do not.
 *
 * @param now milliseconds since 1970
 */
export function whyOver(entry: Entry, reader: Pick<TokenReader, 'knownToken'>, now: number): Missing | undefined {
  const { dependencies, expires, provisional } = entry;
  const bumped: Bumped[] = [];
  let isOther = false;
  for (let i = 0; i < dependencies.length; i += 2) {
    const name = dependencies[i] as string;
    const token = reader.knownToken(name);
    const own = dependencies[i + 1] as string;
    if (token === undefined || token === own) continue;
    isOther = true;
    // The entry of another process may be younger than what this page has read. Its model was bumped since, and nothing here tells why.
    if (tokenTime(token) >= tokenTime(own)) bumped.push({ name, token });
  }
  if (bumped.length > 0) return { cause: { why: 'bumped', name: bumped[0]?.name }, bumped };
  if (isOther) return because('unknown');
  return expires <= now ? because(provisional ? 'provisional' : 'expired') : undefined;
}

export function because(why: MissCause['why']): Missing {
  return { cause: { why }, bumped: [] };
}
