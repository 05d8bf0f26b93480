/** What is sent. */
export type Command = 'EVAL' | 'EVALSHA' | 'GET' | 'MGET' | 'SET';

/** What stands behind a command. */
export type Argument = string | Buffer;

/** The parts that are used of node-redis' `createClient()`, `createClientPool()`, `createSentinel()` and `createCluster()`, 4 to 6. */
export interface NodeRedisClient {
  readonly isOpen: boolean;
  readonly isReady: boolean;
  sendCommand(args: readonly Argument[], options?: object): Promise<unknown>;
}

export interface NodeRedisPool {
  readonly isOpen: boolean;
  sendCommand(args: readonly Argument[], options?: object): Promise<unknown>;
  execute(job: never): Promise<unknown>;
}

export interface NodeRedisSentinel {
  readonly isOpen: boolean;
  readonly isReady: boolean;
  sendCommand(isReadonly: boolean, args: readonly Argument[], options?: object): Promise<unknown>;
  getMasterNode(): unknown;
}

export interface NodeRedisCluster {
  readonly masters: readonly unknown[];
  readonly isOpen: boolean;
  readonly isReady?: boolean;
  sendCommand(firstKey: string, isReadonly: boolean, args: readonly Argument[], options?: object): Promise<unknown>;
  nodeClient(node: never): unknown;
}

/** The parts that are used of ioredis' `Redis` and `Cluster`, 5 and 6. */
export interface IoRedisClient {
  readonly status: string;
  readonly isCluster: boolean;
  connect(): Promise<unknown>;
  callBuffer(command: string, args: Argument[]): Promise<unknown>;
}

/** A client of Redis that a site has already. */
export type RedisClient = NodeRedisClient | NodeRedisPool | NodeRedisSentinel | NodeRedisCluster | IoRedisClient;
