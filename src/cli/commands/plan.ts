import { resolve } from 'node:path';
import { ExitCode } from '../exit-code.ts';
import { type Io, stylist, widthOf, wrap } from '../io.ts';
import { inMs } from '../milliseconds.ts';
import { type Action, type Proposal, proposals } from '../plan/proposals.ts';
import { readReports } from '../plan/read-reports.ts';
import { Tally } from '../plan/tally.ts';
import { Progress } from '../progress.ts';

/** Proposes from recorded reports which tags to drop, to mend and to keep, and which pages have something to cache. */
export async function plan(files: readonly string[], { json }: { readonly json?: boolean }, io: Io): Promise<ExitCode> {
  const tally = new Tally();
  const progress = new Progress(io.stderr, 'reports');
  const wrong = await readReports(
    files.map((file) => resolve(io.cwd, file)),
    (report) => {
      tally.add(report);
      progress.tell(tally.renders);
    },
  ).finally(() => progress.end());
  const all = proposals(tally.tags, tally.pages);
  if (json === true) io.stdout.write(`${JSON.stringify({ renders: tally.renders, proposals: all }, null, 2)}\n`);
  else print(all, tally.renders, io);
  if (wrong > 0) io.stderr.write(`${wrong} line${wrong === 1 ? ' is' : 's are'} no report, and left out\n`);
  if (tally.aside > 0) {
    const reasons = 'caching was switched off for them (when=, enabled), or the store could not be asked';
    io.stderr.write(`${wrap(`${tally.aside} uses of tags left out: ${reasons}`, widthOf(io.stderr), '')}\n`);
  }
  if (tally.leftOut > 0) io.stderr.write(`${tally.leftOut} uses of tags and pages left out: too many different ones\n`);
  return all.some(({ action }) => action !== 'keep' && action !== 'wait') ? ExitCode.findings : ExitCode.fine;
}

const COLOURS = { drop: 'red', mend: 'yellow', add: 'cyan', keep: 'green', wait: 'dim' } as const satisfies Record<
  Action,
  string
>;

function print(all: readonly Proposal[], renders: number, { stdout, env }: Io): void {
  const style = stylist(stdout, env);
  for (const { action, template, line, uses, hits, gain, why } of all) {
    const place = line === 0 ? template : `${template}:${line}`;
    const count = line === 0 ? `${uses} renders` : `${uses} uses, ${((100 * hits) / uses).toFixed(0)} % hits`;
    const gained =
      gain > 0 ? `; ${action === 'add' ? 'at most ' : ''}${inMs((1_000 * gain) / uses)} gained in 1,000` : '';
    stdout.write(`${style(COLOURS[action], action.padEnd(4))}  ${wrap(place, Number.POSITIVE_INFINITY, '')}\n`);
    stdout.write(`${wrap(`${count}${gained}; ${why}`, widthOf(stdout), '      ')}\n`);
  }
  stdout.write(`${renders} renders, ${all.length} proposal${all.length === 1 ? '' : 's'}\n`);
}
