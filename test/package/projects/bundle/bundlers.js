import commonjs from '@rollup/plugin-commonjs';
import json from '@rollup/plugin-json';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import * as esbuild from 'esbuild';
import { rollup } from 'rollup';
import webpack from 'webpack';

const entry = 'src/site.js';
/** Nunjucks has use for it when it watches templates. */
const LEFT_OUT = ['chokidar', 'fsevents'];
/** Express requires modules of Node while it runs, which an ES module of esbuild cannot without this. */
const REQUIRE = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

const withEsbuild = (file, options) =>
  esbuild.build({
    entryPoints: [entry],
    outfile: file,
    bundle: true,
    platform: 'node',
    external: LEFT_OUT,
    logLevel: 'silent',
    ...options,
  });

/** One graph of modules for both kinds: reading it takes most of the time. */
let rolled;

async function withRollup(file, format) {
  const plugins = [nodeResolve({ preferBuiltins: true }), commonjs(), json()];
  rolled ??= rollup({ input: entry, plugins, external: LEFT_OUT, onwarn() {} });
  await (await rolled).write({ file, format, inlineDynamicImports: true });
}

function withWebpack(file, { output, externals = [], ...options }) {
  const configuration = {
    mode: 'production',
    target: 'node20',
    optimization: { minimize: false },
    entry: `./${entry}`,
    ...options,
    output: { ...output, path: import.meta.dirname, filename: file },
    externals: [...LEFT_OUT.map((name) => ({ [name]: `node-commonjs ${name}` })), ...externals],
  };
  return new Promise((resolve, reject) => {
    webpack(configuration, (error, stats) => {
      if (error ?? stats.hasErrors()) reject(error ?? new Error(stats.toString({ all: false, errors: true })));
      else resolve();
    });
  });
}

const ES_MODULE = {
  experiments: { outputModule: true },
  output: { module: true, library: { type: 'module' }, chunkFormat: 'module' },
};
/** What webpack 4 knows of packages. */
const OLD = { resolve: { exportsFields: [] } };
const leftOut =
  (isLeftOut) =>
  ({ request }, done) =>
    isLeftOut(request) ? done(null, `commonjs ${request}`) : done();

/** Each makes one file of the site and of all that it uses. */
export const BUNDLES = {
  'esbuild to CommonJS': ['build/esbuild.cjs', (file) => withEsbuild(file, { format: 'cjs' })],
  'esbuild to CommonJS, minified': ['build/minified.cjs', (file) => withEsbuild(file, { format: 'cjs', minify: true })],
  'esbuild with mainFields': ['build/fields.cjs', (file) => withEsbuild(file, { mainFields: ['module', 'main'] })],
  'esbuild with packages left out': ['build/left-out.cjs', (file) => withEsbuild(file, { packages: 'external' })],
  'esbuild to an ES module': [
    'build/esbuild.mjs',
    (file) => withEsbuild(file, { format: 'esm', banner: { js: REQUIRE } }),
  ],
  'rollup to CommonJS': ['build/rollup.cjs', (file) => withRollup(file, 'cjs')],
  'rollup to an ES module': ['build/rollup.mjs', (file) => withRollup(file, 'es')],
  'webpack to CommonJS': ['build/webpack.cjs', (file) => withWebpack(file, {})],
  'webpack to an ES module': ['build/webpack.mjs', (file) => withWebpack(file, ES_MODULE)],
  // The way of docs/frameworks.md for bundlers that read no `exports`.
  'webpack without exports, packages left out': [
    'build/old.cjs',
    (file) => withWebpack(file, { ...OLD, externals: [leftOut((name) => !name.startsWith('.'))] }),
  ],
};

/** Only this package is inside. */
export const bundleOld = () =>
  withWebpack('build/unread.cjs', {
    ...OLD,
    externals: [leftOut((name) => !/^(\.|nunjucks-cachesweeper)/.test(name))],
  });
