#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './run.ts';

async function main(): Promise<void> {
  const { version } = JSON.parse(readFileSync(join(__dirname, '../../package.json'), 'utf8'));
  const { stdout, stderr, env } = process;
  const code = await run(process.argv.slice(2), { stdout, stderr, env, cwd: process.cwd(), version });
  // What the site's modules have opened, such as a database, would keep the process alive. A pipe may still have to take the output.
  stdout.write('', () => process.exit(code));
}

// A reader that has enough, such as `head`, closes the pipe.
process.stdout.on('error', () => process.exit());
main();
