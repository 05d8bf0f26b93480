import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('../../', import.meta.url);
const described = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));

test('installing the package installs no ORM: they are optional peers, and no dependencies', () => {
  for (const orm of ['sequelize', 'typeorm', '@prisma/client']) {
    expect(described.peerDependencies).toHaveProperty([orm]);
    expect(described.peerDependenciesMeta[orm]).toEqual({ optional: true });
    expect(described.dependencies).not.toHaveProperty([orm]);
  }
});

test.each(['sequelize', 'typeorm', 'prisma'])('the entry point ./%s loads where no ORM is installed', (name) => {
  const entry = new URL(described.exports[`./${name}`].default, root);
  // Every import of it that is no file of the package fails, as where nothing is installed.
  const hooks = `data:text/javascript,${encodeURIComponent(`
    export async function resolve(specifier, context, next) {
      if (/sequelize$|typeorm$|prisma/.test(specifier) && !/^[./]|^file:/.test(specifier)) throw new Error('asked for ' + specifier);
      return next(specifier, context);
    }`)}`;
  const program = `
    import { register } from 'node:module';
    register(${JSON.stringify(hooks)});
    const { sweepOnSave } = await import(${JSON.stringify(entry.href)});
    console.log(typeof sweepOnSave);`;
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
    encoding: 'utf8',
    cwd: root,
  });
  expect(output.trim()).toBe('function');
});
