/** What a visitor typed into the form below an article. */
export interface CommentForm {
  readonly name: string;
  readonly text: string;
}

export type CommentErrors = Partial<Record<keyof CommentForm, string>>;

export const LIMITS = { name: 40, text: 2_000 } as const;

/** Takes from a request's body what the form has sent, whatever it has sent. */
export function readCommentForm(body: unknown): CommentForm {
  const fields: Record<string, unknown> = typeof body === 'object' && body !== null ? { ...body } : {};
  const text = (value: unknown) => (typeof value === 'string' ? value.replaceAll('\r\n', '\n').trim() : '');
  return { name: text(fields.name).replace(/\s+/g, ' '), text: text(fields.text) };
}

/** What has to be put right, by field; empty if nothing has. */
export function commentErrors({ name, text }: CommentForm): CommentErrors {
  const errors: CommentErrors = {};
  if (name === '') errors.name = 'Please tell us your name; a first name will do.';
  else if (length(name) > LIMITS.name) errors.name = tooLong('Your name', name, LIMITS.name);
  if (text === '') errors.text = 'Please write something before you send it.';
  else if (length(text) > LIMITS.text) errors.text = tooLong('Your comment', text, LIMITS.text);
  return errors;
}

function tooLong(what: string, value: string, limit: number): string {
  const number = new Intl.NumberFormat('en-GB');
  return `${what} has ${number.format(length(value))} characters, and there is room for ${number.format(limit)}.`;
}

/** In characters as people count them, not in UTF-16 units. */
function length(value: string): number {
  return [...value].length;
}
