import { badOption } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';

const HOOK = 'sweepOnSave()';

/** The versions of an ORM that this package is tested with. The hooks use what is documented nowhere. */
interface Versions {
  readonly orm: string;
  readonly major: number;
  /** The first minor version of that major one. */
  readonly minor: number;
  readonly install: string;
}

export const SEQUELIZE: Versions = { orm: 'Sequelize', major: 6, minor: 37, install: 'npm install sequelize@6' };
export const PRISMA: Versions = {
  orm: 'Prisma',
  major: 7,
  minor: 0,
  install: 'npm install prisma@7 @prisma/client@7, then npx prisma generate',
};

/**
 * Refuses a version that nobody has tried. With it, writes could go unheard without a sign.
 *
 * @param version as the ORM tells it
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION
 */
export function checkVersion({ orm, major, minor, install }: Versions, version: unknown): void {
  const [, told, toldMinor] = /^(\d+)\.(\d+)\./.exec(String(version)) ?? [];
  if (Number(told) === major && Number(toldMinor) >= minor) return;
  const got = typeof version === 'string' ? `${orm} ${version}` : 'one that does not tell its version';
  throw badOption(HOOK, `${orm} ${major}${minor === 0 ? '' : `, from ${major}.${minor} on`}`, got, { todo: install });
}

/**
 * Refuses what is no initialized `DataSource` of TypeORM 0.3 or 1. TypeORM tells its version nowhere, so this looks
 * whether all is there that the hook uses.
 *
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION
 */
export function checkDataSource(dataSource: unknown): void {
  const source = (typeof dataSource === 'object' ? dataSource : undefined) as
    | Record<string, unknown>
    | null
    | undefined;
  if (typeof source?.createQueryRunner === 'function' && source.isInitialized === undefined) {
    const got = 'isConnected' in source ? 'a Connection of an older one' : 'one that is neither';
    throw wrongTypeOrm(got);
  }
  if (source?.isInitialized !== true) {
    throw badOption(HOOK, 'a data source that is initialized, for its models', describe(dataSource), {
      todo: 'await dataSource.initialize() first',
    });
  }
  const { subscribers, entityMetadatas, createEntityManager, manager } = source;
  if (!Array.isArray(subscribers) || !Array.isArray(entityMetadatas) || typeof createEntityManager !== 'function') {
    throw wrongTypeOrm('one without a list of subscribers, a list of models or createEntityManager()');
  }
  for (const method of ['transaction', 'save', 'remove', 'softRemove', 'recover']) {
    if (typeof (manager as Record<string, unknown> | undefined)?.[method] === 'function') continue;
    throw wrongTypeOrm(`one whose manager has no ${method}()`);
  }
}

function wrongTypeOrm(got: string): Error {
  return badOption(HOOK, 'a DataSource of TypeORM 0.3 or 1', got, { todo: 'npm install typeorm@1' });
}
