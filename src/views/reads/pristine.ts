import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';

/** What Node, and the packages with which others wait for the end of a response, keep there. */
const ON_RESPONSES: readonly string[] = ['_maxRequestsPerSocket', 'headersSent', '__onFinished', 'flush'];

/** Properties of a request that no framework and no middleware has touched. They say nothing that is not in the key. */
const { request: PRISTINE, response: PRISTINE_RESPONSE } = pristine();
/** Of these, what a client chooses beside the address and the headers. */
const CHOSEN: ReadonlySet<string> = new Set(['httpVersion', 'httpVersionMajor', 'httpVersionMinor']);

function pristine() {
  const socket = new Socket();
  const incoming = new IncomingMessage(socket);
  const request: ReadonlySet<string> = new Set(Object.getOwnPropertyNames(incoming));
  const response = new Set([...Object.getOwnPropertyNames(new ServerResponse(incoming)), ...ON_RESPONSES]);
  socket.destroy();
  return { request, response };
}

/** Returns a test whether a property of Node's request says nothing about the client that is not in the key. */
export function ownOfRequest(framework: readonly string[]): (name: string) => boolean {
  const own = new Set([...PRISTINE, ...framework]);
  return (name) => own.has(name) && !CHOSEN.has(name);
}

/** Returns a test whether a property of Node's response is there without any middleware. */
export function ownOfResponse(framework: readonly string[]): (name: string) => boolean {
  const own = new Set([...PRISTINE_RESPONSE, ...framework]);
  return (name) => own.has(name);
}
