import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';

/** Properties of a request that no framework and no middleware has touched. They say nothing that is not in the key. */
const PRISTINE: ReadonlySet<string> = pristine();
/** Of these, what a client chooses beside the address and the headers. */
const CHOSEN: ReadonlySet<string> = new Set(['httpVersion', 'httpVersionMajor', 'httpVersionMinor']);

function pristine(): ReadonlySet<string> {
  const socket = new Socket();
  const names = new Set(Object.keys(new IncomingMessage(socket)));
  socket.destroy();
  return names;
}

/** Returns a test whether a property of Node's request says nothing about the client that is not in the key. */
export function ownOfRequest(framework: readonly string[]): (name: string) => boolean {
  const own = new Set([...PRISTINE, ...framework]);
  return (name) => own.has(name) && !CHOSEN.has(name);
}
