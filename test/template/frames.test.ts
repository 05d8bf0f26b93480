import fc from 'fast-check';
import nunjucks from 'nunjucks';
import { describe, expect, test } from 'vitest';
import type { Frame, FrameClass } from '../../src/template/nunjucks.ts';
import { asPageFrame, pageFrame } from '../../src/template/run/page-frame.ts';
import { sized } from '../support/long.ts';

const NunjucksFrame = (nunjucks as unknown as { readonly runtime: { readonly Frame: FrameClass } }).runtime.Frame;
const PageFrame = pageFrame(NunjucksFrame, { reading: undefined });

/** A few names, so that frames hide and overwrite each other's variables. */
const name = fc.constantFrom('a', 'b', 'loop', 'loop.index', 'loop.last', 'a.b', 'a.b.c', '__proto__', 'toString');
const value = fc.constantFrom<unknown>(0, 1, 'text', null, undefined, false);
const step = fc.oneof(
  fc.record({ op: fc.constant('set' as const), name, value, up: fc.boolean() }),
  fc.record({ op: fc.constant('push' as const), isolated: fc.boolean() }),
  fc.record({ op: fc.constant('pop' as const) }),
);

/** What a sequence of steps shows: each variable after each step, and the errors. */
function shown(first: Frame, steps: readonly (typeof step extends fc.Arbitrary<infer T> ? T : never)[]): unknown[] {
  let frame = first;
  return steps.map((each) => {
    try {
      if (each.op === 'push') frame = frame.push(each.isolated);
      else if (each.op === 'pop') frame = frame.parent ?? frame;
      else frame.set(each.name, each.value, each.up);
    } catch (error) {
      return String(error);
    }
    const seen = ['a', 'b', 'loop', 'toString', '__proto__'].map((known) => frame.lookup(known));
    return JSON.stringify([seen, frame.variables, frame.resolve('a', true) === frame, frame.topLevel]);
  });
}

describe('the frames of a page', () => {
  test('set, show and hide variables as those of Nunjucks do', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        expect(shown(new PageFrame(), steps)).toEqual(shown(new NunjucksFrame(), steps));
      }),
      { numRuns: sized(500, 2_000, 2_000) },
    );
  });

  test('take over the variables and the level of the frame that Nunjucks begins a template with', () => {
    const parent = new NunjucksFrame();
    parent.set('outer', 1);
    const frame = parent.push(true);
    frame.topLevel = true;
    frame.set('own', 2);
    const own = asPageFrame(PageFrame, frame);
    expect([own.lookup('outer'), own.lookup('own'), own.topLevel, own.isolateWrites]).toEqual([1, 2, true, true]);
    frame.set('later', 3);
    expect(own.lookup('later')).toBe(3);
    expect(asPageFrame(PageFrame, own)).toBe(own);
  });

  test('forget names when there are too many, and set them all the same', () => {
    for (let i = 0; i < 2_000; i++) new PageFrame().set(`name${i}.part`, i);
    const frame = new PageFrame();
    frame.set('name0.part', 'still set');
    expect(frame.lookup('name0')).toEqual({ part: 'still set' });
    expect(frame.push().push()).toBeInstanceOf(PageFrame);
  });
});
