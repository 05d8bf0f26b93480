import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = new URL('../../', import.meta.url);
const described = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));

test('installing the package installs no ORM: they are optional peers, and no dependencies', () => {
  for (const orm of ['sequelize', 'typeorm', '@prisma/client', 'knex']) {
    expect(described.peerDependencies).toHaveProperty([orm]);
    expect(described.peerDependenciesMeta[orm]).toEqual({ optional: true });
    expect(described.dependencies).not.toHaveProperty([orm]);
  }
});

test.each(['sequelize', 'typeorm', 'prisma', 'knex'])(
  'the entry point ./%s loads where no ORM is installed',
  (name) => {
    const entry = new URL(described.exports[`./${name}`].require.default, root);
    // Each module of it that is no file of the package fails to load, as where nothing is installed.
    const program = `
    const Module = require('node:module');
    const resolve = Module._resolveFilename;
    Module._resolveFilename = function (specifier, ...rest) {
      if (/sequelize$|typeorm$|prisma|knex$/.test(specifier) && !/^[./]/.test(specifier)) throw new Error('asked for ' + specifier);
      return resolve.call(this, specifier, ...rest);
    };
    const { sweepOnSave } = require(${JSON.stringify(fileURLToPath(entry))});
    console.log(typeof sweepOnSave);`;
    const output = execFileSync(process.execPath, ['--input-type=commonjs', '--eval', program], {
      encoding: 'utf8',
      cwd: root,
    });
    expect(output.trim()).toBe('function');
  },
);
