import type { Sequelize } from 'sequelize';
import type { OutboxDatabase } from '../outbox/database.ts';

/** Dialects that an outbox can be in, and whether a transaction can be told its isolation level. */
const DIALECTS: ReadonlyMap<string, boolean> = new Map([
  ['postgres', true],
  ['mysql', true],
  ['mariadb', true],
  ['sqlite', false],
]);

/** Returns the database of a Sequelize instance for an outbox; undefined for a dialect that it cannot be in. */
export function sequelizeDatabase(sequelize: Sequelize): OutboxDatabase | undefined {
  const hasLevels = DIALECTS.get(sequelize.getDialect());
  if (hasLevels === undefined) return undefined;
  // It is replaced later by one that tells the sweeper of its transactions.
  const begin = sequelize.transaction.bind(sequelize);
  return {
    // A SELECT gives its rows, any other statement what its driver gives.
    async query(sql) {
      const [rows] = hasLevels
        ? await begin({ isolationLevel: 'READ COMMITTED' as never, logging: false }, (transaction) =>
            sequelize.query(sql, { transaction, logging: false }),
          )
        : await sequelize.query(sql, { transaction: null, logging: false });
      return rows;
    },
    // `close()` puts another method there.
    isOpen: () => !Object.hasOwn(sequelize.connectionManager, 'getConnection'),
  };
}
