import type { RenderReport } from '../../reporting/report.ts';
import { badOption } from '../../util/check-option.ts';
import { kindOf } from '../paths.ts';
import { linesOf } from './lines.ts';

/**
 * Reads reports from files that have one in each line, as JSON. A line that is cut off, as a process leaves it that was killed, is
 * counted and left out.
 *
 * @param paths of the files
 * @param take called for each report
 * @returns how many lines were left out
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when a file is not there, or none of them has a report
 */
export async function readReports(paths: readonly string[], take: (report: RenderReport) => void): Promise<number> {
  const missing = paths.find((path) => kindOf(path) !== 'file');
  if (missing !== undefined) throw badOption('reports', 'the path of a file', `${missing}, which is none`);
  let wrong = 0;
  let taken = 0;
  for (const path of paths) {
    for await (const line of linesOf(path)) {
      if (line?.trim() === '') continue;
      const report = line === undefined ? undefined : parsed(line);
      if (report === undefined) wrong++;
      else {
        taken++;
        take(report);
      }
    }
  }
  if (taken > 0) return wrong;
  throw badOption('reports', 'a report in each line, as JSON', `none in ${paths.join(', ')}`, {
    todo: 'record them with onRender: (report) => file.write(JSON.stringify(report) + "\\n")',
  });
}

function parsed(line: string): RenderReport | undefined {
  let report: Partial<RenderReport> | null;
  try {
    // Some editors put a byte order mark in front of the first line, which trim() takes for white space.
    report = JSON.parse(line.trim());
  } catch {
    return undefined;
  }
  const isReport =
    isName(report?.template) &&
    isTime(report.milliseconds) &&
    isTime(report.waited) &&
    Array.isArray(report.fragments) &&
    report.fragments.every(isFragment);
  return isReport ? (report as RenderReport) : undefined;
}

const OUTCOMES: readonly unknown[] = ['hit', 'miss', 'uncached'];

function isFragment(value: unknown): boolean {
  const fragment = value as Partial<RenderReport['fragments'][number]> | null;
  return (
    isName(fragment?.template) &&
    Number.isSafeInteger(fragment.line) &&
    isTime(fragment.cost) &&
    isTime(fragment.lookup) &&
    OUTCOMES.includes(fragment.outcome) &&
    isText(fragment.reason) &&
    isText(fragment.unseen)
  );
}

/** Most characters of a template's name, because names are kept. */
const MAX_NAME = 1_000;
/** Most milliseconds of one report: thirty years. */
const MAX_TIME = 1e12;

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_NAME;
}

function isTime(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value <= MAX_TIME;
}

/** Whether it is a text, or left out. */
function isText(value: unknown): boolean {
  return value === undefined || typeof value === 'string';
}
