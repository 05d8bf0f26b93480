import { relative } from 'node:path';
import { badOption } from '../../util/check-option.ts';
import { ExitCode } from '../exit-code.ts';
import { type Io, printable, stylist, widthOf, wrap } from '../io.ts';
import { lintTemplate } from '../lint/lint-template.ts';
import type { Finding } from '../lint/rule.ts';
import { kindOf, realPath } from '../paths.ts';
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
  const site = options.config === undefined ? undefined : await configuredEnvironment(options.config, io.cwd);
  // A file may be in two of the folders: it counts for the first.
  const files = new Map(
    paths.toReversed().flatMap((folder) => templateFiles(folder, endings).map((file) => [file, folder] as const)),
  );
  if (files.size === 0) {
    throw badOption('templates', `files that end in ${endings.join(', ')}`, `none in ${folders.join(', ')}`, {
      todo: 'say their ending with --ext',
    });
  }
  const progress = new Progress(io.stderr, 'templates');
  const findings: FileFinding[] = [];
  let templates = 0;
  try {
    for (const folder of paths) {
      const ofFolder = site ?? (await plainEnvironment([folder, ...paths.filter((other) => other !== folder)]));
      for (const path of [...files.keys()].filter((file) => files.get(file) === folder)) {
        progress.tell(templates, files.size);
        const template = await ofFolder.examiner.template(nameOf(path, ofFolder));
        if (isOther(template.path, path)) continue;
        templates++;
        const file = relative(io.cwd, path);
        findings.push(...lintTemplate(template, ofFolder).map((finding) => ({ file, ...finding })));
      }
    }
  } finally {
    progress.end();
  }
  if (options.json === true)
    io.stdout.write(`${JSON.stringify({ templates, findings: findings.map(plain) }, null, 2)}\n`);
  else print(findings, templates, io);
  return findings.length === 0 ? ExitCode.fine : ExitCode.findings;
}

/** Whether the environment has another file of the same name, which is then the one that is rendered. A loader's path need not be a file's. */
function isOther(loaded: string | undefined, path: string): boolean {
  return loaded !== undefined && kindOf(loaded) === 'file' && realPath(loaded) !== realPath(path);
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
