import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const root = fileURLToPath(new URL('../../', import.meta.url));
export const run = promisify(execFile);

interface Files {
  readonly types: string;
  readonly default: string;
}

export interface Manifest {
  readonly name: string;
  readonly scripts: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, { readonly import?: Files; readonly require?: Files }>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly main: string;
  readonly types: string;
  readonly typesVersions: unknown;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta: Readonly<Record<string, unknown>>;
}

export const manifest: Manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

/** What users import, each as they write it: `nunjucks-cachesweeper/express`. */
export const entryPoints: readonly string[] = Object.keys(manifest.exports)
  .filter((path) => path !== './package.json')
  .map((path) => manifest.name + path.slice(1));

export interface Packed {
  /** The tarball. */
  readonly file: string;
  /** Paths inside it. */
  readonly paths: readonly string[];
}

let packed: Promise<Packed> | undefined;

/** Packs what was built, as `npm publish` would: once for all test files of a process. */
export function pack(): Promise<Packed> {
  packed ??= packInto(`${root}build/packed-${process.env.VITEST_POOL_ID}`);
  return packed;
}

async function packInto(destination: string): Promise<Packed> {
  mkdirSync(destination, { recursive: true });
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', destination];
  const { stdout } = await run('npm', args, { cwd: root });
  const [{ filename, files }] = JSON.parse(stdout);
  return {
    file: `${destination}/${filename}`,
    paths: files.map(({ path }: { path: string }) => path),
  };
}
