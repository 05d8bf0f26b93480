import type { Exchange } from './exchange.ts';
import { hasSession } from './request-rules.ts';
import type { IsSession } from './session-cookies.ts';
import { isLoggedIn, sessionText } from './visitor.ts';

/**
 * What shows of the visitor while a request is handled. It is asked anew each time, because middleware behind the cache
 * may find out who the visitor is.
 */
export class Visit {
  readonly #exchange: Exchange;
  readonly #isNamed: boolean;
  /** The session before the handler ran. */
  readonly #session: string | undefined;
  #isMarked = false;

  /** @param isSession whether a cookie identifies a visitor */
  constructor(exchange: Exchange, isSession: IsSession) {
    const { authorization, cookie } = exchange.incoming.headers;
    this.#exchange = exchange;
    this.#isNamed = authorization !== undefined || hasSession(cookie, isSession);
    this.#session = sessionText(exchange.visitors);
  }

  /** Says that the answer belongs to this visitor. */
  mark(): void {
    this.#isMarked = true;
  }

  /** Returns what the handler, or middleware behind the cache, has found out about the visitor or left in the session. */
  foundOut(): 'logged in' | 'session changed' | undefined {
    return isLoggedIn(this.#exchange.visitors) ? 'logged in' : this.sessionChanged();
  }

  /** Returns whether the handler, or middleware behind the cache, has changed what is in the session. */
  sessionChanged(): 'session changed' | undefined {
    const session = sessionText(this.#exchange.visitors);
    return session === undefined || session !== this.#session ? 'session changed' : undefined;
  }

  isPersonal(): boolean {
    return this.#isMarked || this.#isNamed || this.foundOut() !== undefined;
  }
}
