// Saves a comment, and kills itself on the way: run by deaths.test.ts, on the built package. Its argument says how and where.

import Driver from 'libsql';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import pg from 'pg';
import { knexOn } from '../support/knex-sqlite.mjs';

/**
 * `place`: at which of the places on the way it dies, from 1. `memcached`: the address of the store. `pg` or `file`: the database.
 * `save`: 'knex', 'sequelize' or 'typeorm', or one of the latter with ' alone' for a save outside of a transaction.
 */
const { place, memcached, pg: postgres, file, save, level, text } = JSON.parse(process.argv[2]);

let places = 0;
let isSaving = false;
function pass() {
  if (isSaving && ++places === place) process.kill(process.pid, 'SIGKILL');
}

/** Before a call, when it was sent, and when it was answered. */
function around(object, name) {
  const method = object[name];
  object[name] = function (...args) {
    pass();
    const result = method.apply(this, args);
    pass();
    if (typeof result?.then !== 'function') return result;
    return result.then((value) => {
      pass();
      return value;
    });
  };
}
around(pg.Client.prototype, 'query');
around(MemcachedStore.prototype, 'setMany');
function openFile() {
  const database = new Driver(file, { timeout: 10_000 });
  const prepare = database.prepare.bind(database);
  database.prepare = (sql) => {
    const statement = prepare(sql);
    for (const name of ['run', 'all']) around(statement, name);
    return statement;
  };
  return database;
}

const sweeper = (outbox) => new CacheSweeper({ store: new MemcachedStore(memcached), outbox });
const connection = { ...postgres, application_name: 'dying' };

const saves = {
  async knex() {
    const { default: makeKnex } = await import('knex');
    const knex = file === undefined ? makeKnex({ client: 'pg', connection }) : knexOn(openFile());
    const own = sweeper({ knex, interval: '1h' });
    return [
      own,
      () =>
        own.transaction((t) =>
          knex.transaction(
            async (trx) => {
              await trx('comments').where({ id: 1 }).update({ text });
              t.invalidateCacheFor({ type: 'Comment', id: 1 });
              await t.writeOutbox(trx);
            },
            file === undefined ? { isolationLevel: level } : undefined,
          ),
        ),
    ];
  },
  async sequelize(isAlone) {
    const { DataTypes, Sequelize } = await import('sequelize');
    const { sweepOnSave } = await import('nunjucks-cachesweeper/sequelize');
    const dialectOptions = { application_name: 'dying' };
    const { host, user: username, database } = postgres;
    const sequelize = new Sequelize({
      dialect: 'postgres',
      dialectModule: pg,
      host,
      username,
      database,
      dialectOptions,
      logging: false,
    });
    const Comment = sequelize.define('Comment', { text: DataTypes.TEXT }, { tableName: 'comments', timestamps: false });
    const own = sweeper({ interval: '1h' });
    sweepOnSave(sequelize, own);
    const update = (transaction) => Comment.update({ text }, { where: { id: 1 }, transaction });
    const isolationLevel = level.toUpperCase();
    return [own, () => (isAlone ? update(null) : sequelize.transaction({ isolationLevel }, update))];
  },
  async typeorm(isAlone) {
    const { DataSource, EntitySchema } = await import('typeorm');
    const { sweepOnSave } = await import('nunjucks-cachesweeper/typeorm');
    class Comment {}
    const { host, user: username, database } = postgres;
    const source = await new DataSource({
      type: 'postgres',
      host,
      username,
      database,
      applicationName: 'dying',
      entities: [
        new EntitySchema({
          name: 'Comment',
          target: Comment,
          tableName: 'comments',
          columns: { id: { type: 'integer', primary: true }, text: { type: 'text' } },
        }),
      ],
    }).initialize();
    const own = sweeper({ interval: '1h' });
    sweepOnSave(source, own);
    const update = (manager) => manager.update(Comment, { id: 1 }, { text });
    return [own, () => (isAlone ? update(source.manager) : source.transaction(level.toUpperCase(), update))];
  },
};

const [how, alone] = save.split(' ');
const [own, run] = await saves[how](alone !== undefined);
// Nothing is new to it any more: connections, prepared statements.
isSaving = true;
await run();
await own.idle();
process.stdout.write(String(places), () => process.exit(0));
