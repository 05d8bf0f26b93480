import { setTimeout as sleep } from 'node:timers/promises';
import { Database } from './database.ts';
import { openSite, type Setup, type Site } from './sites.ts';

/** What a process of a site is asked to do. */
export type Command =
  | { readonly do: 'open'; readonly setup: Setup }
  | { readonly do: 'bump'; readonly article: number }
  /** The next load fails. */
  | { readonly do: 'fail' }
  /** So many visitors at once. */
  | { readonly do: 'visit'; readonly article: number; readonly visitors: number }
  /** A visitor every so many milliseconds, for so long. */
  | { readonly do: 'stream'; readonly article: number; readonly every: number; readonly duration: number }
  /** So many visitors, each of whom asks for one of so many articles after the other, for so long. */
  | {
      readonly do: 'loop';
      readonly first: number;
      readonly articles: number;
      readonly visitors: number;
      readonly duration: number;
    };

/** What visitors met. */
export interface Visits {
  /** How long each waited, in milliseconds. */
  readonly waits: readonly number[];
  /** How many got an error in place of a page. */
  readonly errors: number;
}

/** What a process tells: that loads have begun, or that what it was asked to do is done. */
export type Told =
  | { readonly told: 'loads'; readonly count: number }
  | { readonly told: 'done'; readonly id: number; readonly visits: Visits };

const NOTHING: Visits = { waits: [], errors: 0 };
const tell = (message: Told): void => void process.send?.(message);
const database = new Database(countLoad);
let site: Site | undefined;

let untold = 0;

/** Loads that begin in one turn are one message: a message for each would make many loads look slower than they are. */
function countLoad(): void {
  if (untold++ === 0) setImmediate(tellLoads);
}

function tellLoads(): void {
  if (untold > 0) tell({ told: 'loads', count: untold });
  untold = 0;
}

/** Collects what visitors meet. */
class Met {
  readonly waits: number[] = [];
  errors = 0;

  /** @param since from when on the visitor waits; they come at once, so some also wait for the process to begin with them */
  async visit(article: number, since = performance.now()): Promise<void> {
    try {
      await (site as Site).visit(article);
    } catch {
      this.errors++;
    }
    this.waits.push(performance.now() - since);
  }
}

async function carryOut(command: Command): Promise<Visits> {
  const met = new Met();
  const visit = met.visit.bind(met);
  switch (command.do) {
    case 'open':
      await site?.close();
      site = openSite(command.setup, database);
      return NOTHING;
    case 'bump':
      await site?.bump(command.article);
      return NOTHING;
    case 'fail':
      database.isFailing = true;
      return NOTHING;
    case 'visit': {
      const since = performance.now();
      await Promise.all(Array.from({ length: command.visitors }, () => visit(command.article, since)));
      return met;
    }
    case 'stream': {
      const visits: Promise<void>[] = [];
      const until = performance.now() + command.duration;
      for (let next = performance.now(); next < until; next += command.every) {
        await sleep(Math.max(0, next - performance.now()));
        visits.push(visit(command.article));
      }
      await Promise.all(visits);
      return met;
    }
    case 'loop': {
      const until = performance.now() + command.duration;
      const loop = async (begin: number): Promise<void> => {
        for (let i = begin; performance.now() < until; i++) await visit(command.first + (i % command.articles));
      };
      await Promise.all(Array.from({ length: command.visitors }, (_, i) => loop(i * 7)));
      return met;
    }
  }
}

process.on('message', ({ id, command }: { readonly id: number; readonly command: Command }) => {
  void carryOut(command).then(({ waits, errors }) => {
    tellLoads();
    tell({ told: 'done', id, visits: { waits, errors } });
  });
});
// The benchmark has ended, in whatever way.
process.on('disconnect', () => process.exit());
