import { ormSuite } from '../suite.ts';
import { knexOnSqlite } from './database.ts';
import { ObjectionBlog, writesOfObjection } from './objection.ts';

let blog: ObjectionBlog;

ormSuite('Objection on SQLite', {
  heading: 'Objection',
  writes: writesOfObjection(() => blog),
  begins: true,
  open: async () => {
    blog = await ObjectionBlog.open(knexOnSqlite());
    return blog;
  },
});
