import { isDeep, isLong, sized } from '../support/long.ts';
import type { Page } from './pages.ts';
import type { Actor, Scenario, Type } from './scenario.ts';

type Start = NonNullable<Scenario['start']>;

interface Family {
  readonly actors: readonly Actor[];
  readonly pages: readonly Page[];
  /** For `npm test`, which has no time for all. */
  readonly fewPages?: readonly Page[];
  /** For `npm run test:long`, where orders may be many. */
  readonly morePages?: readonly Page[];
  /** The whole family is for `npm run test:long`, and for the mutants that nothing smaller finds. */
  readonly isLarge?: true;
  /** The whole family has too many orders for `npm test`. */
  readonly isForCi?: true;
  /** Too many orders even for that: only as many are tried as show what a mutant breaks. */
  readonly isForMutants?: true;
  readonly starts?: readonly Start[];
  /** For `npm test`, where both would have too many orders. */
  readonly fewStarts?: readonly Start[];
  readonly more?: Partial<Scenario>;
}

const reader = (process: string, more: { readonly since?: true; readonly page?: Page } = {}): Actor => ({
  does: 'read',
  in: process,
  ...more,
});
const save = (process: string, row: Type = 'Article', bump: 'row' | 'class' | 'all' | 'using' = 'row'): Actor => ({
  does: 'save',
  in: process,
  row,
  bump,
});
const loss: Actor = { does: 'lose', tokens: 'Article' };
const flush: Actor = { does: 'lose', tokens: 'all' };
const twoSeconds: Actor = { does: 'wait', milliseconds: 2_000 };

/** Longer than an outage counts, and within `maxDataAge`. */
const almostThreeSeconds: Actor = { does: 'wait', milliseconds: 2_900 };
const OUTAGE = 2_500;

const everyPage: readonly Page[] = ['plain', 'using', 'nested', 'lazy', 'depends'];

