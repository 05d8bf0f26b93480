/**
 * Whether a text is printable ASCII and not empty. A loop, because a regular expression takes twice the time and
 * batches have many keys.
 */
export function isPrintable(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code <= 0x20 || code >= 0x7f) return false;
  }
  return text !== '';
}
