import { createReadStream, existsSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { RenderReport } from '../../reporting/report.ts';
import { badOption } from '../../util/check-option.ts';

/**
 * Reads reports from files that have one in each line, as JSON. A line that is cut off, as a process leaves it that was killed, is
 * counted and left out.
 *
 * @param paths of the files
 * @param take called for each report
 * @returns how many lines were left out
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when a file is not there, or has no report at all
 */
export async function readReports(paths: readonly string[], take: (report: RenderReport) => void): Promise<number> {
  let wrong = 0;
  for (const path of paths) {
    if (!existsSync(path) || !statSync(path).isFile())
      throw badOption('reports', 'the path of a file', `${path}, which is none`);
    let taken = 0;
    for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
      if (line.trim() === '') continue;
      const report = parsed(line);
      if (report === undefined) wrong++;
      else {
        taken++;
        take(report);
      }
    }
    if (taken === 0) {
      throw badOption('reports', 'a file with a report in each line, as JSON', `${path}, which has none`, {
        todo: 'record them with onRender: (report) => file.write(JSON.stringify(report) + "\\n")',
      });
    }
  }
  return wrong;
}

function parsed(line: string): RenderReport | undefined {
  let report: Partial<RenderReport> | null;
  try {
    report = JSON.parse(line);
  } catch {
    return undefined;
  }
  const isReport =
    typeof report?.template === 'string' &&
    typeof report.milliseconds === 'number' &&
    typeof report.waited === 'number' &&
    Array.isArray(report.fragments) &&
    report.fragments.every(isFragment);
  return isReport ? (report as RenderReport) : undefined;
}

const OUTCOMES: readonly unknown[] = ['hit', 'miss', 'uncached'];

function isFragment(value: unknown): boolean {
  const fragment = value as Partial<RenderReport['fragments'][number]> | null;
  return (
    typeof fragment?.template === 'string' &&
    typeof fragment.line === 'number' &&
    typeof fragment.cost === 'number' &&
    typeof fragment.lookup === 'number' &&
    OUTCOMES.includes(fragment.outcome)
  );
}