/** By what happens in them. Each is small enough for every order of its steps to be tried. */
const all = {
  'one reader, a save, the token is lost, 2 s pass': {
    isForCi: true,
    actors: [reader('a'), save('b'), loss, twoSeconds],
    pages: ['plain', 'nested', 'depends'],
    morePages: everyPage,
  },
  'one reader, a save, the token is lost': {
    actors: [reader('a'), save('b'), loss],
    fewPages: ['using'],
    pages: ['using', 'lazy'],
  },
  'one reader that knows since when, a save, the token is lost, 2 s pass': {
    isForCi: true,
    actors: [reader('a', { since: true }), save('b'), loss, twoSeconds],
    pages: ['plain'],
    morePages: everyPage,
  },
  'one reader, two saves': {
    actors: [reader('a'), save('b'), save('c')],
    pages: ['plain'],
    morePages: everyPage,
    fewStarts: ['warm'],
  },
  'one reader, two saves, all tokens are lost': {
    isForCi: true,
    actors: [reader('a'), save('b'), save('c'), flush],
    pages: ['plain'],
    morePages: everyPage,
    starts: ['warm'],
  },
  'one reader, saves of a row and of one inside': {
    isForCi: true,
    actors: [reader('a'), save('b'), save('b', 'Comment')],
    pages: ['nested', 'lazy', 'listed'],
  },
  'one reader, saves of a row and of one it depends on': {
    actors: [reader('a'), save('b'), save('b', 'Author')],
    pages: ['depends'],
    fewStarts: ['warm'],
  },
  'one reader, its class is invalidated, 2 s pass': {
    actors: [reader('a'), save('b', 'Article', 'class'), twoSeconds],
    fewPages: ['plain'],
    pages: ['nested'],
    morePages: everyPage,
  },
  'one reader, everything is invalidated, 2 s pass': {
    actors: [reader('a'), save('b', 'Article', 'all'), twoSeconds],
    fewPages: ['plain'],
    pages: ['nested'],
    morePages: everyPage,
  },
  'one reader, a save, a call fails': {
    actors: [reader('a'), save('b')],
    fewPages: ['plain'],
    pages: ['plain', 'nested'],
    morePages: everyPage,
    fewStarts: ['warm'],
    more: { faults: 1 },
  },
  'one reader, a save in its process, a call fails': {
    actors: [reader('a'), save('a')],
    pages: ['plain'],
    morePages: everyPage,
    fewStarts: ['warm'],
    more: { faults: 1 },
  },
  'one reader, a save in its process, two calls fail': {
    actors: [save('a'), reader('a')],
    pages: ['plain'],
    morePages: everyPage,
    starts: ['warm'],
    isLarge: true,
    more: { faults: 2 },
  },
  'one reader, a save of what it depends on, a call fails': {
    actors: [reader('a'), save('b', 'Author')],
    pages: ['depends'],
    // The other families with a fault begin warm.
    fewStarts: ['cold'],
    more: { faults: 1 },
  },
  'a process new to the page that knows since when, a save, 2 s pass, a save of what it depends on, a call fails': {
    actors: [save('b'), twoSeconds, reader('d', { since: true }), save('b', 'Author')],
    pages: ['depends'],
    starts: ['warm'],
    isForMutants: true,
    more: { faults: 1 },
  },
  'one reader, a save told with using, a call fails': {
    isForCi: true,
    actors: [reader('a'), save('b', 'Article', 'using')],
    pages: ['using'],
    starts: ['warm'],
    more: { faults: 1 },
  },
  'one reader that knows since when, a save by a clock that is a second late, 2 s pass': {
    actors: [reader('a', { since: true }), save('b'), twoSeconds],
    fewPages: ['plain'],
    pages: ['plain', 'nested'],
    fewStarts: ['warm'],
    more: { clocks: { b: -1_000 } },
  },
  'two readers whose clocks differ by a second, a save, 2 s pass': {
    isForCi: true,
    actors: [reader('a'), save('c'), twoSeconds, reader('b')],
    pages: ['plain'],
    starts: ['warm'],
    more: { clocks: { a: 500, b: -500 } },
  },
  'two readers, a save, the token is lost': {
    isForCi: true,
    actors: [reader('a'), reader('b'), save('c'), loss],
    pages: ['plain'],
    morePages: ['plain', 'using', 'nested', 'depends'],
  },
  'two readers, a save': {
    actors: [reader('a'), reader('b'), save('c')],
    fewPages: ['using', 'lazy'],
    pages: everyPage,
    starts: ['warm'],
  },
  'two readers in one process, a save': {
    actors: [reader('a'), reader('a'), save('b')],
    pages: ['plain'],
    morePages: ['plain', 'using', 'nested', 'depends'],
    starts: ['warm'],
  },
  'two readers in one process, a save, a call fails': {
    actors: [reader('a'), reader('a'), save('b')],
    pages: ['plain'],
    starts: ['warm'],
    isForMutants: true,
    more: { faults: 1 },
  },
  'two readers who load, in one process, a save of what they depend on': {
    isForCi: true,
    actors: [reader('a'), reader('a'), save('b', 'Author')],
    pages: ['loads'],
    starts: ['tokens'],
  },
  'two readers who load two rows, in one process, a save of the one that they depend on': {
    isLarge: true,
    actors: [reader('a'), reader('a'), save('b', 'Author')],
    pages: ['loads two'],
    starts: ['tokens'],
  },
  'two readers who load, in two processes, a save of what they depend on': {
    isForCi: true,
    actors: [reader('a'), reader('b'), save('c', 'Author')],
    pages: ['loads'],
    starts: ['tokens'],
  },
  'two readers without a memory tier, a save, the token is lost': {
    isForCi: true,
    actors: [reader('a'), reader('b'), save('c'), loss],
    pages: ['plain'],
    morePages: ['plain', 'using', 'nested', 'depends'],
    starts: ['warm'],
    more: { memory: false },
  },
  'two readers in one process of what has expired, a save': {
    isForCi: true,
    actors: [reader('a'), reader('a'), save('b')],
    pages: ['expiring'],
    starts: ['warm'],
  },
  'two readers in one process of what has expired, a save in it': {
    isLarge: true,
    actors: [reader('a'), reader('a'), save('a')],
    pages: ['expiring'],
    starts: ['warm'],
  },
  'in an outage: one reader, a save, a call fails': {
    actors: [reader('a'), save('b')],
    pages: ['plain'],
    morePages: everyPage,
    starts: ['warm'],
    more: { faults: 1, outage: OUTAGE },
  },
  'in an outage: one reader, a save, 2.9 s pass, a call fails': {
    isForCi: true,
    actors: [reader('a'), save('b'), almostThreeSeconds],
    pages: ['plain'],
    morePages: everyPage,
    starts: ['warm'],
    more: { faults: 1, outage: OUTAGE },
  },
  'in an outage: one reader, a save in its process, a call fails': {
    actors: [reader('a'), save('a')],
    pages: ['plain'],
    morePages: everyPage,
    starts: ['warm'],
    more: { faults: 1, outage: OUTAGE },
  },
  'in an outage: two readers, a save in their process, two calls fail': {
    isForMutants: true,
    actors: [reader('a'), reader('a'), save('a')],
    pages: ['plain'],
    starts: ['warm'],
    more: { faults: 2, outage: OUTAGE },
  },
  'two readers, one knows since when, a save, 2 s pass': {
    actors: [reader('a'), reader('b', { since: true }), save('c'), twoSeconds],
    pages: ['plain'],
    starts: ['cold'],
    isLarge: true,
  },
  'a reader of a part, one of the page around it that knows since when, a save of the part, 2 s pass': {
    actors: [reader('a', { page: 'part' }), save('c', 'Comment'), twoSeconds, reader('b', { since: true })],
    pages: ['nested'],
    starts: ['warm'],
    isLarge: true,
  },
} as const satisfies Record<string, Family>;

export type FamilyName = keyof typeof all;

export const families: readonly FamilyName[] = (Object.keys(all) as FamilyName[]).filter((name) => {
  const family: Family = all[name];
  return family.isForMutants !== true && (isLong || family.isLarge !== true) && (isDeep || family.isForCi !== true);
});

/** The scenarios of a family: each page, with nothing there before and with everything. */
export function scenariosOf(name: FamilyName): readonly Scenario[] {
  const family: Family = all[name];
  const { actors, pages, fewPages = pages, morePages = pages, more } = family;
  const { starts = ['cold', 'warm'], fewStarts = starts } = family;
  return sized(fewPages, morePages, pages).flatMap((page) =>
    sized(fewStarts, starts, starts).map((start) => ({ page, start, actors, ...more })),
  );
}
