import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { goOn, standStill } from '../support/stand-still.ts';

/** How to reach a server: through a socket in its own folder, so that it needs no port. */
export interface Postgres {
  readonly host: string;
  readonly user: string;
  createDatabase(name: string): Promise<void>;
  /** As if it had just been created. */
  emptyDatabase(name: string): Promise<void>;
  /** Makes a standby a primary. */
  promote(): Promise<void>;
  /** Ends it at once, as a crash would. */
  end(): Promise<void>;
  /** Starts it again on the same data. */
  start(): Promise<void>;
  /** From now on it answers nothing, and carries nothing out, until it is resumed. */
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

/** The folder of PostgreSQL's programs, where this machine has them. */
export function postgresPrograms(): string | undefined {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).map((version) => join(debian, version, 'bin')) : [];
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...versions];
  return folders.find((folder) =>
    ['initdb', 'postgres', 'pg_basebackup'].every((name) => existsSync(join(folder, name))),
  );
}

/** No network, and no work for the day after: what the server knows is thrown away when the tests have ended. */
const SETTINGS = [
  'listen_addresses=',
  'fsync=off',
  'full_page_writes=off',
  'synchronous_commit=off',
  'wal_level=minimal',
  'max_wal_senders=0',
  'autovacuum=off',
  'jit=off',
];

const USER = 'blog';

/** Starts a server with a new, empty cluster. */
export function startPostgres(programs: string, settings: readonly string[] = []): Promise<Postgres> {
  return serve(programs, settings, 'initdb', (data) => [
    ...['-D', data, '-U', USER, '--auth=trust', '--no-sync', '--encoding=UTF8', '--locale=C'],
  ]);
}

/** Starts a standby of a server, which has to be started with {@link REPLICATED}. */
export function startStandby(programs: string, { host }: Postgres): Promise<Postgres> {
  return serve(programs, REPLICATED, 'pg_basebackup', (data) => [
    ...['-D', data, '-h', host, '-U', USER, '--write-recovery-conf', '--no-sync', '--checkpoint=fast'],
  ]);
}

/** Settings of a server that has a standby. */
export const REPLICATED: readonly string[] = ['wal_level=replica', 'max_wal_senders=4'];

/** @param made the program that makes the folder of data, with its arguments */
async function serve(
  programs: string,
  settings: readonly string[],
  made: string,
  argumentsFor: (data: string) => readonly string[],
): Promise<Postgres> {
  const host = mkdtempSync(join(tmpdir(), 'cachesweeper-pg-'));
  const data = join(host, 'data');
  const as = { ...unprivileged(), cwd: host };
  mkdirSync(data, { mode: 0o700 });
  for (const folder of [host, data]) if (as.uid !== undefined) chownSync(folder, as.uid, as.gid as number);
  execFileSync(join(programs, made), argumentsFor(data), { ...as, stdio: ['ignore', 'ignore', 'pipe'] });
  let server: ChildProcess;
  let ended: Promise<unknown>;
  const query = async (sql: string, database = 'postgres'): Promise<void> => {
    const client = new pg.Client({ host, user: USER, database });
    await client.connect();
    await client.query(sql);
    await client.end();
  };
  const start = async (): Promise<void> => {
    const options = [...SETTINGS, ...settings].flatMap((set) => ['-c', set]);
    server = spawn(join(programs, 'postgres'), ['-D', data, '-k', host, ...options], { ...as, stdio: 'ignore' });
    ended = new Promise((resolve) => server.once('exit', resolve));
    for (let tries = 1; ; tries++) {
      try {
        await query('SELECT 1');
        break;
      } catch (error) {
        if (tries === 100 || server.exitCode !== null) throw error;
        await sleep(100);
      }
    }
  };
  const kill = async (signal: NodeJS.Signals): Promise<void> => {
    server.kill(signal);
    await ended;
  };
  await start();
  return {
    host,
    user: USER,
    createDatabase: (name) => query(`CREATE DATABASE ${name}`),
    emptyDatabase: (name) => query(EMPTY, name),
    promote: () => query('SELECT pg_promote()'),
    end: () => kill('SIGQUIT'),
    start,
    pause: () => standStill(server.pid as number),
    resume: () => goOn(server.pid as number),
    async stop() {
      await kill('SIGINT');
      rmSync(host, { recursive: true, force: true });
    },
  };
}

/** Tests make schemas of their own. */
const EMPTY = `DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
    EXECUTE format('DROP SCHEMA %I CASCADE', name);
  END LOOP;
END $$; CREATE SCHEMA public`;

/** PostgreSQL refuses to run as root. */
export function unprivileged(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const id = (flag: string) => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}
