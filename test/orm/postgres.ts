import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/** How to reach a server: through a socket in its own folder, so that it needs no port. */
export interface Postgres {
  readonly host: string;
  readonly user: string;
  createDatabase(name: string): Promise<void>;
  /** As if it had just been created. */
  emptyDatabase(name: string): Promise<void>;
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
  return folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')));
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

/** Starts a server with a new, empty cluster. */
export async function startPostgres(programs: string): Promise<Postgres> {
  const host = mkdtempSync(join(tmpdir(), 'cachesweeper-pg-'));
  const data = join(host, 'data');
  const user = 'blog';
  const as = unprivileged();
  mkdirSync(data, { mode: 0o700 });
  for (const folder of [host, data]) if (as !== undefined) chownSync(folder, as.uid, as.gid);
  execFileSync(
    join(programs, 'initdb'),
    ['-D', data, '-U', user, '--auth=trust', '--no-sync', '--encoding=UTF8', '--locale=C'],
    {
      ...as,
      cwd: host,
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  let server: ChildProcess;
  let ended: Promise<unknown>;
  const query = async (sql: string, database = 'postgres'): Promise<void> => {
    const client = new pg.Client({ host, user, database });
    await client.connect();
    await client.query(sql);
    await client.end();
  };
  const start = async (): Promise<void> => {
    const settings = SETTINGS.flatMap((set) => ['-c', set]);
    server = spawn(join(programs, 'postgres'), ['-D', data, '-k', host, ...settings], {
      ...as,
      cwd: host,
      stdio: 'ignore',
    });
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
    user,
    createDatabase: (name) => query(`CREATE DATABASE ${name}`),
    emptyDatabase: (name) => query(EMPTY, name),
    end: () => kill('SIGQUIT'),
    start,
    pause: () => signalAll(server, 'SIGSTOP'),
    resume: () => signalAll(server, 'SIGCONT'),
    async stop() {
      await kill('SIGINT');
      rmSync(host, { recursive: true, force: true });
    },
  };
}

/** Signals a server and the process of each of its connections. */
function signalAll(server: ChildProcess, signal: NodeJS.Signals): void {
  const children = execFileSync('ps', ['-o', 'pid=', '--ppid', String(server.pid)], { encoding: 'latin1' });
  for (const pid of [server.pid as number, ...(children.match(/\d+/g) ?? []).map(Number)]) process.kill(pid, signal);
}

/** Tests make schemas of their own. */
const EMPTY = `DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
    EXECUTE format('DROP SCHEMA %I CASCADE', name);
  END LOOP;
END $$; CREATE SCHEMA public`;

/** PostgreSQL refuses to run as root. */
export function unprivileged(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string) => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}
