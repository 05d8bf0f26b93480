import type { MarkSafe } from '../../reads/variables.ts';
import type { Context, Frame, RootFunction } from '../nunjucks.ts';
import type { TagSite, TemplateEnvironment } from './environment.ts';
import type { Page } from './page.ts';
import type { Handed } from './tag-scope.ts';

/** A fragment's body as Nunjucks compiles it from the nodes in emit.ts. */
export type CompiledBody = (done: BodyDone) => unknown;

/** The argument of a compiled body. Nunjucks calls it with an error; the statements from emit.ts use `run`. */
export interface BodyDone {
  (error?: unknown): void;
  /** A `TagBody`. */
  run: object;
}

/** The place of a tag while it runs. */
export interface TagPlace {
  readonly environment: TemplateEnvironment;
  readonly page: Page;
  readonly context: Context;
  /** Identifies the template that the tag stands in. */
  readonly root: RootFunction;
  readonly site: TagSite;
  readonly frame: Frame;
  readonly body: CompiledBody;
  readonly handed: Handed;
  readonly markSafe: MarkSafe;
}
