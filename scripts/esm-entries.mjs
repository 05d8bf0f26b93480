// Writes what the build needs beside the CommonJS that tsc has emitted: for each entry point of package.json an ES module that re-exports
// it. So there is one copy of the code and of its state, whether an application says import, require or both.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = new URL('../', import.meta.url);
const require = createRequire(root);
const { exports, sideEffects } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));

// The package says "type": "module", for its tests and scripts; what is built is CommonJS. Bundlers read sideEffects in the nearest file.
write('dist/package.json', `${JSON.stringify({ type: 'commonjs', sideEffects }, null, 2)}\n`);

for (const entry of Object.values(exports)) {
  if (typeof entry === 'string') continue; // package.json itself
  const built = entry.require.default;
  const names = namesOf(built);
  const from = `from './${basename(built)}';\n`;
  write(entry.import.default, `export { ${names.join(', ')} } ${from}`);
  write(entry.import.types, `export * ${from}`);
}

/** What a built module exports. Named one by one, a name that Node does not find in the CommonJS is an error when the entry is loaded. */
function namesOf(path) {
  const names = Object.keys(require(fileURLToPath(new URL(path, root)))).sort();
  if (names.length === 0 || names.includes('default')) {
    throw new Error(`${path} exports ${names.join(', ') || 'nothing'}: an entry point has names, and no default`);
  }
  return names;
}

function write(path, text) {
  writeFileSync(new URL(path, root), text);
}
