import type { RecentBump } from '../reporting/cause.ts';
import type { TagStats } from '../reporting/stats.ts';
import type { CacheSweeperStats } from '../sweeper/stats.ts';
import type { CacheSweeper } from '../sweeper.ts';
import { type Html, html } from './html.ts';
import type { PageReport } from './inspection/page-report.ts';

/** Rows of a table. */
const MAX_ROWS = 100;
const MAX_PAGES = 20;
/** Levels of a store's statistics. */
const MAX_DEPTH = 6;
/** Names of a bump. */
const MAX_NAMES = 5;

/** Returns the panel's own page: what the cache does, in tables. */
export function statsPage(sweeper: CacheSweeper, pages: readonly PageReport[], path: string): string {
  const stats = sweeper.stats();
  const unsure = stats.tags.filter(({ uncached, verified }) => (uncached.unseen ?? 0) > 0 || verified.differed > 0);
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Cache</title>
<link rel="stylesheet" href="${path}/page.css">
<script src="${path}/page.js" defer></script>
</head>
<body>
<header><h1>Cache</h1><button id="live" type="button" aria-pressed="false" hidden>Pause</button></header>
<main>
${figures(stats)}
${section('pages', 'Pages sent last', 'None yet.', pages.slice(0, MAX_PAGES), PAGE_COLUMNS)}
${section('saved', 'Tags by time saved', 'No tag was used yet.', stats.tags, TAG_COLUMNS)}
${section('not-worth', 'Not worth caching', 'None: no tag that was used a hundred times has cost more than it saved.', stats.notWorthCaching, TAG_COLUMNS)}
${section('unsure', 'Unseen and differing', 'None: no tag was left uncached because of what it reads, and none was found differing by verify.', unsure, UNSURE_COLUMNS)}
${section('bumps', 'Recent bumps of this process', 'None, or the option causes is off.', sweeper.recentBumps(), bumpColumns(pages))}
${section('store', 'Store', 'None: the cache is in this process.', figuresOf(stats.store), STORE_COLUMNS)}
</main>
</body>
</html>
`;
  return page.text;
}

function figures({
  memory,
  tokens,
  renders,
  bumpsWaiting,
  writesDropped,
  damaged,
  making,
  tags,
}: CacheSweeperStats): Html {
  const hits = tags.reduce((sum, tag) => sum + tag.hits, 0);
  const uses = tags.reduce((sum, tag) => sum + usesOf(tag), 0);
  const all: readonly (readonly [name: string, value: string])[] = [
    ['hits of all uses', uses === 0 ? '–' : `${Math.round((100 * hits) / uses)} %`],
    ['pages rendered', whole(renders)],
    ['entries in memory', whole(memory.entries)],
    ['memory', bytes(memory.bytes)],
    ['names with tokens here', whole(tokens)],
    ['being made', whole(making.running)],
    ['waiting for these', whole(making.waiting)],
    ['got what another made', whole(making.coalesced)],
    ['bumps waiting', whole(bumpsWaiting)],
    ['writes dropped', whole(writesDropped)],
    ['damaged values', whole(damaged)],
  ];
  return html`<ul class="figures" id="figures">${all.map(([name, value]) => html`<li><b>${value}</b>${name}</li>`)}</ul>`;
}

interface Column<T> {
  readonly name: string;
  readonly isNumber?: true;
  readonly of: (row: T) => unknown;
}

const TAG_COLUMNS: readonly Column<TagStats>[] = [
  { name: 'Tag', of: placeOf },
  { name: 'Hits', isNumber: true, of: ({ hits }) => whole(hits) },
  { name: 'Misses', isNumber: true, of: ({ misses }) => whole(misses) },
  { name: 'Uncached', isNumber: true, of: (tag) => whole(usesOf(tag) - tag.hits - tag.misses) },
  { name: 'Saved', isNumber: true, of: ({ timeSaved }) => milliseconds(timeSaved) },
  { name: 'Looking', isNumber: true, of: ({ timeLooking }) => milliseconds(timeLooking) },
  { name: 'Net', isNumber: true, of: ({ netBenefit }) => milliseconds(netBenefit) },
  { name: 'Why uncached', of: ({ uncached }) => reasons(uncached) },
];

const UNSURE_COLUMNS: readonly Column<TagStats>[] = [
  { name: 'Tag', of: placeOf },
  { name: 'Unseen', isNumber: true, of: ({ uncached }) => whole(uncached.unseen ?? 0) },
  { name: 'Verified', isNumber: true, of: ({ verified }) => whole(verified.checked) },
  { name: 'Differed', isNumber: true, of: ({ verified }) => whole(verified.differed) },
];

const PAGE_COLUMNS: readonly Column<PageReport>[] = [
  { name: 'Page', of: targetOf },
  { name: 'At', of: ({ time }) => timeOfDay(time) },
  { name: 'Status', isNumber: true, of: ({ status }) => status },
  { name: 'Hit', isNumber: true, of: ({ figures: { hit } }) => html`<span class="hit">${hit}</span>` },
  { name: 'Missed', isNumber: true, of: ({ figures: { miss } }) => html`<span class="miss">${miss}</span>` },
  {
    name: 'Uncached',
    isNumber: true,
    of: ({ figures: { uncached } }) => html`<span class="uncached">${uncached}</span>`,
  },
  { name: 'Round trips', isNumber: true, of: ({ figures: { roundTrips } }) => roundTrips },
  { name: 'Took', isNumber: true, of: (page) => milliseconds(page.figures.milliseconds) },
  { name: 'Saved', isNumber: true, of: ({ figures: { saved } }) => milliseconds(saved) },
  { name: 'Remarks', of: remarks },
];

/** @param pages those sent last, among which it is told what a bump has reached */
function bumpColumns(pages: readonly PageReport[]): readonly Column<RecentBump>[] {
  const uses = pages
    .flatMap((page) => [
      ...page.fragments.map(({ template, line, kept }) => ({ place: `${template}:${line}`, kept })),
      { place: targetOf(page), kept: page.view?.kept },
    ])
    .flatMap(({ place, kept }) =>
      kept === undefined ? [] : [{ place, names: new Set([...kept.own, ...kept.inherited]) }],
    );
  const reach = ({ names }: RecentBump): string => {
    const places = new Set(uses.filter((use) => names.some((name) => use.names.has(name))).map(({ place }) => place));
    return [...places].slice(0, MAX_NAMES).join(', ');
  };
  return [
    {
      name: 'Names',
      of: ({ names, count }) =>
        names.slice(0, MAX_NAMES).join(', ') + (count > MAX_NAMES ? ` and ${count - MAX_NAMES} more` : ''),
    },
    { name: 'By', of: ({ cause: { by } }) => by },
    { name: 'Request', of: ({ cause: { request } }) => request },
    { name: 'Code', of: ({ cause: { at } }) => at },
    { name: 'At', of: ({ cause }) => timeOfDay(cause.time) },
    { name: 'Reaches, of the pages sent last', of: reach },
  ];
}

function section<T>(id: string, title: string, none: string, rows: readonly T[], columns: readonly Column<T>[]): Html {
  const classOf = ({ isNumber }: Column<T>) => (isNumber ? html` class="number"` : '');
  const more = rows.length > MAX_ROWS ? html`<p class="soft">And ${rows.length - MAX_ROWS} more.</p>` : '';
  const table = html`<div class="wide" tabindex="0" role="region" aria-label="${title}"><table>
<thead><tr>${columns.map((column) => html`<th scope="col"${classOf(column)}>${column.name}</th>`)}</tr></thead>
<tbody>${rows.slice(0, MAX_ROWS).map((row) => html`<tr>${columns.map((column) => html`<td${classOf(column)}>${column.of(row)}</td>`)}</tr>\n`)}</tbody>
</table></div>${more}`;
  return html`<section id="${id}"><h2>${title}</h2>${rows.length === 0 ? html`<p class="soft">${none}</p>` : table}</section>`;
}

/** A figure of a store, and where it stands among its statistics: `servers.10.0.0.1:11211.failures`. */
type Figure = readonly [name: string, value: string];

const STORE_COLUMNS: readonly Column<Figure>[] = [
  { name: 'Figure', of: ([name]) => name },
  { name: 'Value', of: ([, value]) => value },
];

function figuresOf(value: unknown, name: readonly string[] = []): readonly Figure[] {
  if (value === undefined) return [];
  if (typeof value !== 'object' || value === null || name.length >= MAX_DEPTH) return [[name.join('.'), String(value)]];
  return Object.entries(value).flatMap(([key, inside]) => figuresOf(inside, [...name, key]));
}

function remarks({ view, without, stripRefused }: PageReport): string {
  return [
    view === undefined ? '' : without === 'nothing' ? `view: ${outcomeOf(view)}` : 'view passed by',
    without === 'cache' ? 'rendered without the cache' : '',
    stripRefused === undefined ? '' : `no strip: ${stripRefused}`,
  ]
    .filter((remark) => remark !== '')
    .join('; ');
}

function targetOf({ target }: PageReport): string {
  return target.length > 120 ? `${target.slice(0, 120)}…` : target;
}

function outcomeOf({ outcome, reason }: NonNullable<PageReport['view']>): string {
  return reason === undefined ? outcome : `${outcome} (${reason})`;
}

/** In UTC, like most logs. */
function timeOfDay(time: number): string {
  return new Date(time).toISOString().slice(11, 19);
}

function placeOf({ template, line }: TagStats): string {
  return line === 0 ? template : `${template}:${line}`;
}

function reasons(uncached: TagStats['uncached']): string {
  return Object.entries(uncached)
    .map(([reason, count]) => `${reason} (${count})`)
    .join(', ');
}

function usesOf({ hits, misses, uncached }: TagStats): number {
  return Object.values(uncached).reduce((sum, count) => sum + count, hits + misses);
}

function milliseconds(value: number): string {
  return `${Math.abs(value) < 9.95 ? value.toFixed(1).replace('-0.0', '0.0') : whole(value)} ms`;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}

function bytes(value: number): string {
  return value < 1_048_576 ? `${whole(value / 1_024)} KiB` : `${(value / 1_048_576).toFixed(1)} MiB`;
}
