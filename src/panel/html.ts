const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Html that is not to be escaped again. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/**
 * A template literal whose values are escaped, except {@link Html} and lists of it.
 *
 * @example
 * html`<td>${name}</td>`
 */
export function html(texts: TemplateStringsArray, ...values: readonly unknown[]): Html {
  return new Html(texts.reduce((all, text, i) => all + escaped(values[i - 1]) + text));
}

function escaped(value: unknown): string {
  if (value instanceof Html) return value.text;
  if (Array.isArray(value)) return value.map(escaped).join('');
  if (value === undefined || value === null) return '';
  return String(value).replace(/[&<>"']/g, (character) => ESCAPES[character] as string);
}
