import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { printable, wrap } from '../../src/cli/io.ts';
import { table } from '../../src/cli/table.ts';
import { runs } from '../support/long.ts';
import { bin } from './bin.ts';
import { cli, root } from './support.ts';

const COMMANDS = ['lint', 'explain', 'inspect', 'invalidate', 'stats', 'plan'];
const COLOUR = '\x1b[';

describe('the command', () => {
  test('has a help that is read in a minute, for itself and each command', async () => {
    const { code, out } = await cli(['--help']);
    expect(code).toBe(0);
    for (const command of COMMANDS) expect(out).toContain(`\n  ${command} `);
    expect(out).toContain('Ends with 0 if all is well, 1 if something was found, 2 if the command could not run.');
    expect(out.split(/\s+/).length).toBeLessThan(250);
    for (const command of COMMANDS) {
      const help = await cli([command, '--help']);
      expect(help.code).toBe(0);
      expect(help.out).toContain(`Usage: nunjucks-cachesweeper ${command} `);
      expect(help.out.split(/\s+/).length).toBeLessThan(250);
    }
  });

  test.each([[[]], [['lnt', 'templates']], [['lint']], [['lint', 'templates', '--jsn']], [['stats', 'too', 'much']]])(
    '%j is wrong use: it ends with 2, and says so on stderr',
    async (argv) => {
      const { code, out, err } = await cli(argv);
      expect([code, out]).toEqual([2, '']);
      expect(err).not.toBe('');
    },
  );

  test('with DEBUG it tells where the site’s module failed', async () => {
    const { err } = await cli(['lint', 'templates', '-c', 'test/cli/configs/fails.mjs'], { env: { DEBUG: '1' } });
    expect(err).toMatch(/^ +at .*configs\/fails\.mjs:3/m);
  });

  test('tells its version', async () => {
    expect(await cli(['--version'])).toEqual({ code: 0, out: '1.2.3\n', err: '' });
  });

  test.each([
    [['lint', 'nowhere'], 'templates: expected the path of a folder, got nowhere, which is not there'],
    [
      ['lint', 'templates', '--ext', 'njk,'],
      '--ext: expected endings of files, separated by commas: njk,html, got the string "njk,"',
    ],
    [['lint', 'package.json'], 'templates: expected the path of a folder, got the file package.json'],
    [
      ['lint', 'src/util'],
      'expected files that end in njk, nunjucks, nunj, html, got none in src/util; say their ending with --ext',
    ],
    [
      ['lint', 'templates', '-c', 'nowhere.mjs'],
      '--config: expected the path of a module, got nowhere.mjs, which is not there',
    ],
    [['lint', 'templates', '-c', 'package.json'], 'expected a module whose default export is a nunjucks Environment'],
    [['lint', 'templates', '-c', 'test/cli/configs/none.mjs'], 'got undefined'],
    [
      ['lint', 'templates', '-c', 'test/cli/configs/throws.mjs'],
      'expected a module that can be loaded, got an error: the database is away',
    ],
    [
      ['lint', 'templates', '-c', 'test/cli/configs/fails.mjs'],
      '--config test/cli/configs/fails.mjs: expected a module that can be loaded, got an error: the database is away',
    ],
    [['lint', 'templates', '-c', 'test/cli'], '--config: expected the path of a module, got the folder test/cli'],
    [
      ['lint', 'templates', '-c', 'test/cli/configs/bare.mjs'],
      'an environment in which a sweeper is installed, got one without',
    ],
    [
      ['lint', 'templates', '-c', 'test/cli/planted/site.mjs'],
      'templates: expected a template in a folder of the environment',
    ],
  ])('%j ends with 2, and says what was expected', async (argv, message) => {
    const { code, out, err } = await cli(argv);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(message);
  });

  test('fits a terminal, has colours and shows progress there alone', async () => {
    const argv = ['lint', 'test/cli/folders/first'];
    const terminal = await cli(argv, { columns: 70 });
    expect(terminal.out).toContain(COLOUR);
    expect(terminal.err).toContain(`\r${COLOUR}K0 of `);
    // The line is removed at the end.
    expect(terminal.err.endsWith(`\r${COLOUR}K`)).toBe(true);
    const plain = await cli(argv, { columns: 70, env: { NO_COLOR: '1' } });
    expect(plain.out).not.toContain(COLOUR);
    for (const line of plain.out.split('\n')) expect(line.length).toBeLessThanOrEqual(70);
    const piped = await cli(argv);
    expect(piped.out).not.toContain(COLOUR);
    expect(piped.err).toBe('');
    // A finding is two lines for a program, however long they are.
    expect(piped.out.split('\n').filter((line) => line.startsWith('  ')).length).toBe(
      piped.out.split('\n').filter((line) => /^test.*:\d+:\d+ {2}/.test(line)).length,
    );
  });
});

