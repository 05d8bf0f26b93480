import fc from 'fast-check';
import {
  COOKIES,
  cookieNames,
  HEADERS,
  headerNames,
  hosts,
  leftNames,
  paths,
  queries,
  queryNames,
  weighted,
} from './pools.ts';
import type {
  Answer,
  Asked,
  Case,
  Framework,
  Outer,
  Program,
  Read,
  SiteOptions,
  Stage,
  Step,
  TemplatePart,
} from './program.ts';
import { WAYS } from './reads.ts';

const some = <T>(one: fc.Arbitrary<T>, minLength: number, maxLength: number) =>
  fc.noBias(fc.array(one, { minLength, maxLength, size: 'max' }));

/** Ways that take all there is, after which a page is mostly not stored. */
const ALL: ReadonlySet<string> = new Set([
  ...['keys', 'ownKeys', 'spread', 'assign', 'entries', 'forIn', 'json', 'Headers', 'raw', 'all', 'rawAll'],
  ...['distinct', 'destructured', 'size'],
]);

const ways = (of: Read['of']) => weighted(...WAYS[of].map((by) => [ALL.has(by) ? 1 : 3, by] as const));
const at = fc.nat(3);
const reading = (of: Read['of'], names: fc.Arbitrary<string>) =>
  fc.record<Read>({ of: fc.constant(of), name: names, by: ways(of), at });
const none = fc.constant('');

const reads: fc.Arbitrary<Read> = fc.oneof(
  { weight: 10, arbitrary: reading('header', headerNames) },
  { weight: 2, arbitrary: reading('cookie', cookieNames) },
  { weight: 6, arbitrary: reading('query', queryNames) },
  { weight: 3, arbitrary: reading('address', none) },
  { weight: 3, arbitrary: reading('host', none) },
  { weight: 1, arbitrary: reading('ip', none) },
  { weight: 4, arbitrary: reading('locals', leftNames) },
  { weight: 4, arbitrary: reading('property', leftNames) },
  { weight: 2, arbitrary: reading('session', weighted([2, 'member'], [1, 'basket'])) },
);

const stages = weighted<Stage>([8, 'handler'], [3, 'late'], [3, 'inner'], [2, 'stream'], [1, 'param'], [1, 'after']);

const step: fc.Arbitrary<Step> = fc.record({
  stage: stages,
  read: reads,
  only: fc.option(fc.record({ step: fc.nat(2), found: fc.boolean() }), { nil: undefined, freq: 4 }),
  nameFrom: fc.option(fc.nat(2), { nil: undefined, freq: 6 }),
  inHeader: weighted([5, false], [1, true]),
});

const outer: fc.Arbitrary<Outer> = fc.record({
  put: fc.constantFrom('locals', 'property'),
  name: leftNames,
  from: fc.oneof(
    fc.record({ of: fc.constant('header' as const), name: headerNames }),
    fc.record({ of: fc.constant('cookie' as const), name: cookieNames }),
    fc.record({ of: fc.constant('query' as const), name: queryNames }),
  ),
  as: weighted<Outer['as']>(
    ...([
      [6, 'text'],
      [2, 'object'],
      [1, 'list'],
      [1, 'map'],
      [1, 'date'],
      [1, 'instance'],
      [1, 'model'],
    ] as const),
    ...([
      [3, 'yes'],
      [2, 'getter'],
      [1, 'closure'],
      [1, 'headers'],
    ] as const),
  ),
  otherwise: weighted<Outer['otherwise']>([3, 'nothing'], [1, 'null']),
});

const part: fc.Arbitrary<TemplatePart> = fc
  .record({
    variable: fc.oneof(leftNames, fc.constantFrom('v0', 'v1', 'v2')),
    form: weighted<TemplatePart['form']>([4, 'print'], [3, 'if'], [2, 'field'], [1, 'loop'], [1, 'dump'], [1, 'call']),
    depth: weighted<TemplatePart['depth']>([3, 0], [3, 1], [1, 2], [1, 3]),
  })
  // A fragment refuses a private name when it is compiled.
  .map((one) => (one.depth > 0 && one.variable === 'user' ? { ...one, variable: 'member' } : one));

