// A process that writes and reads a file which another one uses at the same time. It sends what it has seen to the test, and ends.
import knex from 'knex';
import Dialect from 'knex/lib/dialects/better-sqlite3/index.js';
import Driver from 'libsql';
import { SqlStore } from 'nunjucks-cachesweeper/sql';

const [filename, name, other, rounds] = process.argv.slice(2);
class Libsql extends Dialect {
  _driver() {
    return Driver;
  }
}
const site = knex({ client: Libsql, connection: { filename }, useNullAsDefault: true });
const store = new SqlStore(site);
const call = { timeout: 10_000 };
const item = (key, value) => ({ key, value: Buffer.from(value), ttl: 0 });
const numberOf = (answer) => (answer.state === 'found' ? Number(Buffer.from(answer.value)) : answer.state);

const seen = { added: [], unacknowledged: 0, ownLost: 0, otherWentBack: 0, unknown: 0 };
let last = 0;
for (let round = 1; round <= Number(rounds); round++) {
  const [isSet] = await store.setMany('token', [item(name, String(round)), item(`${name}2`, String(round))], call);
  if (!isSet) seen.unacknowledged++;
  const [own, others] = (await store.getMany('token', [name, other], call)).map(numberOf);
  if (own === 'unknown' || others === 'unknown') seen.unknown++;
  if (own !== round) seen.ownLost++;
  if (others < last) seen.otherWentBack++;
  if (typeof others === 'number') last = others;
  const [added] = await store.addMany('entry', [item(`round${round}`, name)], call);
  if (added === 'added') seen.added.push(round);
}
await store.close();
await site.destroy();
// It ends when the test has heard it: an end may be heard before what was said last.
process.send({ ...seen, busy: store.stats().busy });
