import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How the API answers one write, beside carrying it out. */
interface Plan {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether the write is carried out. Default: if the status is no error of the client. */
  readonly isDone?: boolean;
}

const MANY_GROUPS = Array.from({ length: 1_200 }, (_, i) => `"g${i}"`).join(', ');

/** Plans by the query parameter `plan`; each gets the number of times that it was asked for. */
const PLANS: Readonly<
  Record<string, (attempt: number, api: HttpApi, query: URLSearchParams) => Plan | 'hang' | 'cut'>
> = {
  ok: () => ({ status: 200 }),
  accepted: () => ({ status: 202 }),
  empty: () => ({ status: 204 }),
  created: () => ({ status: 201, headers: { location: '/articles/9' } }),
  elsewhere: () => ({ status: 200, headers: { 'content-location': '/tags/3' } }),
  foreign: (_, api) => ({ status: 201, headers: { location: `${api.other}/articles/9` } }),
  missing: () => ({ status: 404 }),
  slow: () => ({ status: 408, isDone: true }),
  conflict: () => ({ status: 409 }),
  gone: () => ({ status: 410 }),
  outdated: () => ({ status: 412 }),
  invalid: () => ({ status: 422 }),
  broken: () => ({ status: 500, isDone: true }),
  seen: () => ({ status: 303, headers: { location: '/articles/8' } }),
  lost: () => ({ status: 303, headers: { location: '/nowhere' } }),
  moved: () => ({ status: 307, headers: { location: '/tags/3?plan=ok' }, isDone: false }),
  away: (_, __, query) => ({ status: 307, headers: { location: query.get('to') ?? '' }, isDone: true }),
  groups: () => ({ status: 200, headers: { 'cache-group-invalidation': '"tags", "other"' } }),
  many: () => ({ status: 200, headers: { 'cache-group-invalidation': MANY_GROUPS } }),
  hangs: () => 'hang',
  cut: () => 'cut',
  flaky: (attempt) =>
    attempt === 1 ? { status: 503, headers: { 'retry-after': '0' }, isDone: true } : { status: 404 },
};

/** A real HTTP API, which counts what it is asked for. */
export class HttpApi {
  readonly #server = createServer((request, response) => {
    this.#answer(request, response).catch(() => response.destroy()); // the client has gone
  });
  /** What was asked for: `GET /articles/7`. */
  readonly asked: string[] = [];
  readonly #versions = new Map<string, number>();
  readonly #attempts = new Map<string, number>();
  /** Another origin, for `Location`. */
  other = 'http://other.example';
  /** Called before each answer. */
  before: (method: string, path: string) => unknown = () => {};
  /** Called before each answer to a read, when it is known what that is. */
  after: (method: string, path: string) => unknown = () => {};
  /** Cache groups of what is read. */
  groupsOf: (path: string) => readonly string[] = () => [];
  /** Seconds that a cache in front has had what is read; undefined if there is none. */
  age: string | undefined;
  /** Seconds for which a client may keep what it reads. */
  maxAge: number | undefined;
  /** How reading fails: with a status, or `cut` off. */
  fails: string | undefined;

  async start(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** Returns what was asked for since the last call, sorted. */
  take(): readonly string[] {
    return this.asked.splice(0).sort();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    const { pathname, searchParams } = new URL(url, 'http://localhost');
    this.asked.push(`${method} ${pathname}`);
    await this.before(method, pathname);
    for await (const _ of request);
    if (['GET', 'HEAD', 'OPTIONS', 'QUERY'].includes(method)) return this.#read(pathname, searchParams, response);
    const plan = PLANS[searchParams.get('plan') ?? 'ok']?.(this.#attempt(url), this, searchParams) ?? { status: 400 };
    if (typeof plan === 'string' || (plan.isDone ?? plan.status < 400)) this.#written(pathname);
    if (plan === 'hang') return;
    if (plan === 'cut') return void request.socket.destroy();
    response.writeHead(plan.status, { 'content-type': 'application/json', ...plan.headers });
    response.end(plan.status === 204 ? undefined : '{}');
  }

  async #read(path: string, query: URLSearchParams, response: ServerResponse): Promise<void> {
    if (this.fails === 'cut') return void response.destroy();
    if (this.fails !== undefined) return void response.writeHead(Number(this.fails)).end(`{"version":${this.fails}}`);
    const to = query.get('to');
    if (to !== null) return void response.writeHead(302, { location: to }).end();
    if (path === '/nowhere') return void response.writeHead(404).end('{}');
    const body = JSON.stringify({ path, version: this.versionOf(path) });
    await this.after('GET', path);
    const groups = this.groupsOf(path)
      .map((group) => JSON.stringify(group))
      .join(', ');
    response.writeHead(200, {
      'content-type': 'application/json',
      ...(groups === '' ? {} : { 'cache-groups': groups }),
      ...(this.maxAge === undefined ? {} : { 'cache-control': `public, max-age=${this.maxAge}` }),
      ...(this.age === undefined ? {} : { age: this.age }),
    });
    response.end(body);
  }

  /** What a resource is: a number that grows with each write to it, or below it. */
  versionOf(path: string): number {
    return this.#versions.get(path) ?? 0;
  }

  #written(path: string): void {
    for (let at = path; at !== ''; at = at.slice(0, at.lastIndexOf('/')))
      this.#versions.set(at, this.versionOf(at) + 1);
  }

  #attempt(url: string): number {
    const attempt = (this.#attempts.get(url) ?? 0) + 1;
    this.#attempts.set(url, attempt);
    return attempt;
  }
}