describe('the built command, in a process of its own', () => {
  test('lints the demo with the demo’s environment, and ends although that keeps something open', async () => {
    expect(await bin(['lint', 'templates', '--config', 'test/cli/configs/demo.mjs'])).toEqual({
      code: 0,
      out: 'nothing found in 16 templates\n',
      err: '',
    });
  });

  test('writes all of a long answer into a pipe before it ends with 1', async () => {
    const { code, out } = await bin(['lint', 'test/cli/planted', '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(out).findings.length).toBeGreaterThan(20);
  });

  test('goes on in silence when its reader has enough, and ends with what it has found', async () => {
    const child = spawn(process.execPath, [`${root}dist/cli/main.js`, 'lint', 'test/cli/planted'], { cwd: root });
    child.stdout.destroy();
    let err = '';
    child.stderr.on('data', (data) => {
      err += data;
    });
    const [code] = await once(child, 'close');
    expect([code, err]).toEqual([1, '']);
  });

  test.runIf(existsSync('/dev/full'))('ends with 2 when its answer cannot be written', async () => {
    const full = openSync('/dev/full', 'w');
    const child = spawn(process.execPath, [`${root}dist/cli/main.js`, 'lint', 'templates'], {
      cwd: root,
      stdio: ['ignore', full, 'pipe'],
    });
    closeSync(full);
    let err = '';
    child.stderr?.on('data', (data) => {
      err += data;
    });
    const [code] = await once(child, 'close');
    expect(code).toBe(2);
    expect(err).toMatch(/^error ENOSPC: /);
  });

  test('ends with 2 whatever the site’s module does instead of giving an environment', async () => {
    const lint = (config: string) => bin(['lint', 'templates', '--config', `test/cli/configs/${config}.mjs`]);
    const [ends, never, rejects] = await Promise.all(['ends', 'never', 'rejects'].map(lint));
    for (const ran of [ends, never]) {
      expect(ran).toMatchObject({ code: 2, out: '' });
      expect(ran?.err).toMatch(/^error the process ended before the command did: does the module of --config end it/);
    }
    expect(rejects).toEqual({ code: 2, out: '', err: 'error the database is away\n' });
  });

  test('reads a module in TypeScript where Node does, and says elsewhere what to do', async () => {
    const ran = await bin(['lint', 'test/cli/folders/first', '--config', 'test/cli/configs/typed.ts']);
    const { typescript } = process.features as { readonly typescript?: unknown };
    if (typescript) expect(ran).toMatchObject({ code: 1, out: expect.stringContaining('2 found in 2 templates') });
    else expect(ran).toMatchObject({ code: 2, err: expect.stringContaining('NODE_OPTIONS="--import tsx"') });
  });

  test('keeps what the site’s module prints out of its answer', async () => {
    const { out, err } = await bin([
      'lint',
      'test/cli/folders/first',
      '--config',
      'test/cli/configs/prints.mjs',
      '--json',
    ]);
    expect(JSON.parse(out).templates).toBe(2);
    expect(err).toBe('listening\nconnected\n');
  });
});

describe('what is written', () => {
  test('has no line wider than asked for unless a word is, and all words', () => {
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1 }),
        fc.integer({ min: 14, max: 60 }),
        (words, width) => {
          const text = wrap(words.join(' '), width, '  ');
          for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(width);
          expect(text.trim().split(/\s+/)).toEqual(words);
        },
      ),
      runs(50, 10_000, 1_000),
    );
  });

  test('cannot command the terminal, whatever names and messages hold', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there.
        const commands = /[\x00-\x1f\x7f-\x9f\u202e\u2066]/;
        const output = { isTTY: true, columns: 50, write: () => {} };
        for (const written of [
          printable(text),
          wrap(text, 40, '').replaceAll('\n', ''),
          table(output, [[text, text]]).slice(0, -1),
        ]) {
          expect(written).not.toMatch(commands);
        }
      }),
      runs(50, 10_000, 1_000),
    );
  });
});
