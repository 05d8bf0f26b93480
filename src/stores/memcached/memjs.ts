import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
// @ts-expect-error memjs has no types, and @types/memjs has other ones than the package.
import memjs from 'memjs';

/**
 * The part of memjs' `Server` that is used: it opens a socket and does the SASL dialogue. `sock()` sets `_socket`
 * before it returns.
 */
interface MemjsServer extends EventEmitter {
  username: string | undefined;
  password: string | undefined;
  _socket: Socket | undefined;
  timeoutSet: boolean;
  sock(sasl: boolean, go: (socket: Socket) => void): void;
  saslAuth(): void;
  responseHandler(data: Buffer): void;
  error(error: unknown): void;
  close(): void;
}

/** Times are in seconds. */
interface MemjsServerOptions {
  conntimeout: number;
  keepAlive: boolean;
  keepAliveDelay: number;
}

export const MemjsServer: new (
  host: string,
  /** memjs hands it to `net.connect`, which takes the path of a socket as well. */
  port: number | string,
  username: string,
  password: string,
  options: MemjsServerOptions,
) => MemjsServer = memjs.Server;
