import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createSite } from './app.ts';

const DEFAULT_PORT = 3000;
/** How long open requests may take to finish once the site was told to stop. */
const STOP_WITHIN = 2_000;

async function main(): Promise<void> {
  const wanted = portFromEnvironment();
  const host = process.env.HOST ?? 'localhost';
  const site = await createSite({ database: process.env.DATABASE });
  const server = createServer(site.app);
  await listen(server, host, wanted);

  let stopping = false;
  const stop = async () => {
    if (stopping) return; // a terminal's Ctrl-C arrives twice: from the terminal and from npm
    stopping = true;
    await closeServer(server);
    await site.close();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);

  const { port } = server.address() as AddressInfo;
  console.log(`The demo of nunjucks-cachesweeper: http://localhost:${port}\nCtrl-C stops it.`);
}

/** The port that PORT asks for; undefined if it does not ask. */
function portFromEnvironment(): number | undefined {
  const text = process.env.PORT ?? '';
  if (text === '') return undefined;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new Error(`PORT is a number from 0 (any free port) to 65535, but got: ${text}`);
  }
  return port;
}

/** Listens on the port that was asked for, or on the usual one, or, when that is taken, on any free one. */
async function listen(server: Server, host: string, wanted: number | undefined): Promise<void> {
  try {
    await listenOn(server, host, wanted ?? DEFAULT_PORT);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    if (wanted !== undefined) throw new Error(`Port ${wanted} is taken. Set PORT to another one, or unset it.`);
    console.log(`Port ${DEFAULT_PORT} is taken, so another one it is.`);
    await listenOn(server, host, 0);
  }
}

function listenOn(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    setTimeout(() => server.closeAllConnections(), STOP_WITHIN).unref();
  });
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
