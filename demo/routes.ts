import { type NextFunction, type Request, type Response, Router } from 'express';
import { type CacheSweeper, lazy } from 'nunjucks-cachesweeper';
import { cacheView } from 'nunjucks-cachesweeper/express';
import type { Blog } from './blog.ts';
import { type CommentErrors, type CommentForm, commentErrors, LIMITS, readCommentForm } from './comment-form.ts';
import { comparedPath } from './compare.ts';
import type { VoteKind } from './models.ts';
import { page, wantsUncached } from './page.ts';
import { visitOf } from './visitors.ts';

/** Whole pages are kept for as long, if nothing that they show is saved before; in seconds. */
const VIEW_TTL = 300;

/** The site's addresses. What is not found is left to the next handler. */
export function routes(blog: Blog, sweeper: CacheSweeper): Router {
  const router = Router();

  router.get('/', cacheView({ sweeper, ttl: VIEW_TTL, name: 'index', holes: visitOf }), async (req, res) => {
    // Only fragments show these: while those are cached, the page needs no query at all.
    await page(req, res, 'index.njk', {
      articles: lazy(() => blog.articles()),
      counts: lazy(() => blog.commentCounts()),
      discussed: lazy(() => blog.mostDiscussed(6)),
    });
  });

  router.get(
    '/articles/:id',
    cacheView({ sweeper, ttl: VIEW_TTL, name: 'article', holes: visitOf }),
    async (req, res, next) => {
      await articlePage(req, res, next, { name: '', text: '' }, {});
    },
  );

  router.post('/articles/:id/comments', async (req, res, next) => {
    const form = readCommentForm(req.body);
    const errors = commentErrors(form);
    if (Object.keys(errors).length > 0) {
      res.status(422);
      return articlePage(req, res, next, form, errors);
    }
    const comment = await blog.addComment(idOf(req), form.name, form.text);
    return comment === undefined ? next() : res.redirect(303, commentAddress(req, comment));
  });

  router.post('/comments/:id/votes', async (req, res, next) => {
    const kind = voteKind(req.body);
    if (kind === undefined) {
      res.status(400);
      return page(req, res, 'message.njk', { title: 'That is not a vote', text: 'A vote is a like or a dislike.' });
    }
    const comment = await blog.vote(idOf(req), kind);
    return comment === undefined ? next() : res.redirect(303, commentAddress(req, comment));
  });

  router.get('/compare', (req, res, next) => {
    const path = comparedPath(req.query.path);
    if (path === undefined) return next();
    return res.render('compare.njk', { path });
  });

  async function articlePage(
    req: Request,
    res: Response,
    next: NextFunction,
    form: CommentForm,
    errors: CommentErrors,
  ): Promise<void> {
    const id = idOf(req);
    res.locals.page = `/articles/${id}`;
    const article = await blog.article(id);
    if (article === undefined) return next();
    // Runs only when a fragment that shows the comments is rendered.
    const comments = lazy(() => blog.comments(id));
    await page(req, res, 'article.njk', { article, comments, form, errors, limits: LIMITS });
  }

  return router;
}

/** The id in the address; 0, which no row has, for anything that is not one. */
function idOf(req: Request): number {
  const text = String(req.params.id);
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : 0;
}

function voteKind(body: unknown): VoteKind | undefined {
  const kind = (body as { kind?: unknown } | undefined)?.kind;
  return kind === 'like' || kind === 'dislike' ? kind : undefined;
}

/** Back to where the visitor was, cached or not as it was. */
function commentAddress(req: Request, comment: { id: number; articleId: number }): string {
  return `/articles/${comment.articleId}${wantsUncached(req) ? '?uncached=1' : ''}#comment-${comment.id}`;
}
