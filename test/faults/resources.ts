import { createHook } from 'node:async_hooks';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { queryObjects, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Connection } from '../../src/stores/memcached/connection.ts';
import { PendingBatch } from '../../src/stores/memcached/pending-batch.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What a process holds. */
export interface Resources {
  /** Bytes. */
  readonly heap: number;
  /** Timers, those included that do not keep the process alive. */
  readonly timers: number;
  /** Open ones to the server. */
  readonly sockets: number;
  /** Objects that nothing has let go of. */
  readonly connections: number;
  readonly exchanges: number;
  readonly socketObjects: number;
  /** Of the process' own events. */
  readonly listeners: number;
}

const timers = new Set<number>();
createHook({
  init: (id, type) => void (type === 'Timeout' && timers.add(id)),
  destroy: (id) => void timers.delete(id),
}).enable();

/** @param port of the server whose sockets are counted */
export async function resources(port: number): Promise<Resources> {
  // Twice: what the first run finalises the second can take away.
  for (let i = 0; i < 2; i++) {
    await sleep(20);
    collectGarbage();
  }
  await sleep(20);
  const { libuv } = process.report.getReport() as unknown as { libuv: { type: string; remoteEndpoint?: Endpoint }[] };
  return {
    heap: process.memoryUsage().heapUsed,
    timers: timers.size,
    sockets: libuv.filter(({ type, remoteEndpoint }) => type === 'tcp' && remoteEndpoint?.port === port).length,
    connections: queryObjects(Connection, { format: 'count' }),
    exchanges: queryObjects(PendingBatch, { format: 'count' }),
    socketObjects: queryObjects(Socket, { format: 'count' }),
    listeners: process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
  };
}

interface Endpoint {
  readonly port: number;
}
