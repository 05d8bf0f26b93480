import type { ExaminedTemplate } from '../../template/examine.ts';
import type { SiteEnvironment } from '../site-environment.ts';
import { literals } from './literals.ts';
import { lostHoles } from './lost-holes.ts';
import { noUse } from './no-use.ts';
import { readsTooMuch } from './reads-too-much.ts';
import type { Finding, Rule } from './rule.ts';
import { unknownHelpers } from './unknown-helpers.ts';
import { unseenGlobals } from './unseen-globals.ts';

const RULES: readonly Rule[] = [literals, noUse, readsTooMuch, lostHoles, unseenGlobals, unknownHelpers];

/** Returns all that is to be mended in a template, in the order of its text. */
export function lintTemplate({ faults, parsed }: ExaminedTemplate, site: SiteEnvironment): readonly Finding[] {
  const findings: Finding[] = faults.map(({ code, message, at }) => ({
    rule: code,
    at,
    message: message + hint(message, site),
  }));
  if (parsed !== undefined) for (const rule of RULES) findings.push(...rule(parsed, site));
  return findings.sort(({ at: a }, { at: b }) => a.line - b.line || a.column - b.column);
}

function hint(message: string, { isOwn }: SiteEnvironment): string {
  return !isOwn && message.startsWith('unknown block tag')
    ? '; if it is a tag of the site, give the environment that has it: --config'
    : '';
}
