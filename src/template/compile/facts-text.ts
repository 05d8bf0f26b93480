import type { Extension, LexerOptions } from '../nunjucks.ts';

/** The tag that is written behind a template's source when it is compiled. */
export const FACTS_TAG = 'cachesweeperfacts';

/**
 * Both forms in which the tag may stand behind a source, so that no byte of what the template prints changes:
 *
 * - behind a blank, a comment comes first: `lstripBlocks` takes blanks away before a tag only,
 * - behind anything else, a blank that the tag itself takes away comes first: a `{` at the end of the source and the tag's
 *   own `{%` must not become `{{`.
 */
function forms({ tags }: LexerOptions): { readonly behindBlank: string; readonly behindText: string } {
  const blockStart = tags?.blockStart || '{%';
  const blockEnd = tags?.blockEnd || '%}';
  const commentStart = tags?.commentStart || '{#';
  const commentEnd = tags?.commentEnd || '#}';
  return {
    behindBlank: `${commentStart} ${commentEnd}${blockStart} ${FACTS_TAG} ${blockEnd}`,
    behindText: ` ${blockStart}- ${FACTS_TAG} ${blockEnd}`,
  };
}

/** A source, complete and without errors, with the tag behind it. */
export function withFactsTag(source: string, options: LexerOptions): string {
  const { behindBlank, behindText } = forms(options);
  return source + (/(^|\s)$/.test(source) ? behindBlank : behindText);
}

/** The source again. */
export function withoutFactsTag(source: string, options: LexerOptions): string {
  const { behindBlank, behindText } = forms(options);
  return source.replaceAll(behindBlank, '').replaceAll(behindText, '');
}

/** A source as Nunjucks hands it through extensions. */
export function preprocessed(source: string, extensions: readonly Extension[]): string {
  return extensions.reduce((text, { preprocess }) => preprocess?.(text) ?? text, source);
}
