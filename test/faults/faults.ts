import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RestartableServer, ServerKind } from '../support/store-servers.ts';

/** A way for a server not to be there. */
export interface Fault {
  readonly title: string;
  /** Starts a server for it to come over. */
  readonly start: () => Promise<RestartableServer>;
  /** Makes it so; call what it returns and the server is back. */
  readonly begin: (server: RestartableServer) => Promise<() => Promise<void>>;
}

type FaultOfAny = Omit<Fault, 'start'>;

/** Nothing listens: connections are refused. */
const refused: FaultOfAny = {
  title: 'refuses connections',
  begin: async (server) => {
    await server.kill();
    return () => server.start();
  },
};

/** Something else took its place, which accepts connections and never says a word. */
const silent: FaultOfAny = {
  title: 'accepts connections and never answers',
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
const stopped: FaultOfAny = {
  title: 'stands still',
  begin: async (server) => {
    await server.stop();
    return async () => server.continue();
  },
};

/** It is stopped and its backlog is full: connecting is not answered, as when a firewall drops the packets. */
const unanswered: FaultOfAny = {
  title: 'does not answer connecting',
  begin: async (server) => {
    await server.stop();
    const sockets: Socket[] = [];
    for (let isAnswered = true; isAnswered; ) {
      const socket = connect(server.port, '127.0.0.1');
      socket.on('error', () => {});
      sockets.push(socket);
      isAnswered = await Promise.race([once(socket, 'connect').then(() => true), sleep(200, false)]);
    }
    return async () => {
      await server.continue();
      for (const socket of sockets) socket.destroy();
    };
  },
};

/** What can happen to a server of a kind. */
export function faultsOf(kind: ServerKind): readonly Fault[] {
  const { name, start, startWithoutBacklog } = kind;
  const faults = [refused, silent, stopped].map((fault) => ({ ...fault, start }));
  const all = startWithoutBacklog === undefined ? faults : [...faults, { ...unanswered, start: startWithoutBacklog }];
  return all.map((fault) => ({ ...fault, title: `a ${name} that ${fault.title}` }));
}
