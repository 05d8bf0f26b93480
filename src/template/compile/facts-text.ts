import type { Extension, LexerOptions } from '../nunjucks.ts';

/** The tag that is appended to a template's source when it is compiled. */
export const FACTS_TAG = 'cachesweeperfacts';

/**
 * Returns the two forms of the appended tag. Neither changes what the template prints:
 *
 * - after a blank, a comment comes first, because `lstripBlocks` removes only blanks before a tag;
 * - after anything else, a blank that the tag itself removes comes first, so that a `{` at the end of the source and
 * the tag's `{%` do not become `{{`.
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

/** Appends the tag to a complete source without errors. */
export function withFactsTag(source: string, options: LexerOptions): string {
  const { behindBlank, behindText } = forms(options);
  return source + (/(^|\s)$/.test(source) ? behindBlank : behindText);
}

/** Removes the tag from a source. */
export function withoutFactsTag(source: string, options: LexerOptions): string {
  const { behindBlank, behindText } = forms(options);
  return source.replaceAll(behindBlank, '').replaceAll(behindText, '');
}

/** Returns a source after all extensions' `preprocess`. */
export function preprocessed(source: string, extensions: readonly Extension[]): string {
  return extensions.reduce((text, { preprocess }) => preprocess?.(text) ?? text, source);
}