const answer: fc.Arbitrary<Answer> = fc.record({
  by: weighted<Answer['by']>([4, 'send'], [2, 'json'], [5, 'render'], [1, 'write'], [1, 'pipe'], [1, 'redirect']),
  status: weighted<Answer['status']>([9, 200], [1, 404]),
  cacheControl: weighted<string | undefined>(
    [6, undefined],
    [2, 'public, max-age=60, s-maxage=600'],
    [1, 'max-age=60'],
    [1, 'public'],
  ),
  vary: weighted<string | undefined>([8, undefined], [1, 'Accept-Language'], [1, 'X-Theme, Accept']),
  template: some(part, 1, 3),
});

const site: fc.Arbitrary<SiteOptions> = fc.record({
  placed: weighted<SiteOptions['placed']>([4, 'route'], [2, 'app'], [2, 'router']),
  cookies: weighted<SiteOptions['cookies']>([1, 'default'], [1, 'none']),
  query: weighted<readonly string[] | undefined>([6, undefined], [1, ['page']], [1, ['q', 'page']]),
  ignoreHost: weighted([9, false], [1, true]),
  trustProxy: weighted([2, false], [1, true]),
  session: weighted([3, false], [1, true]),
  store: weighted([4, false], [1, true]),
  brackets: fc.boolean(),
});

/** With `ignoreHost` a site has said that no page depends on its host. */
function mayIgnoreHost({ outer, steps }: Program): boolean {
  const told = steps.some(({ read: { of, by } }) => {
    return of === 'host' || by === 'href' || (of === 'header' && (ALL.has(by) || by === 'in'));
  });
  const kept = outer.some(({ as, from }) => as === 'headers' || from.name === 'x-forwarded-host');
  return !told && !kept && !steps.some(({ read }) => read.name === 'x-forwarded-host' || read.of === 'property');
}

/** What stands outside sees the request as it came, conditions and all parameters: it reads what is the same for the handler. */
function seenOutside({ of, name, by }: Read): boolean {
  if (of === 'query' || of === 'address' || by === 'href') return false;
  return of !== 'header' || (!ALL.has(by) && !/^(?:if-.*|range|cache-control|pragma)$/.test(name));
}

const program: fc.Arbitrary<Program> = fc
  .record({ outer: some(outer, 0, 2), steps: some(step, 1, 4), answer, site })
  .map((made) => {
    const steps = made.steps.map((one): Step => {
      const isOutside = one.stage === 'param' || one.stage === 'after';
      return isOutside && !seenOutside(one.read) ? { ...one, stage: 'handler' } : one;
    });
    return { ...made, steps, site: { ...made.site, ignoreHost: made.site.ignoreHost && mayIgnoreHost(made) } };
  });

const header = fc
  .record({ name: headerNames, value: fc.nat(2) })
  .map(({ name, value }): readonly [string, string] | undefined => {
    const values = HEADERS[name] ?? [];
    return values.length === 0 ? undefined : [name, values[value % values.length] as string];
  });

export const asked: fc.Arbitrary<Asked> = fc.record({
  method: weighted<Asked['method']>([16, 'GET'], [1, 'HEAD']),
  path: paths,
  query: queries,
  fragment: weighted([80, ''], [1, '#evil'], [1, '#']),
  host: hosts,
  headers: some(header, 0, 2).map((list) => {
    const named = new Map(list.flatMap((one) => (one === undefined ? [] : [one])));
    return [...named];
  }),
  cookies: fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    { weight: 2, arbitrary: some(fc.constantFrom(...COOKIES), 1, 2) },
  ),
  session: weighted<string | undefined>([8, undefined], [1, 'ann'], [1, 'ben'], [1, 'nobody']),
  conditional: weighted<Asked['conditional']>([12, 'none'], [3, 'tag'], [1, 'date'], [1, 'unknown tag']),
});

/** A handler, and the requests that one visitor after the other sends. */
export const cases: fc.Arbitrary<Case> = fc.record({ program, asked: some(asked, 1, 40) });

export const frameworks: readonly Framework[] = ['express5', 'fastify', 'koa', 'hapi', 'express4'];
