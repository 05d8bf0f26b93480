/** A handler as data: what it reads of the request, when, and how it answers with that. */
export interface Program {
  readonly outer: readonly Outer[];
  readonly steps: readonly Step[];
  readonly answer: Answer;
  readonly site: SiteOptions;
}

export type Framework = 'express4' | 'express5' | 'fastify' | 'koa' | 'hapi';

/** What middleware outside of the cache leaves for the handler. */
export interface Outer {
  readonly put: 'locals' | 'property';
  readonly name: string;
  readonly from: { readonly of: 'header' | 'cookie' | 'query'; readonly name: string };
  readonly as: OuterForm;
  /** Nothing is left for a request that does not have it, or `null`. */
  readonly otherwise: 'nothing' | 'null';
}

export type OuterForm =
  | 'text'
  | 'object'
  | 'list'
  | 'map'
  | 'date'
  | 'instance'
  | 'model'
  | 'yes'
  /** A property whose getter reads the request when the handler asks for it. */
  | 'getter'
  /** A function that knows the value. */
  | 'closure'
  /** The request's headers themselves. */
  | 'headers';

/** Where a step runs: before the handler, in it, after a wait, between pieces of the body, or in what is sent around it. */
export type Stage = 'param' | 'inner' | 'handler' | 'late' | 'stream' | 'after';

export interface Step {
  readonly stage: Stage;
  readonly read: Read;
  /** Only if an earlier step found something, or nothing; `undefined` for always. */
  readonly only: { readonly step: number; readonly found: boolean } | undefined;
  /** The name is what an earlier step found, if it found a text. */
  readonly nameFrom: number | undefined;
  /** Also in a header of the response. */
  readonly inHeader: boolean;
}

export interface Read {
  readonly of: 'header' | 'cookie' | 'query' | 'address' | 'host' | 'ip' | 'locals' | 'property' | 'session';
  readonly name: string;
  readonly by: string;
  /** Through which of the framework's objects. */
  readonly at: number;
}

export interface Answer {
  readonly by: 'send' | 'json' | 'render' | 'write' | 'pipe' | 'redirect';
  readonly status: 200 | 404;
  readonly cacheControl: string | undefined;
  readonly vary: string | undefined;
  readonly template: readonly TemplatePart[];
}

/** A piece of a template that shows a variable: one of the locals, or `v0`, `v1`…, what the steps found. */
export interface TemplatePart {
  readonly variable: string;
  readonly form: 'print' | 'if' | 'field' | 'loop' | 'dump' | 'call';
  /** 0: outside of all fragments; otherwise in a fragment, in two, or in a fragment of an included template. */
  readonly depth: 0 | 1 | 2 | 3;
}

export interface SiteOptions {
  readonly placed: 'route' | 'app' | 'router';
  readonly cookies: 'default' | 'none';
  readonly query: readonly string[] | undefined;
  readonly ignoreHost: boolean;
  readonly trustProxy: boolean;
  readonly session: boolean;
  readonly store: boolean;
  /** Whether names with brackets become objects (Express). */
  readonly brackets: boolean;
}

/** A request as it goes over the wire. */
export interface Asked {
  readonly method: 'GET' | 'HEAD';
  readonly path: string;
  readonly query: readonly string[];
  readonly fragment: string;
  readonly host: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly cookies: readonly string[];
  readonly session: string | undefined;
  /** Asks whether what this visitor was sent for the address is still the same. */
  readonly conditional: 'none' | 'tag' | 'date' | 'unknown tag';
}

export interface Case {
  readonly program: Program;
  readonly asked: readonly Asked[];
}

/** The program in a few lines, for whoever reads a failure. */
export function shown({ outer, steps, answer, site }: Program): string {
  const isDefault = { placed: 'route', cookies: 'default', query: undefined, ignoreHost: false, trustProxy: false };
  const options = Object.entries(site).filter(([name, value]) => {
    return value !== false && value !== (isDefault as Record<string, unknown>)[name];
  });
  return [
    `  site: ${JSON.stringify(Object.fromEntries(options))}`,
    ...outer.map(({ put, name, from, as, otherwise }) => {
      const missing = otherwise === 'null' ? ', else null' : '';
      return `  outside: ${put}.${name} = ${as} of ${from.of} ${from.name}${missing}`;
    }),
    ...steps.map(({ stage, read, only, nameFrom, inHeader }, i) => {
      const condition = only === undefined ? '' : ` if v${only.step} is ${only.found ? 'there' : 'missing'}`;
      const name = nameFrom === undefined ? read.name : `(v${nameFrom} or ${read.name})`;
      const place = inHeader ? ', also in a header' : '';
      return `  ${stage}: v${i} = ${read.of} ${name} by ${read.by} [${read.at}]${condition}${place}`;
    }),
    `  answer: ${answer.by} ${answer.status}${answer.cacheControl ? `, Cache-Control: ${answer.cacheControl}` : ''}` +
      (answer.vary ? `, Vary: ${answer.vary}` : ''),
    ...(answer.by === 'render'
      ? answer.template.map(({ variable, form, depth }) => `  template: ${form} ${variable}, fragments: ${depth}`)
      : []),
  ].join('\n');
}
