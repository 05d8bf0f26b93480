import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Frames of a stack that are looked at: an ORM has many of its own between the site and a hook. */
const FRAMES = 50;
/** A file, behind a space or a bracket: `node:internal/process/task_queues` has a slash too. */
const PLACE = /[\s(]((?:file:\/\/|\/|[A-Za-z]:\\)[^()]*?):(\d+):\d+\)?$/;

interface Place {
  readonly file: string;
  readonly line: string;
}

/**
 * Returns the innermost place of the site's own code on the stack, `src/routes.ts:12`: none of this package, of an installed one or
 * of Node. Undefined if there is none, which happens behind callbacks.
 */
export function callSite(): string | undefined {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = FRAMES;
  const { stack } = new Error();
  Error.stackTraceLimit = stackTraceLimit;
  const places = (stack ?? '').split('\n').slice(1).map(placeIn);
  // The first frame is in this file, whose folder's folder has all of this package.
  const own = places[0] && join(dirname(dirname(places[0].file)), sep);
  if (own === undefined) return undefined;
  const isSites = ({ file }: Place) => !file.startsWith(own) && !file.includes(`${sep}node_modules${sep}`);
  const site = places.find((place): place is Place => place !== undefined && isSites(place));
  return site && `${shown(site.file)}:${site.line}`;
}

function placeIn(frame: string): Place | undefined {
  const [, text, line] = PLACE.exec(frame) ?? [];
  if (text === undefined || line === undefined) return undefined;
  if (!text.startsWith('file:')) return { file: text, line };
  try {
    return { file: fileURLToPath(text), line };
  } catch {
    return undefined;
  }
}

/** Relative to where the process was started, if it is below; else without its folders. */
function shown(file: string): string {
  const path = relative(process.cwd(), file);
  const isBelow = !path.startsWith('..') && !isAbsolute(path);
  return (isBelow ? path : (file.split(sep).at(-1) as string)).split(sep).join('/');
}
