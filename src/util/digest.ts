import { hash } from 'node:crypto';

/** Returns the first `characters` of a text's SHA-256 in base64url. 43 are all of it; 16 are 96 bits. */
export function digest(text: string, characters = 43): string {
  return hash('sha256', text, 'base64url').slice(0, characters);
}
