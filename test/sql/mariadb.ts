import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createConnection } from 'mysql2/promise';
import { goOn, standStill } from '../support/stand-still.ts';

/** In no folder of other users' PATH. */
const DEBIAN = '/usr/sbin/mariadbd';

export interface MariaDbSettings {
  /** Its time zone, as in the variable `TZ`. Default: that of the tests. */
  readonly zone?: string;
  /** More options of its command line. */
  readonly args?: readonly string[];
}

/** A MariaDB of its own, reached through a socket in its folder. It has no users: everybody may do everything. */
export class MariaDb {
  readonly #folder = mkdtempSync(join(tmpdir(), 'cachesweeper-maria-'));
  readonly #settings: MariaDbSettings;
  #process: ChildProcess | undefined;

  constructor(settings: MariaDbSettings = {}) {
    this.#settings = settings;
  }

  get socketPath(): string {
    return join(this.#folder, 'socket');
  }

  /** Starts it, or starts it again on the same data. */
  async start(): Promise<void> {
    const args = [
      '--no-defaults',
      `--datadir=${this.#folder}`,
      `--socket=${this.socketPath}`,
      '--skip-networking',
      '--skip-grant-tables',
      '--innodb-flush-log-at-trx-commit=0',
      '--innodb-buffer-pool-size=32M',
      ...(this.#settings.args ?? []),
    ];
    // As root it wants to be told who to become.
    if (process.getuid?.() === 0) args.push('--user=root');
    const child = spawn(existsSync(DEBIAN) ? DEBIAN : 'mariadbd', args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: this.#settings.zone === undefined ? process.env : { ...process.env, TZ: this.#settings.zone },
    });
    this.#process = child;
    let said = '';
    child.stderr?.on('data', (data) => {
      said += data;
    });
    let failure: Error | undefined;
    child.once('error', ({ message }) => {
      failure = new Error(
        `these tests need MariaDB, which could not be started (${message}): install the package mariadb-server`,
      );
    });
    child.once('exit', (code) => {
      failure ??= new Error(`mariadbd ended with ${code}: ${said}`);
    });
    for (let tries = 0; tries < 200; tries++) {
      if (failure !== undefined) throw failure;
      if (existsSync(this.socketPath) && (await this.#accepts())) return;
      await sleep(50);
    }
    throw new Error(`mariadbd does not accept connections: ${said}`);
  }

  /** Ends it, in good order: one that is killed soon after its first start has not written its files. */
  async end(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await gone;
  }

  /** From now on it answers nothing, and carries nothing out, until it is resumed. */
  pause(): void {
    if (this.#process?.pid !== undefined) standStill(this.#process.pid);
  }

  resume(): void {
    if (this.#process?.pid !== undefined) goOn(this.#process.pid);
  }

  async stop(): Promise<void> {
    await this.end();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #accepts(): Promise<boolean> {
    try {
      const connection = await createConnection({ socketPath: this.socketPath, user: 'root' });
      await connection.query('CREATE DATABASE IF NOT EXISTS cache');
      await connection.end();
      return true;
    } catch {
      return false;
    }
  }
}
