#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ExitCode } from './exit-code.ts';
import type { Io } from './io.ts';
import { reportError } from './report-error.ts';
import { run } from './run.ts';

/** What the process ends with; undefined until the command has ended. */
let code: ExitCode | undefined;

const { stdout, stderr, env } = process;
const io: Io = {
  stdout: { isTTY: stdout.isTTY, columns: stdout.columns, write: stdout.write.bind(stdout) },
  stderr,
  env,
  cwd: process.cwd(),
  version: JSON.parse(readFileSync(join(__dirname, '../../package.json'), 'utf8')).version,
};

async function main(): Promise<void> {
  const ended = await run(process.argv.slice(2), io);
  // What the site's modules have opened, such as a database, would keep the process alive. A pipe may still have to take the output, and
  // an error of it is told behind that.
  io.stdout.write('', () => setImmediate(end, ended));
}

function end(ended: ExitCode): void {
  code = ended;
  process.exit(ended);
}

/** Ends with 2: Node's own 1 for an error would mean that something was found. */
function fail(error: unknown): void {
  reportError(error, io);
  end(ExitCode.failed);
}

process.on('uncaughtException', fail);
// A module of the site may end the process, or return a promise that nothing settles.
process.on('exit', () => {
  if (code !== undefined) return;
  reportError(
    new Error(
      'the process ended before the command did: does the module of --config end it, or wait for what never comes?',
    ),
    io,
  );
  process.exitCode = ExitCode.failed;
});
// A reader that has enough, such as `head`, closes the pipe. The command goes on, because it may have to invalidate something.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') fail(error);
});
stderr.on('error', () => {});
// What the site's modules print must not get into the answer, which a program may read as JSON.
stdout.write = stderr.write.bind(stderr);
main();
