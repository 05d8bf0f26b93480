import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis as IoRedis } from 'ioredis';
import { freePort, type Program, ServerProcess, serverFolder } from './server-process.ts';

const PROGRAM: Program = {
  command: process.env.REDIS_SERVER ?? 'redis-server',
  remedy:
    'install the package redis-server (apt-get install redis-server, brew install redis) or name it in REDIS_SERVER',
};

/** A real Redis, which keeps nothing on disk unless it is told to. */
export class Redis extends ServerProcess {
  /** @param options of the command line, such as `--maxmemory 2mb` */
  static async start(...options: string[]): Promise<Redis> {
    return Redis.#start(await freePort(), options);
  }

  /** Starts one that follows this one, and returns it when it has everything that this one has. */
  async startReplica(...options: string[]): Promise<Redis> {
    const replica = await Redis.start('--replicaof', `127.0.0.1 ${this.port}`, ...options);
    await until(async () => (await replica.info('replication')).includes('master_link_status:up'));
    return replica;
  }

  /** Starts nodes of a cluster that share all slots evenly. */
  static async startCluster(size: number): Promise<readonly Redis[]> {
    const nodes = await Promise.all(
      Array.from({ length: size }, async () =>
        Redis.start(
          '--cluster-enabled',
          'yes',
          '--cluster-port',
          String(await freePort()),
          '--cluster-node-timeout',
          '2000',
        ),
      ),
    );
    const buses = await Promise.all(nodes.map((node) => node.command('CONFIG', 'GET', 'cluster-port')));
    const share = Math.ceil(16_384 / size);
    await Promise.all(
      nodes.map(async (node, i) => {
        const last = Math.min(16_384, (i + 1) * share) - 1;
        await node.command('CLUSTER', 'ADDSLOTSRANGE', String(i * share), String(last));
        await node.command('CLUSTER', 'SET-CONFIG-EPOCH', String(i + 1));
      }),
    );
    for (const [i, node] of nodes.entries()) {
      if (i > 0)
        await nodes[0]?.command('CLUSTER', 'MEET', '127.0.0.1', String(node.port), String((buses[i] as string[])[1]));
    }
    await until(async () => {
      const infos = await Promise.all(nodes.map((node) => node.command('CLUSTER', 'INFO')));
      return infos.every(
        (info) => String(info).includes('cluster_state:ok') && String(info).includes(`cluster_known_nodes:${size}\r`),
      );
    });
    return nodes;
  }

  /** Starts a sentinel that watches a master by the name `main`, and promotes a replica after half a second without it. */
  static async startSentinel(master: Redis): Promise<Redis> {
    const port = await freePort();
    const config = join(serverFolder(), 'sentinel.conf');
    const lines = [
      `sentinel monitor main 127.0.0.1 ${master.port} 1`,
      'sentinel down-after-milliseconds main 500',
      'sentinel failover-timeout main 2000',
    ];
    writeFileSync(config, lines.join('\n'));
    const sentinel = new Redis(PROGRAM, port, [config, '--sentinel', '--port', String(port), '--bind', '127.0.0.1']);
    await sentinel.start();
    await until(async () => String(await sentinel.command('SENTINEL', 'REPLICAS', 'main')) !== '');
    return sentinel;
  }

  static async #start(port: number, options: readonly string[]): Promise<Redis> {
    // A replica gets everything at once, rather than after 5 s in which others may ask as well.
    const own = [
      '--repl-diskless-sync-delay',
      '0',
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--dir',
      serverFolder(),
      '--save',
      '',
      '--appendonly',
      'no',
    ];
    const server = new Redis(PROGRAM, port, [...own, ...options]);
    await server.start();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Makes it forget everything. */
  async clear(): Promise<void> {
    await this.command('FLUSHALL');
  }

  /** Sends one command over a connection of its own. */
  async command(name: string, ...args: readonly (string | Buffer)[]): Promise<unknown> {
    const client = new IoRedis(this.port, '127.0.0.1', { lazyConnect: true, retryStrategy: () => null });
    client.on('error', () => {});
    try {
      await client.connect();
      return await client.call(name, [...args]);
    } finally {
      client.disconnect();
    }
  }

  async info(section: string): Promise<string> {
    return String(await this.command('INFO', section));
  }

  /** Takes a replica off the network of its master: what that acknowledges from now on does not arrive. */
  async cutOff(): Promise<void> {
    await this.command('REPLICAOF', '127.0.0.1', String(await freePort()));
  }

  /** Makes a replica a master. */
  async promote(): Promise<void> {
    await this.command('REPLICAOF', 'NO', 'ONE');
  }

  /** Makes it follow another, as a master is that comes back after its replica took over. */
  async follow(master: Redis): Promise<void> {
    await this.command('REPLICAOF', '127.0.0.1', String(master.port));
    await until(async () => (await this.info('replication')).includes('master_link_status:up'));
  }
}

/** Resolved when a condition holds; what it throws meanwhile does not count. */
export async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  for (let tries = 0; tries < 2_000; tries++) {
    try {
      if (await condition()) return;
    } catch {}
    await sleep(5);
  }
  throw new Error('what was waited for did not come true');
}
