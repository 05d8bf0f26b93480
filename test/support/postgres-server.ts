import { execFileSync } from 'node:child_process';
import { chownSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { postgresPrograms, unprivileged } from '../orm/postgres.ts';
import { freePort, ServerProcess, serverFolder } from './server-process.ts';

/** Restarts are tried, crashes of the machine are not. */
const SETTINGS = ['-c', 'fsync=off', '-c', 'jit=off'];

/** A real PostgreSQL on a port. */
export class PostgresServer extends ServerProcess {
  static async start(): Promise<PostgresServer> {
    const programs = postgresPrograms();
    if (programs === undefined) {
      throw new Error('these tests need PostgreSQL: install the package postgresql (apt-get install postgresql)');
    }
    const folder = serverFolder();
    const as = unprivileged();
    if (as.uid !== undefined && as.gid !== undefined) chownSync(folder, as.uid, as.gid);
    const data = join(folder, 'data');
    const made = ['-D', data, '-U', 'site', '--auth=trust', '--no-sync', '--encoding=UTF8', '--locale=C'];
    execFileSync(join(programs, 'initdb'), made, { ...as, cwd: folder, stdio: 'ignore' });
    const port = await freePort();
    const args = ['-D', data, '-k', folder, '-h', '127.0.0.1', '-p', String(port), ...SETTINGS];
    const program = { command: join(programs, 'postgres'), remedy: 'look at what it says', as };
    const server = new PostgresServer(program, port, args);
    await server.start();
    return server;
  }

  /** As CACHESWEEPER_STORE takes it. */
  get url(): string {
    return `postgres://site@${this.address}/postgres`;
  }

  /** Resolved when it answers: it accepts connections before. */
  override async start(): Promise<void> {
    await super.start();
    for (let tries = 1; ; tries++) {
      try {
        return await this.#query('SELECT 1');
      } catch (error) {
        if (tries === 100) throw error;
        await sleep(50);
      }
    }
  }

  /** Makes it forget everything. */
  async clear(): Promise<void> {
    // The first store that is opened makes the table.
    await this.#query(
      "DO $$ BEGIN IF to_regclass('cachesweeper') IS NOT NULL THEN DELETE FROM cachesweeper; END IF; END $$",
    );
  }

  async #query(sql: string): Promise<void> {
    const client = new pg.Client({ connectionString: this.url });
    client.on('error', () => {});
    try {
      await client.connect();
      await client.query(sql);
    } finally {
      await client.end();
    }
  }

  /** Ends all of its processes, as they are: what SIGKILL leaves behind would be in the way of the next start. */
  override async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.continue();
    await super.kill(signal === 'SIGKILL' ? 'SIGQUIT' : 'SIGINT');
  }
}
