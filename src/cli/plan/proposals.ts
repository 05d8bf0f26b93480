import type { PageTally, TagTally } from './tally.ts';

/** With fewer uses, the counts do not tell whether a tag is worth it; `notWorthCaching` of the sweeper has the same limit. */
const MIN_USES = 100;
/** Milliseconds of a page that are worth a tag: some hundred times what a look-up in memory takes. */
const WORTH = 1;
/** Most pages that are proposed for a tag. */
const MAX_ADDED = 20;

/**
 * `drop`: the tag takes more time than it saves. `mend`: it is never stored, for a reason that can be removed. `keep`: it saves time.
 * `wait`: too few uses. `add`: a page that takes time although all of its fragments are hits.
 */
export type Action = 'drop' | 'mend' | 'keep' | 'wait' | 'add';

export interface Proposal {
  readonly action: Action;
  readonly template: string;
  /** 0 for a page. */
  readonly line: number;
  readonly uses: number;
  readonly hits: number;
  /** Milliseconds that a use saves now, or with the proposal; below 0 it costs. For `add` it is at most that. */
  readonly perUse: number;
  /** Milliseconds that all recorded uses would have saved, if this had been done before. */
  readonly gain: number;
  readonly why: string;
}

/** Returns what to do, most gained first; what is to stay as it is comes last. */
export function proposals(tags: readonly TagTally[], pages: readonly PageTally[]): readonly Proposal[] {
  const added = pages
    .flatMap(ofPage)
    .sort((a, b) => b.gain - a.gain)
    .slice(0, MAX_ADDED);
  const all = [...tags.map(ofTag), ...added];
  const rank = ({ action }: Proposal) => (action === 'keep' ? 1 : action === 'wait' ? 2 : 0);
  return all.sort((a, b) => rank(a) - rank(b) || b.gain - a.gain || b.uses * b.perUse - a.uses * a.perUse);
}

function ofTag(tag: TagTally): Proposal {
  const { template, line, hits, misses, uncached, saved, looking } = tag;
  const notStored = [...uncached.values()].reduce((sum, count) => sum + count, 0);
  const uses = hits + misses + notStored;
  const net = saved - looking;
  const known = { template, line, uses, hits, perUse: net / uses };
  if (uses < MIN_USES) return { ...known, action: 'wait', gain: 0, why: `fewer than ${MIN_USES} uses tell nothing` };
  if (net >= 0)
    return { ...known, action: 'keep', gain: 0, why: `saves ${inMs(saved)}, looking for it takes ${inMs(looking)}` };
  const [reason, count] = [...uncached].sort(([, a], [, b]) => b - a)[0] ?? [];
  if (reason !== undefined && count !== undefined && count > uses / 2) {
    const detail = tag.unseen === undefined ? '' : `: ${tag.unseen}`;
    return { ...known, action: 'mend', gain: -net, why: `${count} of ${uses} not stored, ${reason}${detail}` };
  }
  return {
    ...known,
    action: 'drop',
    gain: -net,
    why: `saves ${inMs(saved)}, and looking for it takes ${inMs(looking)}`,
  };
}

function ofPage({ template, warm, rest }: PageTally): readonly Proposal[] {
  const perUse = rest / warm;
  if (warm < MIN_USES || perUse < WORTH) return [];
  const why = `${inMs(perUse)} a page are in no fragment, loading included`;
  return [{ action: 'add', template, line: 0, uses: warm, hits: 0, perUse, gain: rest, why }];
}

function inMs(milliseconds: number): string {
  return `${milliseconds >= 100 ? milliseconds.toFixed(0) : milliseconds.toPrecision(2)} ms`;
}
