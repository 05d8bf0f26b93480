import { relative } from 'node:path';
import { badOption } from '../../util/check-option.ts';
import { ExitCode } from '../exit-code.ts';
import { type Io, printable, stylist, widthOf, wrap } from '../io.ts';
import { lintTemplate } from '../lint/lint-template.ts';
import type { Finding } from '../lint/rule.ts';
import { Progress } from '../progress.ts';
import { checkFolders, configuredEnvironment, nameOf, plainEnvironment } from '../site-environment.ts';
import { endingsOf, templateFiles } from '../template-files.ts';

export interface LintOptions {
  readonly config?: string;
  /** Endings of templates, separated by commas. */
  readonly ext: string;
  readonly json?: boolean;
}

/** A finding with the path of its file, from the working directory. */
interface FileFinding extends Finding {
  readonly file: string;
}

/** Looks for faults in all templates of some folders. Ends with {@link ExitCode.findings} if there are any. */
export async function lint(folders: readonly string[], options: LintOptions, io: Io): Promise<ExitCode> {
  const endings = endingsOf(options.ext);
  const paths = checkFolders(folders, io.cwd);
  const site =
    options.config === undefined ? await plainEnvironment(paths) : await configuredEnvironment(options.config, io.cwd);
  const files = [...new Set(paths.flatMap((folder) => templateFiles(folder, endings)))];
  if (files.length === 0) {
    throw badOption('templates', `files that end in ${endings.join(', ')}`, `none in ${folders.join(', ')}`, {
      todo: 'say their ending with --ext',
    });
  }
  const progress = new Progress(io.stderr, 'templates');
  const findings: FileFinding[] = [];
  for (const [i, path] of files.entries()) {
    progress.tell(i, files.length);
    const file = relative(io.cwd, path);
    for (const finding of await lintTemplate(nameOf(path, site), site)) findings.push({ file, ...finding });
  }
  progress.end();
  if (options.json === true)
    io.stdout.write(`${JSON.stringify({ templates: files.length, findings: findings.map(plain) }, null, 2)}\n`);
  else print(findings, files.length, io);
  return findings.length === 0 ? ExitCode.fine : ExitCode.findings;
}

function plain({ file, at, rule, message }: FileFinding): object {
  return { file, line: at.line, column: at.column, rule, message };
}

function print(findings: readonly FileFinding[], templates: number, { stdout, env }: Io): void {
  const style = stylist(stdout, env);
  for (const { file, at, rule, message } of findings) {
    const place = style('bold', `${printable(file)}:${at.line}:${at.column}`);
    stdout.write(`${place}  ${style('yellow', rule)}\n${wrap(message, widthOf(stdout), '  ')}\n`);
  }
  const all = `${templates} template${templates === 1 ? '' : 's'}`;
  const text = `${findings.length === 0 ? 'nothing' : findings.length} found in ${all}`;
  stdout.write(`${style(findings.length === 0 ? 'green' : 'red', text)}\n`);
}
