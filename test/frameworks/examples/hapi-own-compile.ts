import nunjucks from 'nunjucks';

// docs: hapi
type Render = (context: object, options: object, done: (error: Error | null, html: string | null) => void) => void;

const engine = {
  compile(source: string, options: { environment: nunjucks.Environment }, next: (error: null, render: Render) => void) {
    const template = nunjucks.compile(source, options.environment);
    next(null, (context, _options, done) => template.render(context, done));
  },
};
// docs end

export const ownCompile = engine;
