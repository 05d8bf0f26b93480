import { createHash } from 'node:crypto';

/** SHA-256 in base64url, the first `characters` of it (43 are all; 16 are 96 bits). */
export function digest(text: string, characters = 43): string {
  return createHash('sha256').update(text, 'utf8').digest('base64url').slice(0, characters);
}
