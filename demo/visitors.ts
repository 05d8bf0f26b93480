import { randomUUID, timingSafeEqual } from 'node:crypto';
import { type Request, type RequestHandler, type Response, Router } from 'express';

const COOKIE = 'session';
const MAX_NAME = 40;
/** Visitors who are remembered; the one who came first is forgotten when there are more. */
const MAX_VISITORS = 1_000;

/** What each visitor's pages show of them; `cacheView` puts it into pages that are kept for everybody. */
export interface Visit {
  readonly user: { readonly name: string } | undefined;
  readonly csrfToken: string | undefined;
}

export function visitOf(_req: Request, { locals }: Response): Visit & Record<string, unknown> {
  const { user, csrfToken } = locals as Visit;
  return { user, csrfToken };
}

interface Session {
  readonly name: string;
  /** What the visitor's forms send, so that no other site can send them. */
  readonly token: string;
}

/** Who is logged in. There are no passwords: this is a demo, and everybody is who they say. */
export class Visitors {
  readonly #sessions = new Map<string, Session>();

  /** Express middleware: finds out who it is. */
  readonly recognise: RequestHandler = (req, res, next) => {
    const session = this.#sessions.get(sessionOf(req.get('cookie')) ?? '');
    const visit: Visit = { user: session && { name: session.name }, csrfToken: session?.token };
    Object.assign(res.locals, visit);
    next();
  };

  /** Express middleware: refuses forms of other sites in the name of somebody who is logged in here. */
  readonly checkForms: RequestHandler = (req, res, next) => {
    const { csrfToken } = res.locals as Visit;
    const sent = (req.body as { _csrf?: unknown } | undefined)?._csrf;
    if (req.method === 'POST' && csrfToken !== undefined && !isToken(sent, csrfToken)) {
      res.status(403);
      return res.render('message.njk', {
        title: 'That form is not ours',
        text: 'Load the page again, and send its form.',
      });
    }
    return next();
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
      this.#sessions.delete(sessionOf(req.get('cookie')) ?? '');
      res.clearCookie(COOKIE);
      res.redirect(303, pageOf(req.get('referer')));
    });
    return router;
  }

  #remember(name: string): string {
    const [first] = this.#sessions.keys();
    if (this.#sessions.size >= MAX_VISITORS && first !== undefined) this.#sessions.delete(first);
    const session = randomUUID();
    this.#sessions.set(session, { name, token: randomUUID() });
    return session;
  }
}

function isToken(sent: unknown, token: string): boolean {
  return (
    typeof sent === 'string' && sent.length === token.length && timingSafeEqual(Buffer.from(sent), Buffer.from(token))
  );
}

function sessionOf(cookies: string | undefined): string | undefined {
  return /(?:^|;\s*)session=([0-9a-f-]{36})(?:;|$)/.exec(cookies ?? '')?.[1];
}

/** The path of the page that a form was sent from, on this site whatever it says. */
function pageOf(referer: string | undefined): string {
  const path = referer !== undefined && URL.canParse(referer) ? new URL(referer).pathname : '/';
  return path.replace(/^\/+/, '/');
}
