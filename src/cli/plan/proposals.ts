import { inMs } from '../milliseconds.ts';
import type { PageTally, TagTally } from './tally.ts';

/** With fewer uses, the counts do not tell whether a tag is worth it; `notWorthCaching` of the sweeper has the same limit. */
const MIN_USES = 100;
/** Milliseconds of a page that are worth a tag: some hundred times what a look-up in memory takes. */
const WORTH = 1;
/** Most proposals for whole pages. */
const MAX_OF_PAGES = 20;

/**
 * `drop`: the tag, or all of a page together, takes more time than it saves. `mend`: it is mostly not stored, or not for long, for a reason
 * that can be removed. `keep`: it saves time.
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
  const ofPages = pages
    .flatMap(ofPage)
    .sort((a, b) => b.gain - a.gain)
    .slice(0, MAX_OF_PAGES);
  const all = [...tags.map(ofTag), ...ofPages];
  const rank = ({ action }: Proposal) => (action === 'keep' ? 1 : action === 'wait' ? 2 : 0);
  return all.sort((a, b) => rank(a) - rank(b) || b.gain - a.gain || b.uses * b.perUse - a.uses * a.perUse);
}

function ofTag({ template, line, uses, hits, obstacles, saved, looking }: TagTally): Proposal {
  const net = saved - looking;
  const known = { template, line, uses, hits, perUse: net / uses };
  if (uses < MIN_USES) return { ...known, action: 'wait', gain: 0, why: `fewer than ${MIN_USES} uses tell nothing` };
  const times = `saves ${inMs(saved)}, looking for it takes ${inMs(looking)}`;
  if (net >= 0) return { ...known, action: 'keep', gain: 0, why: times };
  const [worst] = [...obstacles].sort(([, a], [, b]) => b.uses - a.uses);
  if (worst === undefined || worst[1].uses <= uses / 2) return { ...known, action: 'drop', gain: -net, why: times };
  const [what, { uses: count, detail }] = worst;
  const why = `${count} of ${uses} ${what}${detail === undefined ? '' : `: ${detail}`}`;
  return { ...known, action: 'mend', gain: -net, why };
}

function ofPage({ template, warm, rest, uses, saved, waited }: PageTally): readonly Proposal[] {
  const found: Proposal[] = [];
  // Each tag alone is worth it, but not the waiting for the store that they have in common.
  if (uses >= MIN_USES && saved >= 0 && saved < waited) {
    const why = `all tags of the page together save ${inMs(saved)}, and waiting for the store takes ${inMs(waited)}`;
    const gain = waited - saved;
    found.push({ action: 'drop', template, line: 0, uses, hits: 0, perUse: -gain / uses, gain, why });
  }
  const perUse = rest / warm;
  if (warm >= MIN_USES && perUse >= WORTH) {
    const why = `${inMs(perUse)} a page are in no fragment, loading included`;
    found.push({ action: 'add', template, line: 0, uses: warm, hits: 0, perUse, gain: rest, why });
  }
  return found;
}
