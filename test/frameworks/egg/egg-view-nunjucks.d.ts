declare module 'egg-view-nunjucks/lib/engine.js' {
  import type { Environment } from 'nunjucks';

  const engine: (app: object) => Environment;
  export default engine;
}

declare module 'egg-view-nunjucks/lib/view.js' {
  const View: new (ctx: object) => { render(name: string, locals: object): Promise<string> };
  export default View;
}
