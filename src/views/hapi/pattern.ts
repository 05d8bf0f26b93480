/** Characters that mean something in a pattern of path-to-regexp. */
const SPECIAL = /[\\{}()[\]+?!:*]/g;

/** A parameter of hapi: `{id}`, `{id?}`, `{rest*}`, `{rest*2}`; the whole of a segment takes its slash along. */
const PARAMETER = /(\/?)\{(\w+)(\?|\*\d*)?\}/g;

/** Translates a path of a hapi route into the syntax of path-to-regexp. */
export function patternOf(path: string): string {
  let written = '';
  let end = 0;
  for (const { index, 0: all, 1: slash = '', 2: name, 3: kind = '' } of path.matchAll(PARAMETER)) {
    written += literal(path.slice(end, index));
    end = index + all.length;
    const isWhole = slash === '/' && (end === path.length || path[end] === '/');
    if (kind === '') written += `${slash}:"${name}"`;
    else if (kind === '?') written += isWhole ? `{/:"${name}"}` : `${slash}{:"${name}"}`;
    // Without a number there may be no segment at all.
    else if (kind === '*') written += isWhole ? `{/*"${name}"}` : `${slash}{*"${name}"}`;
    else written += `${slash}*"${name}"`;
  }
  return written + literal(path.slice(end));
}

function literal(text: string): string {
  return text.replace(SPECIAL, '\\$&');
}
