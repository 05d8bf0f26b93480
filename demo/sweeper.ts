import { CacheSweeper, type RenderReport, storeFromEnvironment } from 'nunjucks-cachesweeper';
import { Author, Comment } from './models.ts';

/** The site's sweeper. Without CACHESWEEPER_STORE there is no store: this process keeps its fragments in its own memory. */
export function createSweeper(onRender: (report: RenderReport) => void): CacheSweeper {
  const sweeper = new CacheSweeper({
    store: storeFromEnvironment(),
    enabled: (context) => context.uncached !== true,
    onRender,
  });
  // Articles and comments show their authors: a fragment that meets one is invalidated with it.
  sweeper.register(Author);
  // A new comment is not in any fragment yet, so no fragment can depend on it. But it changes its article.
  sweeper.register(Comment, { touches: (comment) => [{ type: 'Article', id: comment.articleId }] });
  return sweeper;
}
