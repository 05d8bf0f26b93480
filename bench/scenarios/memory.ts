import { CacheSweeper } from 'nunjucks-cachesweeper';
import { comments, contextOf, environment, readyPage, sent } from '../page.ts';
import { compare } from '../ratio.ts';
import { type Row, row } from '../row.ts';

/** A cache inside the process, and pages that are not cached. */
export default async function memory(): Promise<Row[]> {
  const context = contextOf(comments);
  const plain = environment('uncached');
  const uncached = () => sent(plain.render('page.njk', context));

  const warm = new CacheSweeper().install(environment('cached'));
  const hits = () => sent(warm.render('page.njk', context));
  const ready = readyPage();
  if (hits() !== ready()) throw new Error('the two sides of the benchmark do not render the same page');

  const sweeper = new CacheSweeper();
  const swept = sweeper.install(environment('cached'));
  const cold = () => {
    // Resolved at once: without a store nothing is waited for.
    void sweeper.invalidateAll();
    return sent(swept.render('page.njk', context));
  };

  const installed = new CacheSweeper().install(environment('no fragments'));
  const without = environment('no fragments');
  return [
    row('memory only, all hits', 'the same page printing 50 ready strings', compare(hits, ready), 1.4),
    row('cold, memory only: everything missed and stored', 'the uncached page', compare(cold, uncached), 1.25),
    row(
      'page without fragments, extension installed',
      'the same without it',
      compare(
        () => sent(installed.render('page.njk', context)),
        () => sent(without.render('page.njk', context)),
      ),
      1.03,
    ),
    row('what it is for: memory only, all hits', 'the uncached page', compare(hits, uncached)),
  ];
}
