import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Group, groups } from './groups.ts';
import { startDelayingProxy, startMemcached } from './memcached.ts';
import { compare } from './ratio.ts';
import { startRedis } from './redis.ts';
import { type Row, row } from './row.ts';
import type { Scenario } from './scenario.ts';
import { writeCharts } from './write-charts.ts';

const RESULTS = new URL('../../bench/results.md', import.meta.url);
/** Each row is measured in so many processes, and is that of the median ratio: one process may be compiled, or lie in memory, less luckily than another. */
const PROCESSES = 3;
const START = { memcached: startMemcached, redis: startRedis };
const USAGE = `usage: npm run bench -- [--check] [${Object.keys(groups).join('] [')}]`;

interface Result {
  readonly name: string;
  readonly rows: readonly Row[];
}

const given = process.argv.slice(2);
if (given[0] === '--measure') {
  process.stdout.write(JSON.stringify(await measured(...(given.slice(1) as [string, string, string]))));
  process.exit();
}
const isChecked = given.includes('--check');
const names = given.filter((name) => name !== '--check');
const unknown = names.find((name) => !(name in groups));
if (unknown !== undefined) throw new Error(`unknown scenario ${unknown}; ${USAGE}`);

const all = names.length === 0;
const results: Result[] = [];
for (const name of all ? Object.keys(groups) : names) {
  const result = { name, rows: await rowsOf(name) };
  results.push(result);
  console.log(`${section(result)}\n`);
}
const machine = `${cpus().length} × ${cpus()[0]?.model.trim() || 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}, ${process.platform}`;
console.log(machine);
if (all) {
  const intro =
    `Written by \`npm run bench\` on: ${machine}. Ratios are medians of paired runs in turn, of the median of three processes; they are the claim. Times say ` +
    'what that machine did. What each row means: [docs/performance.md](../docs/performance.md).';
  writeFileSync(RESULTS, `# Benchmark results\n\n${intro}\n\n${results.map(section).join('\n\n')}\n`);
  writeCharts();
}
const missed = results.flatMap(({ rows }) => rows.filter(isMissed));
// A goal that is no ratio stands in the row of each alternative.
for (const line of new Set(missed.map(missedLine))) console.error(line);
if (isChecked && missed.length > 0) process.exitCode = 1;

/** The rows of a group, each in a process of its own. */
async function rowsOf(name: string): Promise<Row[]> {
  const { scenarios } = groups[name] as Group;
  const ports = new Map<string, number>();
  const rows: Row[] = [];
  for (const [index, { away, server = 'memcached' }] of scenarios.entries()) {
    const place = `${server} ${away}`;
    if (away !== undefined && !ports.has(place)) {
      const port = await START[server]();
      ports.set(place, away === 0 ? port : await startDelayingProxy(port, away));
    }
    rows.push(await medianOf(name, String(index), String(ports.get(place) ?? 0)));
  }
  return [...rows, ...(await inProcess(name, all ? 'all rows' : 'rows', '0'))];
}

async function medianOf(...args: readonly string[]): Promise<Row> {
  const rows: Row[] = [];
  while (rows.length < PROCESSES) rows.push(...(await inProcess(...args)));
  return rows.sort((a, b) => a.ratio - b.ratio)[Math.floor(rows.length / 2)] as Row;
}

async function inProcess(...args: readonly string[]): Promise<readonly Row[]> {
  // The proxy is a thread of this process: it must go on meanwhile.
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ['--expose-gc', fileURLToPath(import.meta.url), '--measure', ...args]);
  return JSON.parse(stdout);
}

/** What {@link inProcess} runs. */
async function measured(name: string, index: string, port: string): Promise<readonly Row[]> {
  const { scenarios, rows } = groups[name] as Group;
  if (index === 'rows' || index === 'all rows') return rows?.(index === 'all rows') ?? [];
  const scenario = scenarios[Number(index)] as Scenario;
  return [row(scenario, await compare(scenario, Number(port)))];
}

function isBehind({ ratio, goal }: Row): boolean {
  // As it is printed: the third digit is noise.
  return goal !== undefined && Number(ratio.toFixed(2)) > goal;
}

function isMissed(row: Row): boolean {
  if (row.wanted !== undefined) return !row.wanted.isMet;
  return isBehind(row) && row.reason === undefined;
}

function missedLine({ scenario, ratio, goal, wanted, ours }: Row): string {
  const [got, expected] = wanted === undefined ? [`${ratio.toFixed(2)} ×`, `${goal} ×`] : [ours, wanted.text];
  return `missed: ${scenario}: ${got}, goal ${expected}`;
}

function goalOf(row: Row): string {
  if (row.wanted !== undefined) return `${row.wanted.text}${row.wanted.isMet ? '' : ' **missed**'}`;
  if (row.goal === undefined) return '';
  const outcome = isMissed(row) ? ' **missed**' : isBehind(row) ? ' behind, see below' : '';
  return `≤ ${row.goal} ×${outcome}`;
}

function section({ name, rows }: Result): string {
  const lines = rows.map((row) => {
    return `| ${row.scenario} | ${row.floor} | ${row.ratio.toFixed(2)} × | ${goalOf(row)} | ${row.ours} | ${row.other} |`;
  });
  const reasons = rows.flatMap((row) => (isBehind(row) && row.reason !== undefined ? [`- ${row.reason}`] : []));
  return [
    `## ${name}\n`,
    '| scenario | compared with | ratio | goal | here | the other, here |',
    '|---|---|---|---|---|---|',
    ...lines,
    ...(reasons.length === 0 ? [] : ['', ...reasons]),
  ].join('\n');
}
