import type { Hears } from '../http-exchange.ts';
import { hasCredentials } from './credentials.ts';

/** Returns a `fetch` that is heard. */
export function hearingFetch(hears: Hears, fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return async (input, init) => {
    // There are several classes of that name, Node's and that of each undici.
    const request = typeof input === 'object' && 'url' in input ? input : undefined;
    const exchange = hears(
      init?.method ?? request?.method ?? 'GET',
      request?.url ?? String(input),
      hasCredentials(init?.headers ?? request?.headers),
    );
    if (exchange === undefined) return await fetch(input, init);
    await exchange.begin();
    let response: Response;
    try {
      response = await fetch(input, init);
    } catch (error) {
      await exchange.failed();
      throw error;
    }
    const { status, headers } = response;
    const redirects = response.redirected ? [response.url] : [];
    await exchange.answered({ status, redirects, header: (name) => headers.get(name) ?? undefined });
    return response;
  };
}
