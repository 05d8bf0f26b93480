const MACRO = /\{\{-? *(?:govuk|nhsuk)[A-Z]\w*\([\s\S]*?\) *-?\}\}/g;
const INCLUDE = /\{%-? *include [^%]*%\}/g;
const CONTENT = /(\{%-? *block (?:content|beforeContent) *-?%\})([\s\S]*?)(\{%-? *endblock)/g;

/** Puts `body` into a fragment of its own. */
export const fragment = (name: string, body: string, args = ''): string =>
  `{% cachesweeper "${name}" 0${args} %}${body}{% endcachesweeper %}`;

/**
 * Puts fragments into a template of a kit by rule, as nobody would by hand: around each call of a macro, each include, and all that a
 * block of the page shows.
 */
export function tagged(source: string): string {
  return source
    .replaceAll(MACRO, (call) => fragment('Macro', call))
    .replaceAll(INCLUDE, (include) => fragment('Include', include))
    .replaceAll(CONTENT, (_, start, body, end) =>
      /block|super\(/.test(body) ? start + body + end : start + fragment('Block', body) + end,
    );
}

/** The same template without the tag, for the site that has no sweeper. */
export const untagged = (source: string): string => source.replaceAll(/\{% (?:end)?cachesweeper\b.*?%\}/g, '');
