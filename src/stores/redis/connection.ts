import { badOption } from '../../util/check-option.ts';
import { describe } from '../../util/describe.ts';
import type {
  Argument,
  Command,
  IoRedisClient,
  NodeRedisClient,
  NodeRedisCluster,
  NodeRedisPool,
  NodeRedisSentinel,
} from './clients.ts';

/** What the store needs of a client. */
export interface Connection {
  /** Whether keys are spread over several servers, so that a command may name keys of one slot only. */
  readonly isCluster: boolean;
  /** Whether a command would be sent at once. A client that connects on demand begins to connect. */
  isReady(): boolean;
  /**
   * Sends one command. Bulk strings are answered as buffers. Rejects on an error of the connection or of the server.
   *
   * @param key decides in a cluster which server gets the command
   */
  send(key: string, command: Command, args: readonly Argument[]): Promise<unknown>;
  /** Why it is not connected, where that is known here. */
  readonly trouble?: string | undefined;
  /** Called when the server owes an answer for too long. */
  renew(): void;
  close(): void;
}

/** Asks node-redis for buffers: `returnBuffers` is the option of version 4, `typeMapping` of later ones, where 36 stands for bulk strings. */
const BUFFERS = { returnBuffers: true, typeMapping: { 36: Buffer } };

/** Any object, whose properties have to be looked at. */
type Shape = { readonly [name: string]: unknown };

/**
 * Returns the connection over a client that the site has. Clients are told apart by shape, so that any copy and version
 * of their packages will do.
 *
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when it is no such client
 */
export function connectionOf(client: unknown): Connection {
  const shape = (typeof client === 'object' && client !== null ? client : {}) as Shape;
  const has = (...names: readonly string[]) => names.every((name) => typeof shape[name] === 'function');
  if (has('callBuffer', 'connect') && typeof shape.status === 'string') return ioRedis(client as IoRedisClient);
  if (has('sendCommand', 'nodeClient')) return nodeCluster(client as NodeRedisCluster);
  if (has('sendCommand', 'getMasterNode')) return nodeSentinel(client as NodeRedisSentinel);
  if (has('sendCommand') && typeof shape.isReady === 'boolean') return nodeClient(client as NodeRedisClient);
  if (has('sendCommand', 'execute') && typeof shape.isOpen === 'boolean') return nodePool(client as NodeRedisPool);
  throw badOption(
    'RedisStore client',
    'a client of redis 4 to 6 or of ioredis 5 or 6, or "redis://…"',
    describe(client),
  );
}

/** The client is the site's: it is neither renewed nor closed here. */
const NOT_OURS = { renew: () => {}, close: () => {} };

/** The methods of ioredis that answer with buffers. */
type BufferMethods = Readonly<Record<`${Lowercase<Command>}Buffer`, (args: readonly Argument[]) => Promise<unknown>>>;

function ioRedis(client: IoRedisClient): Connection {
  const methods = client as unknown as BufferMethods;
  return {
    ...NOT_OURS,
    isCluster: client.isCluster === true,
    isReady: () => {
      // With `lazyConnect` it waits for its first command, and does the same then.
      if (client.status === 'wait') client.connect().catch(() => {});
      return client.status === 'ready';
    },
    // With `enableAutoPipelining`, `callBuffer` forgets the name of the command: `autoPipelining.js` puts it back for `call` alone.
    send: (_key, command, args) => methods[`${command.toLowerCase() as Lowercase<Command>}Buffer`](args),
  };
}

function nodeClient(client: NodeRedisClient): Connection {
  const sender = modern(client);
  return {
    ...NOT_OURS,
    isCluster: false,
    isReady: () => client.isReady,
    send: (_key, command, args) => sender.sendCommand([command, ...args], BUFFERS),
  };
}

/** In the legacy mode of version 4 the commands that return promises are at `client.v4`. Otherwise that throws, or is not there. */
function modern(client: NodeRedisClient): Pick<NodeRedisClient, 'sendCommand'> {
  try {
    const { v4 } = client as { readonly v4?: Pick<NodeRedisClient, 'sendCommand'> };
    return v4 ?? client;
  } catch {
    return client;
  }
}

function nodePool(client: NodeRedisPool): Connection {
  return {
    ...NOT_OURS,
    isCluster: false,
    isReady: () => client.isOpen,
    send: (_key, command, args) => client.sendCommand([command, ...args], BUFFERS),
  };
}

function nodeSentinel(client: NodeRedisSentinel): Connection {
  return {
    ...NOT_OURS,
    isCluster: false,
    isReady: () => client.isReady,
    send: (_key, command, args) => client.sendCommand(false, [command, ...args], BUFFERS),
  };
}

function nodeCluster(client: NodeRedisCluster): Connection {
  return {
    ...NOT_OURS,
    isCluster: true,
    // Before version 6 it does not say when it is ready; it is open before it knows which node has which slots.
    isReady: () => client.isReady ?? (client.isOpen && client.masters.length > 0),
    // Not read-only, so that no replica is asked.
    send: (key, command, args) => client.sendCommand(key, false, [command, ...args], BUFFERS),
  };
}
