import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Frames of a stack that are looked at: an ORM has many of its own between the site and a hook. */
const FRAMES = 50;
/** Of compiled text there is no file: `(eval at compile (/app/a.js:1:1), <anonymous>:1:1)`. */
const PLACE = /(?:^\s*at (?:async )?|\()((?:file:\/\/|\/|[A-Za-z]:\\)[^<>]*?):(\d+):\d+\)?$/;

interface Place {
  readonly file: string;
  readonly line: string;
}

/**
 * Returns the innermost place of the site's own code on the stack, `src/routes.ts:12`: none of this package, of an installed one or
 * of Node. Undefined if there is none, which happens behind callbacks, and where stacks cannot be had: what calls this goes on.
 */
export function callSite(): string | undefined {
  try {
    const places = stackFrames().map(placeIn);
    // The first frame is in this file, whose folder's folder has all of this package.
    const own = places[0] && join(dirname(dirname(places[0].file)), sep);
    if (own === undefined) return undefined;
    const isSites = ({ file }: Place) => !file.startsWith(own) && !file.includes(`${sep}node_modules${sep}`);
    const site = places.find((place): place is Place => place !== undefined && isSites(place));
    return site && `${shown(site.file)}:${site.line}`;
  } catch {
    // The site may have replaced how stacks are made, and the folder it was started in may be gone.
    return undefined;
  }
}

function stackFrames(): readonly string[] {
  const { stackTraceLimit } = Error;
  try {
    Error.stackTraceLimit = FRAMES;
    return (new Error().stack ?? '').split('\n').slice(1);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** Returns where one line of a stack is, if it is in a file. */
export function placeIn(frame: string): Place | undefined {
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
