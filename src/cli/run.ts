import { Command, CommanderError } from 'commander';
import { explain } from './commands/explain.ts';
import { inspect } from './commands/inspect.ts';
import { invalidate } from './commands/invalidate.ts';
import { lint } from './commands/lint.ts';
import { plan } from './commands/plan.ts';
import { stats } from './commands/stats.ts';
import { ExitCode } from './exit-code.ts';
import { type Io, widthOf } from './io.ts';
import { reportError } from './report-error.ts';
import { TEMPLATE_ENDINGS } from './template-files.ts';

/**
 * Runs the command `nunjucks-cachesweeper`.
 *
 * @param argv arguments, without those of Node
 * @returns what the process should end with
 */
export async function run(argv: readonly string[], io: Io): Promise<ExitCode> {
  let code: ExitCode = ExitCode.fine;
  const program = newProgram(io, (ended) => {
    code = ended;
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.fine : ExitCode.failed;
    reportError(error, io);
    return ExitCode.failed;
  }
}

const CONFIG =
  'module whose default export is the nunjucks Environment with the sweeper, or a function that returns it';

const TYPE = 'Comment for all rows, Comment:7 for one, or a name as reports show it';
const ID = 'id of the row, taken as it is';

function newProgram(io: Io, ended: (code: ExitCode) => void): Command {
  const program = new Command('nunjucks-cachesweeper')
    .description('Looks at the fragments of a site: what is wrong in its templates, and what is in its store.')
    .version(io.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this, or the help of a command')
    .helpCommand(false)
    .addHelpText('after', '\nEnds with 0 if all is well, 1 if something was found, 2 if the command could not run.')
    .showSuggestionAfterError()
    .showHelpAfterError('see nunjucks-cachesweeper --help')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      getOutHelpWidth: () => helpWidth(io.stdout),
      getErrHelpWidth: () => helpWidth(io.stderr),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });

  program
    .command('lint')
    .description('find what is wrong in all templates of folders')
    .argument('<folder...>', 'folders with templates')
    .option('-c, --config <file>', CONFIG)
    .option('-e, --ext <endings>', 'endings of templates', TEMPLATE_ENDINGS.join())
    .option('--json', 'print JSON')
    .action(async (folders, options) => ended(await lint(folders, options, io)));
  program
    .command('explain')
    .description('tell of each fragment of a page what its key, its reads and its holes are')
    .argument('<page>', 'name of a template, or its path')
    .option('-c, --config <file>', CONFIG)
    .option('-t, --templates <folder>', 'folder with the templates, without --config', 'templates')
    .option('--json', 'print JSON')
    .action(async (page, options) => ended(await explain(page, options, io)));
  withStore(program.command('inspect'))
    .description('tell since when fragments of a model are served: the tokens of its names')
    .argument('<type>', TYPE)
    .argument('[id]', ID)
    .option('--tenant <tenant>', 'tenant of the row')
    .action(async (type, id, options) => ended(await inspect(type, id, options, io)));
  withStore(program.command('invalidate'))
    .description('make all fragments of a model anew, in all processes')
    .argument('[type]', TYPE)
    .argument('[id]', ID)
    .option('--all', 'all fragments and views of the site')
    .option('--tenant <tenant>', 'tenant of the row')
    .action(async (type, id, options) => ended(await invalidate(type, id, options, io)));
  withStore(program.command('stats'))
    .description('tell whether the store answers, how fast, and the state of its servers')
    .action(async (options) => ended(await stats(options, io)));
  program
    .command('plan')
    .description('propose from recorded reports which tags to drop, to mend, to keep and to add')
    .argument('<file...>', 'files with a report of onRender in each line, as JSON')
    .option('--json', 'print JSON')
    .action(async (files, options) => ended(await plan(files, options, io)));
  return program;
}

/** Adds the options of commands that talk to a store. */
function withStore(command: Command): Command {
  return command
    .option('-s, --store <url>', 'the store of the site; default: CACHESWEEPER_STORE')
    .option('-n, --namespace <name>', 'option "namespace" of the site')
    .option('--key-version <number>', 'option "version" of the site')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nThe option "secret" of the site is taken from CACHESWEEPER_SECRET.\nA url with a password belongs into CACHESWEEPER_STORE.',
    );
}

function helpWidth(output: Io['stdout']): number {
  return Math.min(widthOf(output), 100);
}
