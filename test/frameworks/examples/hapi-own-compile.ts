import nunjucks from 'nunjucks';

// docs: hapi
const engine = {
  compile(source: string, options: { environment: nunjucks.Environment }, next: (error: null, render: object) => void) {
    const template = nunjucks.compile(source, options.environment);
    next(null, (context: object, _options: object, done: (error: unknown, html: string | null) => void) => {
      template.render(context, done);
    });
  },
};
// docs end

export const ownCompile = engine;
