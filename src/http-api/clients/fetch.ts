import { Ambient } from '../../render/ambient.ts';
import type { Hears } from '../http-exchange.ts';
import { hasCredentials } from './credentials.ts';

/**
 * Returns a `fetch` that is heard.
 *
 * @param given what it calls. Default: the global one of the time of the call, which tests and instrumentation replace
 */
export function hearingFetch(hears: Hears, given: typeof fetch | undefined): typeof fetch {
  const first = globalThis.fetch;
  const calling = new Ambient<true>();
  const send: typeof fetch = (input, init) =>
    given === undefined ? calling.run(true, () => globalThis.fetch(input, init)) : given(input, init);
  return async (input, init) => {
    // The site has put this one, or what calls it, in the place of the global one.
    if (calling.current) return await first(input, init);
    // There are several classes of that name, Node's and that of each undici.
    const request = typeof input === 'object' && 'url' in input ? input : undefined;
    const exchange = hears(init?.method ?? request?.method ?? 'GET', request?.url ?? String(input));
    if (exchange === undefined) return await send(input, init);
    await exchange.begin();
    let response: Response;
    try {
      response = await send(input, init);
    } catch (error) {
      await exchange.failed();
      throw error;
    }
    const { status, headers } = response;
    await exchange.answered({
      status,
      redirects: response.redirected ? [response.url] : [],
      hasCredentials: hasCredentials(init?.headers ?? request?.headers),
      header: (name) => headers.get(name) ?? undefined,
    });
    return response;
  };
}
