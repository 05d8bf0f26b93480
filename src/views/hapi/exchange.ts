import { queryOf } from '../http/address.ts';
import type { Exchange, Headers, Reply } from '../http/exchange.ts';
import { headersOf } from '../http/recorder.ts';
import { ownOfRequest, ownOfResponse } from '../reads/pristine.ts';
import { AddressSwap } from './address-swap.ts';
import type { HapiRequest, WholeRequest } from './lifecycle.ts';
import { tokensOf, visitorsOf } from './visitor.ts';
import { type Coding, watchRequest } from './watch-request.ts';

/** What an exchange has of its own under hapi. */
export interface HapiExchange extends Exchange {
  /** The handler's address, while there is a handler. */
  readonly address: AddressSwap | undefined;
}

/**
 * @param route tells routes apart
 * @param send answers in place of the handler
 * @param coding chooses the coding of the answer
 */
export function exchangeOf(
  asked: HapiRequest,
  send: (reply: Reply) => void,
  route = '',
  coding: Coding = () => undefined,
): HapiExchange {
  const request = asked as WholeRequest;
  const { info, app, plugins, auth } = request;
  const { req, res } = request.raw;
  let address: AddressSwap | undefined;
  return {
    request,
    incoming: req,
    response: res,
    target: req.url ?? '',
    urls: [req.url ?? '', ownUrl(request)],
    // Options of `server.inject` may have made what a client cannot.
    route: `${request.isInjected} ${route}`,
    given: (to) => [
      { ...request.params },
      { ...queryOf(request.query, to) },
      (request as { readonly payload?: unknown }).payload,
    ],
    holders: [
      { name: 'request', object: request, isOwn: isOwnOfRequest },
      { name: 'info', object: info, isOwn: isOwnOfInfo },
      { name: 'auth', object: auth, isOwn: () => false },
      { name: 'app', object: app, isOwn: () => false },
      { name: 'plugins', object: plugins, isOwn: () => false },
      { name: 'req', object: req, isOwn: isOwnOfRaw },
      { name: 'res', object: res, isOwn: isOwnOfResponse },
    ],
    localsAt: undefined,
    derived: [{ object: info, names: ['remoteAddress', 'remotePort'], read: 'ip' }],
    watchOwn: (reads) => watchRequest(request, coding, reads),
    rewrite(to) {
      address = new AddressSwap(request, to);
      address.show();
      return () => address?.hide();
    },
    get address() {
      return address;
    },
    protocol: schemeOf(request),
    host: info.host,
    params: request.params as Readonly<Record<string, unknown>>,
    pattern: undefined,
    visitors: visitorsOf(request),
    locals: () => tokensOf(request),
    answersInContext: true,
    mayCompress: false,
    compressesAnswers: true,
    cookiesToCome: () => cookiesOf(request),
    headers: () => ({ ...headersOf(res), ...ownHeaders(request) }),
    send,
  };
}

/** Returns the cookies that hapi will set; undefined if they cannot be told. */
function cookiesOf(request: object): string | undefined {
  try {
    return JSON.stringify((request as { readonly _states?: unknown })._states);
  } catch {
    return undefined;
  }
}

/**
 * The whole url that an extension set, or asked for; undefined otherwise. It is the one that was sent then, and parsing it
 * takes long.
 */
function knownUrl(request: WholeRequest): URL | undefined {
  return (request as { readonly _url?: unknown })._url === null ? undefined : request.url;
}

/** The scheme, and who the url says is asking, as the handler sees them: hapi takes the host alone to its own place. */
function schemeOf(request: WholeRequest): string {
  const { protocol: own } = request.server.info;
  const url = knownUrl(request);
  if (url === undefined) return own;
  const { protocol, username, password } = url;
  return username === '' && password === ''
    ? protocol.slice(0, -1)
    : `${protocol}${JSON.stringify([username, password])}`;
}

/** The address as hapi has it: in its own spelling of the path, and with what an extension made of it. */
function ownUrl(request: WholeRequest): string {
  const { path, raw } = request;
  const url = knownUrl(request);
  if (url !== undefined) return path + url.search + url.hash;
  const sent = raw.req.url ?? '';
  const start = sent.indexOf('?');
  return start === -1 ? path : path + sent.slice(start);
}

/** Headers of a response that hapi has not yet begun to send. */
function ownHeaders({ response }: WholeRequest): Headers {
  if (typeof response !== 'object' || response === null || response.isBoom) return {};
  return Object.fromEntries(Object.entries(response.headers).filter(([, value]) => value !== undefined)) as Headers;
}

/** hapi's own properties of a request, and loggers. What tells of the client is watched at its own place. */
const OWN_OF_REQUEST: ReadonlySet<string> = new Set([
  'app',
  'auth',
  'headers',
  'info',
  'jsonp',
  'logger',
  'logs',
  'method',
  'mime',
  'orig',
  'params',
  'paramsArray',
  'path',
  'payload',
  'plugins',
  'pre',
  'preResponses',
  'query',
  'raw',
  'response',
  'route',
  'server',
  'state',
  'url',
  'yar',
]);
const isOwnOfRequest = (name: string) => OWN_OF_REQUEST.has(name) || internal.has(name);

/** Names that hapi has for itself. */
const internal = new Set<string>();

/** Learns from a new request, which no extension has seen yet, which names hapi has for itself. */
export function learnInternal(request: object): void {
  for (const name of Object.keys(request)) if (name.startsWith('_')) internal.add(name);
}

/** In the key, watched elsewhere, or times. */
const OWN_OF_INFO: ReadonlySet<string> = new Set([
  'acceptEncoding',
  'completed',
  'host',
  'id',
  'received',
  'referrer',
  'responded',
]);
const isOwnOfInfo = (name: string) => name.startsWith('_') || OWN_OF_INFO.has(name);

const isOwnOfRaw = ownOfRequest([]);
const isOwnOfResponse = ownOfResponse([]);
