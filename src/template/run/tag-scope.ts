import type { RootKind } from '../../reads/read-node.ts';
import type { Scope, World } from '../../reads/world.ts';
import type { Context, Frame } from '../nunjucks.ts';
import { NotThere } from './not-there.ts';
import { macroOf } from './page-runtime.ts';

/** The JavaScript variables of a compiled template that a tag received. */
export interface Handed {
  readonly names: readonly string[];
  readonly values: readonly unknown[];
}

/** The values visible where a tag stands, looked up as Nunjucks would. */
export class TagScope implements Scope {
  readonly world: World;
  readonly models: readonly object[];
  contents?: (object: object) => readonly unknown[];
  readonly #context: Context;
  readonly #frame: Frame;
  readonly #handed: Handed;

  constructor(world: World, models: readonly object[], context: Context, frame: Frame, handed: Handed) {
    this.world = world;
    this.models = models;
    this.#context = context;
    this.#frame = frame;
    this.#handed = handed;
  }

  read(kind: RootKind, name: string): unknown {
    const value = this[kind](name);
    NotThere.refuse(value);
    return value;
  }

  scope(name: string): unknown {
    const own = this.#frame.lookup(name);
    return own !== undefined ? own : this.#context.lookup(name);
  }

  variable(name: string): unknown {
    return this.#handed.values[this.#handed.names.indexOf(name)];
  }

  context(name: string): unknown {
    return this.#context.lookup(name);
  }

  global(name: string): unknown {
    return (this.#context.env.globals as Readonly<Record<string, unknown>>)[name];
  }

  helper(name: string): unknown {
    const { filters, tests } = this.#context.env;
    return (name.startsWith('|') ? filters : tests)[name.slice(1)];
  }

  ofMacro(macro: object, name: string): { readonly value: unknown } | undefined {
    const found = macroOf(macro);
    return found && { value: found.context.lookup(name) };
  }
}
