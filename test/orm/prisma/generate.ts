import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What the tests use of a generated client. */
export interface PrismaClient {
  readonly article: Methods<{ id: number; title: string }>;
  readonly comment: Methods<{ id: number; text: string; likes: number; articleId: number }>;
  readonly tag: Methods<{ id: number; name: string }>;
  $executeRawUnsafe(sql: string): Promise<number>;
  $queryRawUnsafe(sql: string): Promise<unknown>;
  $transaction<T>(run: (tx: PrismaClient) => Promise<T>): Promise<T>;
  $transaction(writes: readonly Promise<unknown>[]): Promise<unknown[]>;
  $extends(extension: object): unknown;
  $disconnect(): Promise<void>;
}

interface Methods<Row> {
  findMany(args?: object): Promise<Row[]>;
  findUniqueOrThrow(args: object): Promise<Row>;
  create(args: object): Promise<Row>;
  createMany(args: object): Promise<unknown>;
  createManyAndReturn(args: object): Promise<Row[]>;
  update(args: object): Promise<Row>;
  updateMany(args: object): Promise<unknown>;
  updateManyAndReturn(args: object): Promise<Row[]>;
  upsert(args: object): Promise<Row>;
  delete(args: object): Promise<Row>;
  deleteMany(args?: object): Promise<unknown>;
}

export type PrismaClientClass = new (options: object) => PrismaClient;

/** Generates a client from the schema beside this file, as `prisma generate` does; test files run at one time, so each has its own. */
export async function generate(provider: 'sqlite' | 'postgresql', whose = 'suite'): Promise<PrismaClientClass> {
  const folder = new URL(`../../../build/prisma-${provider}-${whose}/`, import.meta.url);
  mkdirSync(folder, { recursive: true });
  const schema = readFileSync(new URL('schema.prisma', import.meta.url), 'utf8').replace('"sqlite"', `"${provider}"`);
  writeFileSync(new URL('schema.prisma', folder), schema);
  const prisma = fileURLToPath(new URL('../../../node_modules/prisma/build/index.js', import.meta.url));
  execFileSync(process.execPath, [prisma, 'generate', '--schema', fileURLToPath(new URL('schema.prisma', folder))], {
    // Generating needs no engine, yet the command line wants to download one unless it is told that there is one.
    env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  return ((await import(new URL('client/client.ts', folder).pathname)) as { PrismaClient: PrismaClientClass })
    .PrismaClient;
}
