import type { Edit } from '../freshness/mutants-plugin.ts';

/** The library with one part of the rule "the key is what the body reads" taken out. */
export interface ReadMutant {
  /** The part of the rule. */
  readonly rule: string;
  readonly edits: readonly Edit[];
  /** Among the first sites that are made from this seed is one that shows it. Without it the master property takes long. */
  readonly seed?: number;
  /** What shows it every day: a file below `test/reads`, and what its tests are called. */
  readonly foundBy?: readonly [file: string, name: string];
  /** The generator has nothing that shows it: what is lost is no page but a hit, a refusal or a report. */
  readonly isBlind?: boolean;
}

const edit = (file: string, text: string, instead: string): readonly Edit[] => [{ file, text, instead }];

export const readMutants = {
  'what a body changes below a model is stored as it is after that': {
    rule: 'an entry is stored with what models held before the body, and not at all where that has changed',
    edits: edit(
      'reads/recorder.ts',
      'const changed = this.#handed.changedBelow();',
      'const changed = undefined as string | undefined;',
    ),
    foundBy: ['attacks-consumed', 'the report says why nothing is stored'],
    isBlind: true,
  },
  'what a body adds to a model is stored with it': {
    rule: 'an entry is stored with what models held before the body',
    edits: edit('reads/recorder.ts', 'this.#scope.contents = contents;', ''),
    foundBy: ['attacks-memo', 'a method of the model keeps its result'],
    isBlind: true,
  },
  'what instances hold is not searched for models': {
    rule: 'one rule for what is looked into: own data, that of instances too',
    edits: edit(
      'reads/handed-values.ts',
      'for (const item of this.#objectsIn(contents)) this.#search(',
      "if ('length' in value) for (const item of this.#objectsIn(contents)) this.#search(",
    ),
    foundBy: ['attacks-instances', 'where its method is called below a model'],
    isBlind: true,
  },
  'a variable that is looked up is not recorded': {
    rule: 'every lookup is recorded',
    edits: edit('reads/recorded-paths.ts', 'this.roots.push({ kind, node });', ''),
    seed: 1,
  },
  'a member is not recorded': {
    rule: 'a read is a path from a variable',
    edits: edit('reads/recorder.ts', 'const { nodes, isPlaceholder } = this.#objects.of(object);', 'return;'),
    seed: 1,
  },
  'loop variables and macro parameters are not handed to the tag': {
    rule: 'JavaScript-only variables are handed to the tag',
    edits: edit('template/run/tag-body.ts', 'handed.names.forEach(', '([] as string[]).forEach('),
    seed: 1,
  },
  'elements of a list are not followed': {
    rule: 'elements of a list that is looped over are followed',
    edits: edit(
      'reads/content-reads.ts',
      'for (const element of elements) {',
      'for (const element of [] as unknown[]) {',
    ),
    seed: 1,
  },
  'a list is not compared by its elements': {
    rule: 'elements of a list: their number, their kinds, and the values of those that are no objects',
    edits: edit('reads/content-reads.ts', 'node.list = true;\n        this.#seen', 'this.#seen'),
    seed: 1,
  },
  'of a list the first element is compared': {
    rule: 'elements of a list: their number',
    edits: edit(
      'reads/walk.ts',
      'if (!this.sink.add(`${value.length}:`)) return false;\n    const { each } = node;\n    for (let i = 0; i < value.length; i++) {',
      'const { each } = node;\n    for (let i = 0; i < Math.min(value.length, 1); i++) {',
    ),
    seed: 1,
  },
  'a list that is only printed is not compared by its elements': {
    rule: 'a list whose text is used is compared by its elements',
    edits: edit(
      'reads/content-reads.ts',
      'if (Array.isArray(value)) this.#elements(node, value, true);',
      'if (Array.isArray(value)) return;',
    ),
    seed: 50,
  },
  'what a macro looks up in its own template is not recorded': {
    rule: 'what macros read is recorded like anything else',
    edits: edit('template/run/body-reading.ts', 'if (this.#recorder.ofMacro(macro, name, value)) return;', 'return;'),
    foundBy: ['macros', 'of the including template, that reads the page'],
  },
  'a macro is not compared by its code': {
    rule: 'macros are compared by template, name and digest',
    edits: edit(
      'template/run/page-world.ts',
      'return macro.isCaller ? undefined : textOf(macro)',
      "return macro.isCaller ? undefined : 'm'",
    ),
    seed: 20,
  },
  'what an included template looks up is not recorded': {
    rule: 'the derived runtime sees every read in includes',
    edits: edit('template/run/body-reading.ts', 'else this.#found(name, value);', 'else this.#seen(value);'),
    seed: 1,
  },
  'filters and tests are no reads': {
    rule: 'every lookup is recorded',
    edits: edit('template/run/body-reading.ts', "this.#recorder.root('helper', name, called);", ''),
    foundBy: ['attacks-helpers', 'of a fragment in a body are the body’s'],
    isBlind: true,
  },
  'functions are given the page’s own context': {
    rule: 'filters, tests and globals get a recording context',
    edits: edit('template/run/body-reading.ts', 'this.#recording ??= new Map();', 'return context;'),
    seed: 9,
  },
  'a function may ask for all variables': {
    rule: 'asking the context for all variables is unseen',
    edits: edit('template/run/recording-context.ts', 'reads.all();', ''),
    foundBy: ['functions', 'that asks for everything of the page is not stored'],
  },
  'what functions are handed is not compared': {
    rule: 'what is handed to a function is compared by all of its data',
    edits: edit(
      'reads/recorder.ts',
      'hand(value: unknown): void {\n    this.#handed.hand(value);',
      'hand(_value: unknown): void {',
    ),
    seed: 3,
  },
  'an object whose method is called is not compared': {
    rule: 'for a call the read is the object it is called on',
    edits: edit(
      'reads/recorder.ts',
      'this.#handed.hand(object);\n    if (this.isFromOutside',
      'if (this.isFromOutside',
    ),
    seed: 1,
  },
  'the text of a variable is never used': {
    rule: 'text counts where a template uses a variable bare',
    edits: edit('template/compile/texts.ts', 'if (isText) texts.add(String(node.value));', ''),
    seed: 1_000,
    foundBy: ['attacks-prints', 'of a loop variable over a list that the body makes'],
  },
  'a loop variable is got without being heard': {
    rule: 'what a JavaScript variable of a template holds was got under its name',
    edits: edit(
      'template/run/page-frame.ts',
      'if (isObject(value)) fragments.reading?.hold(name, value);',
      'if (isObject(value)) fragments.reading;',
    ),
    foundBy: ['attacks-text-uses', 'a macro’s parameter'],
  },
  'a module’s text uses are forgotten where its macros are called': {
    rule: 'all templates whose code ran in a body say what they use the text of',
    edits: edit(
      'template/run/body-reading.ts',
      'new Set([macro]));\n    this.#texts.add(context);',
      'new Set([macro]));',
    ),
    foundBy: ['attacks-text-uses', 'a macro of a module'],
    isBlind: true,
  },
  'an object’s kind does not say whether it prints itself': {
    rule: 'what prints differently is not the same',
    edits: edit('reads/walk.ts', "(hasOwnText(value) && !this.sink.add('!'))", 'false'),
    foundBy: ['attacks-prints', 'inherited'],
    isBlind: true,
  },
  'what a getter of a model computes from is not compared': {
    rule: 'below a model presence is compared, of what a getter computes from as well',
    edits: edit(
      'reads/below-models.ts',
      'if (isComputed) at = this.#columns(value, at);\n    if (entries)',
      'if (entries)',
    ),
    foundBy: ['attacks-getters', 'counts by its boolean'],
    isBlind: true,
  },
  'what changes while the body is rendered is stored as it is at the end': {
    rule: 'what changes while the body is rendered is not stored',
    edits: edit('reads/recorder.ts', 'if (changed !== undefined) this.cannotSee(changed, CHANGES);', ''),
    foundBy: ['attacks-changes', 'a member of a row'],
    isBlind: true,
  },
  'what a class’s getter computes from is not compared': {
    rule: 'other instances are compared by own enumerable data',
    edits: edit('reads/walk.ts', "if (!this.sink.add('a') || !this.once(of, 0)) return false;", ''),
    seed: 6,
  },
  'a body may change what it reads': {
    rule: 'a read is its value as it can be evaluated again at the tag',
    edits: edit(
      'reads/recorded-paths.ts',
      'if (!Object.is(this.#scope[kind](node.step), node.seen)) this.cannotSee(node.step, CHANGES);',
      '',
    ),
    foundBy: ['functions', 'changes a variable that the body has read'],
  },
  'a model that is met is no dependency': {
    rule: 'a model met on the way to a read is a dependency',
    edits: edit(
      'render/fragment-maker.ts',
      'met: (identity) => this.addModels(render, body, [identity])',
      'met: () => {}',
    ),
    seed: 1,
  },
  'a model that is met is not compared by its identity': {
    rule: 'a model that is met is compared by its identity',
    edits: edit(
      'reads/value-writer.ts',
      "this.number(value) && this.sink.add(textAtom('k', name));",
      'this.number(value);',
    ),
    seed: 1,
  },
  'below a model it is not compared whether a value is there': {
    rule: 'below a model presence is compared',
    edits: edit('reads/atom.ts', 'if (value === undefined) return ABSENT;\n  if (value === null) return NULL;', ''),
    foundBy: ['covered', 'a column that was not loaded'],
  },
  'below a model booleans are not compared': {
    rule: 'below a model booleans are compared',
    edits: edit(
      'reads/atom.ts',
      'if (value === true) return TRUE;\n  return value === false ? FALSE : PRESENT;',
      'return PRESENT;',
    ),
    foundBy: ['covered', 'a boolean of the visitor’s'],
  },
  'what is one object is not told from what is two alike': {
    rule: 'cycles and repeats are references',
    edits: edit(
      'reads/value-writer.ts',
      'number(value: unknown): boolean {',
      'number(value: unknown): boolean {\n    return true;',
    ),
    foundBy: ['values', 'the identity of objects'],
  },
  'undefined is null': {
    rule: 'undefined is not null',
    edits: edit('reads/atom.ts', "return 'u';", "return 'n';"),
    foundBy: ['values', 'undefined and null'],
  },
  'a number is its text': {
    rule: 'values are compared by content and type',
    edits: edit('reads/atom.ts', "Object.is(value, -0) ? 'd-0,' : `d${value},`", "textAtom('s', String(value))"),
    foundBy: ['values', '0 and -0'],
  },
  'html that is marked safe is its text': {
    rule: 'what prints differently is not the same',
    edits: edit(
      'reads/walk.ts',
      'if (!this.number(value)) return false;\n    if (this.world.isMarkedSafe(value)) return this.safe(value);',
      'if (this.world.isMarkedSafe(value)) return this.atom(String(value));\n    if (!this.number(value)) return false;',
    ),
    seed: 90,
  },
  'for k, v goes in the order of the alphabet': {
    rule: 'order of keys counts',
    edits: edit(
      'reads/walk.ts',
      "for (const key in value) {\n      if (!this.sink.add(textAtom('k', key)))",
      "const keys: string[] = [];\n    for (const key in value) keys.push(key);\n    for (const key of keys.sort()) {\n      if (!this.sink.add(textAtom('k', key)))",
    ),
    foundBy: ['lists', 'the order of an object’s keys'],
  },
  'the keys of what a function is handed are in the order of the alphabet': {
    rule: 'order of keys counts',
    edits: edit(
      'reads/value-writer.ts',
      'const keys = Reflect.ownKeys(value);',
      'const keys = Reflect.ownKeys(value).sort();',
    ),
    foundBy: ['values', 'objects with keys in another order'],
  },
  'what a fragment inside reads is not read by the one around it': {
    rule: 'what a fragment was compared by, the body around it is compared by',
    edits: edit('render/fragment-maker.ts', 'reading.repeat(shape, call);', ''),
    foundBy: ['inputs', 'a fragment in the body'],
  },
  'what a hit inside was compared by is not read by the fragment around it': {
    rule: 'what a fragment was compared by, the body around it is compared by',
    edits: edit('render/fragments.ts', 'this.#maker.repeat(use, entry.reads);', ''),
    seed: 1,
  },
  'a row of a type that a tag inside names is data for the fragment around it': {
    rule: 'what is of a type that a tag names is a model',
    edits: edit('render/fragment-maker.ts', 'reading.typed(object, type);', ''),
    seed: 1,
  },
  'what a body sets is not set on a hit': {
    rule: 'plain values that a body sets are kept in the entry and set on a hit',
    edits: edit('render/fragments.ts', "if (entry.reads.variables !== '') call.set(entry.reads);", ''),
    foundBy: ['sets', 'a new variable'],
  },
  'entries in memory are served whatever they read': {
    rule: 'a variant of the memory tier is served if its reads hold',
    edits: edit(
      'render/fragments.ts',
      "const verdict = this.#judge(use, entry);\n      if (verdict === 'not here') return render.leaveOut();\n      if (verdict === 'pending') render.pass.assumed.push(entry);",
      "const verdict = this.#entries.judge(entry, render.reader);\n      if (verdict === 'pending') render.pass.assumed.push(entry);",
    ),
    foundBy: ['inputs', 'a variable of the page'],
  },
  'entries of this render are served whatever they read': {
    rule: 'an entry is served only where its reads would be the same',
    edits: edit(
      'render/fragments.ts',
      "const verdict = this.#judge(use, own.entry, this.#asMade);\n      if (verdict === 'not here') return render.leaveOut();",
      'const verdict = this.#entries.judge(own.entry, render.reader);',
    ),
    foundBy: ['inputs', 'one row twice on a page'],
    seed: 1,
  },
  'entries of the store are served whatever they read': {
    rule: 'an entry under the key of last time is served only if its reads hold',
    edits: edit(
      'render/fragments.ts',
      "const verdict = this.#judge(use, entry);\n    if (verdict === 'pending' || verdict === 'not here') return render.leaveOut();",
      "const verdict = this.#entries.judge(entry, render.reader);\n    if (verdict === 'pending') return render.leaveOut();",
    ),
    foundBy: ['inputs', 'a variable that is not there on the first page'],
  },
  'the key in a store has no reads in it, and entries of the store are served whatever they read': {
    rule: 'an entry stands at the key plus the digest of the values',
    edits: [
      ...edit('render/stored-keys.ts', 'if (shape === NO_READS) return', 'if (shape !== undefined) return'),
      ...edit(
        'render/fragments.ts',
        "const verdict = this.#judge(use, entry);\n    if (verdict === 'pending' || verdict === 'not here') return render.leaveOut();",
        "const verdict = this.#entries.judge(entry, render.reader);\n    if (verdict === 'pending') return render.leaveOut();",
      ),
    ],
    foundBy: ['inputs', 'a variable of the page'],
    seed: 1,
  },
  'the key in a store has no reads in it': {
    rule: 'variants are all there for another process',
    edits: edit('render/stored-keys.ts', 'if (shape === NO_READS) return', 'if (shape !== undefined) return'),
    foundBy: ['variants', 'are all there for another process'],
    isBlind: true,
  },
  'functions are trusted at once': {
    rule: 'a function of the page is trusted if it was met in an earlier render',
    edits: [
      ...edit('render/functions.ts', 'known.first === page ? undefined : known.text', 'known.text'),
      ...edit('render/functions.ts', 'return undefined;', 'return this.text(code, page);'),
    ],
    foundBy: ['functions', 'that is made for each page is never trusted'],
    isBlind: true,
  },
  'functions of one source are one': {
    rule: 'two functions of one source cannot be told apart',
    edits: edit(
      'render/functions.ts',
      '`${PROCESS}.${next++}`',
      "typeof code === 'function' ? String(code) : `${PROCESS}.${next++}`",
    ),
    foundBy: ['functions', 'is told from another of the same source'],
    isBlind: true,
  },
  'except= takes out all of the variable': {
    rule: 'except= takes out a path, and nothing beside it',
    edits: edit(
      'reads/shape-parts.ts',
      'if (below.some((path) => path.length === 0)) return undefined;',
      'return undefined;',
    ),
    foundBy: ['except', 'leaves in the key'],
    isBlind: true,
  },
  'private names are not looked for at run time': {
    rule: 'what a macro or a template chosen at run time reads of a visitor is not stored',
    edits: edit('template/run/found-reads.ts', 'if (hasPrivateRead(', 'if (false && hasPrivateRead('),
    foundBy: ['../template/private-names-elsewhere', 'a template chosen at run time that reads a private name'],
    isBlind: true,
  },
  'an argument that names a visitor need have no value': {
    rule: 'the argument that names a private value must be a value',
    edits: edit(
      'template/run/private-reads.ts',
      'return indexes.some((index) => !isSomething(keys[index], world));',
      'return false;',
    ),
    foundBy: ['private', 'and has no value keeps the fragment out of the cache'],
    isBlind: true,
  },
  'the code of the runtime is not part of a template digest': {
    rule: 'what was rendered without Jinja compatibility is not shown with it',
    edits: edit('template/run/manner.ts', 'this.#runtime.text, ', ''),
    foundBy: ['attacks-jinja', 'after install, and after the first pages'],
    isBlind: true,
  },
  'a body that leaves the template in another frame is stored': {
    rule: 'what a body does to the scope behind its tag is done on each page',
    edits: edit('template/run/tag-body.ts', 'if (!isBack)', 'if (false)'),
    foundBy: ['attacks-errors', 'caught in the body'],
    isBlind: true,
  },
  'what a called function has as its own is not compared': {
    rule: 'texts, numbers and booleans that a called function has are compared',
    edits: edit('template/run/body-reading.ts', '    this.#properties(target);\n', ''),
    foundBy: ['attacks-function-properties', 'called by its name'],
    isBlind: true,
  },
} as const satisfies Record<string, ReadMutant>;

export type ReadMutantName = keyof typeof readMutants;
