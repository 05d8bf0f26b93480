import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

const HOST = '127.0.0.1';

/** What {@link startDelayingProxy} runs in a thread. */
const { target, delay } = workerData as { readonly target: number; readonly delay: number };

const server = createServer((client) => {
  const upstream = connect(target, HOST);
  client.setNoDelay();
  upstream.setNoDelay();
  for (const [from, to] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroy());
  }
  upstream.on('data', (data) => client.write(data));
  client.on('data', (data) => {
    const until = performance.now() + delay;
    // By turns of the event loop, because a timer of 1 ms takes 1 to 2.
    const turn = (): void => {
      if (performance.now() < until) setImmediate(turn);
      else upstream.write(data);
    };
    turn();
  });
});
server.listen(0, HOST);
await once(server, 'listening');
parentPort?.postMessage((server.address() as AddressInfo).port);
