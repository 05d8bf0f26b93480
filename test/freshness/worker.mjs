// One process of a site: renders pages and saves rows, and writes down what it did. Node 20 runs no TypeScript, so this is
// JavaScript; it uses the built package, as a site does.
import { createWriteStream, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'libsql';
import nunjucks from 'nunjucks';
import { CacheSweeper, lazy, storeFromEnvironment } from 'nunjucks-cachesweeper';

/** What the test wants: see `Orders` in site-processes.ts. */
const orders = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const log = createWriteStream(orders.log);
const write = (event) => log.write(`${JSON.stringify(event)}\n`);
/** One order of events for all processes of the machine, in nanoseconds; and the time. */
const moment = () => ({ at: Number(process.hrtime.bigint()), time: Date.now() });
const chance = (probability) => Math.random() < probability;
const pick = (list) => list[Math.floor(Math.random() * list.length)];

const counts = { hits: 0, misses: 0, uncached: 0, races: 0, lost: 0, provisional: 0, unknown: 0, rejected: 0 };

/** The store, with what goes by written down. */
class WatchedStore {
  #store = storeFromEnvironment();
  #seen = new Set();

  async getMany(kind, keys, call) {
    const answers = await this.#store.getMany(kind, keys, call);
    answers.forEach(({ state }, i) => {
      if (state === 'unknown') counts.unknown++;
      if (kind !== 'token') return;
      if (state === 'found') this.#seen.add(keys[i]);
      else if (state === 'missing' && this.#seen.delete(keys[i])) counts.lost++;
    });
    return answers;
  }

  async setMany(kind, items, call) {
    if (kind === 'token') this.#minted(items);
    return this.#store.setMany(kind, items, call);
  }

  async addMany(kind, items, call) {
    if (kind === 'token') this.#minted(items);
    const answers = await this.#store.addMany(kind, items, call);
    for (const answer of answers) {
      if (kind === 'token' && answer === 'exists') counts.races++;
      if (kind === 'entry' && answer === 'added') counts.provisional++;
    }
    return answers;
  }

  close() {
    return this.#store.close();
  }

  #minted(items) {
    const when = moment();
    const names = items.map(({ key }) => key.slice(orders.namespace.length + ':1:'.length));
    write({ kind: 'minted', names, when });
  }
}

class Article {}
class Comment {}
class Author {}
const classes = { Article, Comment, Author };

const database = new Database(orders.database);
database.pragma('busy_timeout = 10000');
const selectRow = database.prepare('SELECT version FROM rows WHERE name = ?');
const updateRow = database.prepare('UPDATE rows SET version = version + 1 WHERE name = ? RETURNING version');

const env = new nunjucks.Environment(
  new (class extends nunjucks.Loader {
    getSource = (name) => ({ src: orders.templates[name], path: name, noCache: false });
  })(),
);
const sweeper = new CacheSweeper({
  store: new WatchedStore(),
  namespace: orders.namespace,
  maxDataAge: `${orders.maxDataAge}ms`,
  timeout: '500ms',
  onError: () => {},
  onRender: ({ fragments }) => {
    for (const { outcome } of fragments) counts[{ hit: 'hits', miss: 'misses', uncached: 'uncached' }[outcome]]++;
  },
});
sweeper.install(env);

function row(type, id, version) {
  return Object.assign(new classes[type](), { id, version });
}

function read(reads, type, id) {
  const name = `${type}:${id}`;
  const { version } = selectRow.get(name);
  reads.push([name, { version, when: moment() }]);
  return row(type, id, version);
}

let renders = 0;
let isOver = false;

async function renderPage(articleId) {
  const id = `${orders.process}.${renders++}`;
  const reads = [];
  const since = chance(0.5) ? { since: Date.now() } : undefined;
  const article = read(reads, 'Article', articleId);
  const author = read(reads, 'Author', 1 + (articleId % orders.authors));
  const ids = Array.from({ length: orders.comments }, (_, i) => articleId * orders.comments + i);
  const load = async () => {
    if (chance(0.3)) await sleep(Math.random() * 10);
    return ids.map((commentId) => read(reads, 'Comment', commentId));
  };
  const comments = chance(0.5) ? lazy(load) : await load().then((loaded) => () => loaded);
  // Now and then somebody needs long between reading and rendering.
  await sleep(chance(0.05) ? Math.random() * orders.maxDataAge * 0.8 : Math.random() * 5);
  const began = moment();
  const context = { by: id, article, author, comments };
  const html = await sweeper.render(env, 'page', context, since);
  write({
    kind: 'render',
    id,
    process: orders.process,
    began,
    ...since,
    reads,
    ended: moment(),
    page: JSON.parse(html),
  });
}

async function save(type, id) {
  const name = `${type}:${id}`;
  const { version } = updateRow.get(name);
  const bump = { kind: 'bump', process: orders.process, rows: [[name, version]], began: moment() };
  try {
    await sweeper.invalidateCacheFor(chance(0.2) ? classes[type] : row(type, id, version));
    bump.acknowledged = moment();
  } catch {
    bump.rejected = moment();
    counts.rejected++;
    // Tried again in the background, until it is delivered.
    await sweeper.idle();
    bump.acknowledged = moment();
  }
  write(bump);
}

async function keepSaving() {
  while (!isOver) {
    await sleep(Math.random() * 2 * orders.pauseBetweenSaves);
    const article = 1 + Math.floor(Math.random() * orders.articles);
    await pick([
      () => save('Article', article),
      () => save('Comment', article * orders.comments + Math.floor(Math.random() * orders.comments)),
      () => save('Author', 1 + (article % orders.authors)),
    ])();
  }
}

async function keepRendering() {
  // All at one time, in all processes: for the same tokens.
  for (let article = 1; article <= orders.articles; article++) await renderPage(article);
  // A process that only renders goes on until all have seen enough.
  while (renders < orders.renders || !(orders.saves || isOver))
    await renderPage(1 + Math.floor(Math.random() * orders.articles));
}

const told = (word) => new Promise((resolve) => process.on('message', (message) => message === word && resolve()));
const go = told('go');
const stop = told('stop').then(() => {
  isOver = true;
});
process.send('ready');
await go;
const saving = orders.saves ? keepSaving() : undefined;
process.on('message', (message) => message === 'count' && process.send({ counts: { ...counts, renders } }));
const rendering = Array.from({ length: orders.visitors }, keepRendering);
await stop;
await Promise.all(rendering);
await saving;
await sweeper.idle();
await sweeper.close();
await new Promise((resolve) => log.end(resolve));
// It ends when the test has heard it: an end may be heard before what was said last.
process.send({ last: counts });
