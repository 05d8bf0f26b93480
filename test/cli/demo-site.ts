import express from 'express';
import { createSweeper } from '../../demo/sweeper.ts';
import { createEnvironment } from '../../demo/templates.ts';
import { root } from './support.ts';

/** The demo's environment, as `--config` takes it. */
export default () => {
  const env = createEnvironment(express());
  // The demo looks for its templates from where it is compiled to.
  const { loaders } = env as unknown as { readonly loaders: readonly { searchPaths: string[] }[] };
  for (const loader of loaders) loader.searchPaths = [`${root}templates`];
  return createSweeper(() => {}).install(env);
};
