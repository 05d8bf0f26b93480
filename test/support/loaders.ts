import nunjucks from 'nunjucks';

export type Templates = Record<string, string>;

/** Templates from an object, as a loader on disk would give them. */
export class ObjectLoader extends nunjucks.Loader {
  readonly templates: Templates;

  constructor(templates: Templates) {
    super();
    this.templates = templates;
  }

  getSource(name: string): nunjucks.LoaderSource {
    const src = this.templates[name];
    return (src === undefined ? null : { src, path: name, noCache: false }) as nunjucks.LoaderSource;
  }
}

/** The same, some time later. */
export class AsyncObjectLoader extends nunjucks.Loader {
  readonly async = true;
  readonly templates: Templates;
  readonly noCache: boolean;

  constructor(templates: Templates, noCache = false) {
    super();
    this.templates = templates;
    this.noCache = noCache;
  }

  getSource(name: string, done: (error: Error | null, source: nunjucks.LoaderSource | null) => void): void {
    const src = this.templates[name];
    setImmediate(() => done(null, src === undefined ? null : { src, path: name, noCache: this.noCache }));
  }
}
