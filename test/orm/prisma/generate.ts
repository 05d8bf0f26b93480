import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const prisma = fileURLToPath(new URL('../../../node_modules/prisma', import.meta.url));

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

/**
 * The client that `prisma generate` makes of the schema beside this file. Generating takes a second, so what was made of the same schema by
 * the same version is taken again, whichever test file or run made it.
 */
export async function generate(provider: 'sqlite' | 'postgresql'): Promise<PrismaClientClass> {
  const schema = readFileSync(new URL('schema.prisma', import.meta.url), 'utf8').replace('"sqlite"', `"${provider}"`);
  const version = readFileSync(`${prisma}/package.json`, 'utf8');
  const made = createHash('sha256').update(version).update(schema).digest('hex').slice(0, 12);
  const folder = fileURLToPath(new URL(`../../../build/prisma-${provider}-${made}`, import.meta.url));
  if (!existsSync(folder)) make(schema, folder);
  return ((await import(`${folder}/client/client.ts`)) as { PrismaClient: PrismaClientClass }).PrismaClient;
}

/** Test files run at one time: each makes it in a folder of its own, and who is first gives it its name. */
function make(schema: string, folder: string): void {
  mkdirSync(dirname(folder), { recursive: true });
  const own = mkdtempSync(`${folder}-`);
  writeFileSync(`${own}/schema.prisma`, schema);
  execFileSync(process.execPath, [`${prisma}/build/index.js`, 'generate', '--schema', `${own}/schema.prisma`], {
    // Generating needs no engine, yet the command line wants to download one unless it is told that there is one.
    env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  try {
    renameSync(own, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
    rmSync(own, { recursive: true });
  }
}
