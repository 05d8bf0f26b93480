import { isObject } from '../../reads/objects.ts';
import type { Frame, FrameClass } from '../nunjucks.ts';
import type { OpenHoles } from './open-holes.ts';

/** Limit of names whose steps are remembered. They are written in templates, so a site has some hundred. */
const MAX_NAMES = 1_000;

const known = new Map<string, readonly string[]>();

/** Splits a name at its dots. Nunjucks sets `loop.index` and six more of the kind for each element of a loop. */
function stepsOf(name: string): readonly string[] {
  let steps = known.get(name);
  if (steps === undefined) {
    steps = name.split('.');
    if (known.size >= MAX_NAMES) known.clear();
    known.set(name, steps);
  }
  return steps;
}

/**
 * Makes the class of a page's frames: Nunjucks' own, with a faster `set`. Nunjucks splits the name at each call, which
 * takes a quarter of the time of a page with loops; remembered names take a sixth of that. Where somebody replaced
 * `Frame.prototype.set`, that function is not called.
 *
 * @param fragments tells which body is being rendered
 */
export function pageFrame(
  Frame: FrameClass,
  fragments: {
    readonly reading:
      | { hold(name: string, value: unknown): void; readonly holes?: Pick<OpenHoles, 'look'> | undefined }
      | undefined;
  },
): FrameClass {
  return class PageFrame extends Frame {
    override set(name: string, value: unknown, resolveUp?: boolean): void {
      // A loop variable, a macro's parameter and others are JavaScript variables, which the template uses without a
      // lookup. Most of what is set are the numbers of a loop.
      if (isObject(value)) fragments.reading?.hold(name, value);
      else if (typeof value === 'string') fragments.reading?.holes?.look(value);
      const steps = stepsOf(name);
      const [first] = steps as readonly [string];
      const holder = resolveUp ? this.resolve(first, true) : undefined;
      if (holder) return holder.set(name, value);
      let { variables } = this;
      for (let i = 0; i < steps.length - 1; i++) {
        const step = steps[i] as string;
        variables[step] ||= {};
        variables = variables[step] as Record<string, unknown>;
      }
      variables[steps[steps.length - 1] as string] = value;
    }

    override push(isolateWrites?: boolean): Frame {
      return new PageFrame(this, isolateWrites);
    }
  };
}

/** Returns a frame of the class with the same variables. Nunjucks makes the first frame of each template itself. */
export function asPageFrame(PageFrame: FrameClass, frame: Frame): Frame {
  const isOwn: boolean = frame instanceof PageFrame;
  if (isOwn) return frame;
  const own = new PageFrame(frame.parent, frame.isolateWrites);
  own.topLevel = frame.topLevel;
  own.variables = frame.variables;
  return own;
}
