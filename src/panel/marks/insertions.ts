/** A text that is put into html. */
export interface Insertion {
  /** In front of this character. */
  readonly at: number;
  readonly text: string;
}

/** Returns html with some texts in it. Those for the same place keep their order. */
export function inserted(html: string, insertions: readonly Insertion[]): string {
  let all = '';
  let last = 0;
  for (const { at, text } of insertions.toSorted((a, b) => a.at - b.at)) {
    all += html.slice(last, at) + text;
    last = at;
  }
  return all + html.slice(last);
}
