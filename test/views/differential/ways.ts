import fc from 'fast-check';
import { isDeep, sized } from '../../support/long.ts';
import { asked } from './cases.ts';
import type { Case, OuterForm, Program, Read, Step } from './program.ts';
import { WAYS } from './reads.ts';

/** What each kind of reading is tried with: what visitors differ in most. */
const NAMES: Readonly<Record<Read['of'], readonly string[]>> = {
  header: ['x-theme', 'accept-language', 'authorization', 'cookie'],
  cookie: ['theme', 'visit'],
  query: ['page', 'utm_source'],
  address: [''],
  host: [''],
  ip: [''],
  locals: ['theme'],
  property: ['theme'],
  session: ['member'],
};

const FORMS: readonly OuterForm[] = [
  'text',
  'object',
  'list',
  'map',
  'date',
  'instance',
  'model',
  'yes',
  'getter',
  'closure',
];

/** Variants of each: two of when it reads and how it answers, on two of the framework's objects. */
const VARIANTS = sized([0], [0, 1, 2, 3], [0, 3]);
const REQUESTS = sized(2, 16, 8);

/** One program for each way of reading, alone in its handler, with what outer middleware left in each form. */
export function everyWay(): { readonly name: string; readonly cases: readonly Case[] }[] {
  return Object.entries(WAYS).flatMap(([of, ways]) =>
    ways.map((by, i) => {
      const kind = of as Read['of'];
      const isLeft = (kind === 'locals' || kind === 'property') && (isDeep || by === 'index' || by === 'call');
      const forms = isLeft ? FORMS : (['text'] as const);
      const programs = NAMES[kind].flatMap((name) =>
        forms.flatMap((form) => VARIANTS.map((at) => alone({ of: kind, name, by, at: at + i }, form, (at + i) % 4))),
      );
      return { name: `${of} by ${by}`, cases: programs.map((program, i) => ({ program, asked: simple(i) })) };
    }),
  );
}

/** Visitors of an address or two, who differ in their headers, cookies, sessions and hosts. */
function simple(seed: number): Case['asked'] {
  return fc.sample(asked, { numRuns: REQUESTS, seed }).map((one) => ({
    ...one,
    path: '/shop/1',
    query: one.query.filter((pair) => /^(?:page|utm_source)=/.test(pair)),
    fragment: '',
    conditional: 'none',
  }));
}

function alone(read: Read, as: OuterForm, variant: number): Program {
  const step: Step = {
    stage: variant % 2 === 0 ? 'handler' : 'late',
    read,
    only: undefined,
    nameFrom: undefined,
    inHeader: variant === 3,
  };
  const put = read.of === 'locals' || read.of === 'property' ? read.of : undefined;
  return {
    outer: put ? [{ put, name: read.name, from: { of: 'cookie', name: 'theme' }, as, otherwise: 'nothing' }] : [],
    steps: [step],
    answer: { by: variant < 2 ? 'send' : 'json', status: 200, cacheControl: undefined, vary: undefined, template: [] },
    site: {
      placed: 'route',
      cookies: 'none',
      query: undefined,
      ignoreHost: false,
      trustProxy: variant % 2 === 1,
      session: read.of === 'session',
      store: false,
      brackets: false,
    },
  };
}
