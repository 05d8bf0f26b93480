import { randomUUID } from 'node:crypto';
import { type RequestHandler, Router } from 'express';

/** A cookie of this name is one of those that `cacheView` takes for a session unless it is told otherwise. */
const COOKIE = 'session';
const MAX_NAME = 40;
/** Visitors who are remembered; the one who came first is forgotten when there are more. */
const MAX_VISITORS = 1_000;

/** Who is logged in. There are no passwords: this is a demo, and everybody is who they say. */
export class Visitors {
  readonly #names = new Map<string, string>();

  /** Express middleware: finds out who it is. `req.user` is where `cacheView` looks, `user` is what templates read. */
  readonly recognise: RequestHandler = (req, res, next) => {
    const name = this.#names.get(sessionOf(req.get('cookie')) ?? '');
    if (name !== undefined) {
      const user = { name };
      Object.assign(req, { user });
      res.locals.user = user;
    }
    next();
  };

  routes(): Router {
    const router = Router();
    router.post('/login', (req, res) => {
      const name = String((req.body as { name?: unknown } | undefined)?.name ?? '')
        .trim()
        .slice(0, MAX_NAME);
      if (name !== '') res.cookie(COOKIE, this.#remember(name), { httpOnly: true, sameSite: 'lax' });
      res.redirect(303, pageOf(req.get('referer')));
    });
    router.post('/logout', (req, res) => {
      this.#names.delete(sessionOf(req.get('cookie')) ?? '');
      res.clearCookie(COOKIE);
      res.redirect(303, pageOf(req.get('referer')));
    });
    return router;
  }

  #remember(name: string): string {
    const [first] = this.#names.keys();
    if (this.#names.size >= MAX_VISITORS && first !== undefined) this.#names.delete(first);
    const session = randomUUID();
    this.#names.set(session, name);
    return session;
  }
}

function sessionOf(cookies: string | undefined): string | undefined {
  return /(?:^|;\s*)session=([0-9a-f-]{36})(?:;|$)/.exec(cookies ?? '')?.[1];
}

/** The path of the page that a form was sent from, on this site whatever it says. */
function pageOf(referer: string | undefined): string {
  const path = referer !== undefined && URL.canParse(referer) ? new URL(referer).pathname : '/';
  return path.replace(/^\/+/, '/');
}
