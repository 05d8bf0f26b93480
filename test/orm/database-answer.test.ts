import { expect, test } from 'vitest';
import { isDatabaseAnswer, isUnsent } from '../../src/orm/database-answer.ts';

const because = (key: string, inner: object) => Object.assign(new Error('of an ORM'), { [key]: inner });

test.each([
  ['a duplicate key of PostgreSQL', { code: '23505', severity: 'ERROR' }],
  ['one in an error of Sequelize', because('original', { code: '23505', severity: 'ERROR' })],
  ['one in an error of TypeORM', because('driverError', { code: '23505', severity: 'ERROR' })],
  ['a statement that the server has cancelled', { code: '57014', severity: 'ERROR' }],
  ['a duplicate key of MySQL', { code: 'ER_DUP_ENTRY', errno: 1062, sqlState: '23000' }],
  ['a constraint of SQLite', { code: 'SQLITE_CONSTRAINT_UNIQUE' }],
  ['a unique constraint of Prisma', { code: 'P2002' }],
  ['a foreign key of Prisma', { code: 'P2003' }],
])('%s is an answer of the database', (_, error) => {
  expect(isDatabaseAnswer(error)).toBe(true);
});

const circle: { cause?: unknown } = {};
circle.cause = circle;

test.each([
  ['a connection that was reset', { code: 'ECONNRESET' }],
  ['a pipe that broke, whose code has five letters', { code: 'EPIPE' }],
  ['a time limit of the client', new Error('Query read timeout')],
  ['a server that is shut down', { code: '57P01', severity: 'FATAL' }],
  ['an unknown completion', { code: '40003', severity: 'ERROR' }],
  ['a connection that MySQL lost', { code: 'PROTOCOL_CONNECTION_LOST' }],
  ['a time limit of Prisma', { code: 'P2028' }],
  ['a pool of Prisma that is empty', { code: 'P2024' }],
  ['what is no error', undefined],
  ['a circle', circle],
])('%s is none', (_, error) => {
  expect(isDatabaseAnswer(error)).toBe(false);
});

test.each([
  ['a port where nothing listens', { code: 'ECONNREFUSED' }],
  ['one in an error of Sequelize', because('parent', { code: 'ECONNREFUSED' })],
  ['a pool of Knex that is full', new Error('Knex: Timeout acquiring a connection. The pool is probably full.')],
  ['a value that Knex lacks', new Error('Undefined binding(s) detected when compiling UPDATE.')],
  ['a pool of Prisma that is empty', { code: 'P2024' }],
  ['what Prisma refuses', Object.assign(new Error('of Prisma'), { name: 'PrismaClientValidationError' })],
  ['a mistake of the site', new TypeError('Cannot read properties of undefined')],
])('%s says that nothing was sent', (_, error) => {
  expect(isUnsent(error)).toBe(true);
});

test.each([
  ['a connection that was reset', { code: 'ECONNRESET' }],
  ['a time limit of a query of Knex', new Error('Defined query timeout of 50ms exceeded when running query.')],
  ['a server that is shut down', { code: '57P01', severity: 'FATAL' }],
  ['what is no error', undefined],
  ['a circle', circle],
])('%s does not say that nothing was sent', (_, error) => {
  expect(isUnsent(error)).toBe(false);
});
