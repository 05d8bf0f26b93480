import { CacheSweeper } from 'nunjucks-cachesweeper';
import { comments, contextOf, environment, readyPage, sent } from '../page.ts';
import type { Made, Scenario } from '../scenario.ts';

const context = contextOf(comments);

function hits(): Made {
  const env = new CacheSweeper().install(environment('cached'));
  return { side: () => sent(env.render('page.njk', context)) };
}

function cold(): Made {
  const sweeper = new CacheSweeper();
  const env = sweeper.install(environment('cached'));
  const side = () => {
    // Resolved at once: without a store nothing is waited for.
    void sweeper.invalidateAll();
    return sent(env.render('page.njk', context));
  };
  return { side };
}

function uncached(): Made {
  const env = environment('uncached');
  return { side: () => sent(env.render('page.njk', context)) };
}

function installed(): Made {
  const env = new CacheSweeper().install(environment('no fragments'));
  return { side: () => sent(env.render('page.njk', context)) };
}

/** A cache inside the process, and pages that are not cached. */
export const scenarios: readonly Scenario[] = [
  {
    scenario: 'memory only, all hits',
    floor: 'the same page printing 50 ready strings',
    goal: 1.25,
    ours: hits,
    other: () => ({ side: readyPage() }),
  },
  {
    scenario: 'cold, memory only: everything missed and stored',
    floor: 'the uncached page',
    goal: 1.4,
    ours: cold,
    other: uncached,
  },
  {
    scenario: 'page without fragments, extension installed',
    floor: 'the same without it',
    goal: 1.02,
    ours: installed,
    other: uncached,
  },
  { scenario: 'what it is for: memory only, all hits', floor: 'the uncached page', ours: hits, other: uncached },
];
