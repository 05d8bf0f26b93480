import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Memcached } from '../support/memcached.ts';

/** A way for a server not to be there. */
export interface Fault {
  readonly title: string;
  /** Options of the server that this is tried on. */
  readonly options: readonly string[];
  /** Makes it so; call what it returns and the server is back. */
  readonly begin: (server: Memcached) => Promise<() => Promise<void>>;
}

/** Nothing listens: connections are refused. */
const refused: Fault = {
  title: 'refuses connections',
  options: [],
  begin: async (server) => {
    await server.kill();
    return () => server.start();
  },
};

/** Something else took its place, which accepts connections and never says a word. */
const silent: Fault = {
  title: 'accepts connections and never answers',
  options: [],
  begin: async (server) => {
    await server.kill();
    const sockets = new Set<Socket>();
    const other = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.resume();
    });
    other.listen(server.port, '127.0.0.1');
    await once(other, 'listening');
    return async () => {
      other.close();
      for (const socket of sockets) socket.destroy();
      await once(other, 'close');
      await server.start();
    };
  },
};

/** It is stopped: the system accepts connections for it. */
const stopped: Fault = {
  title: 'stands still',
  options: [],
  begin: async (server) => {
    server.stop();
    return async () => server.continue();
  },
};

/** It is stopped and its backlog is full: connecting is not answered, as when a firewall drops the packets. */
const unanswered: Fault = {
  title: 'does not answer connecting',
  options: ['-b', '1'],
  begin: async (server) => {
    server.stop();
    const sockets: Socket[] = [];
    for (let isAnswered = true; isAnswered; ) {
      const socket = connect(server.port, '127.0.0.1');
      socket.on('error', () => {});
      sockets.push(socket);
      isAnswered = await Promise.race([once(socket, 'connect').then(() => true), sleep(200, false)]);
    }
    return async () => {
      server.continue();
      for (const socket of sockets) socket.destroy();
    };
  },
};

export const FAULTS: readonly Fault[] = [refused, silent, stopped, unanswered];

/** A server for a fault to come over. */
export function serverFor({ options }: Fault): Promise<Memcached> {
  return Memcached.start(...options);
}
