import type { Socket } from 'node:net';

const waiting = new WeakMap<Socket, Set<() => void>>();

/**
 * Calls back when a connection has closed. One listener serves all requests of a connection, which may be hundreds.
 *
 * @returns takes the call back
 */
export function onClosed(socket: Socket, run: () => void): () => void {
  const known = waiting.get(socket);
  const runs = known ?? new Set<() => void>();
  if (known === undefined) {
    waiting.set(socket, runs);
    socket.once('close', () => {
      for (const each of runs) each();
    });
  }
  runs.add(run);
  return () => runs.delete(run);
}
