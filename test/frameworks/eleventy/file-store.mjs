import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** A store in a file, read once and written when it is closed: what one build leaves, the next one finds. */
export class FileStore {
  #file;
  #values;

  constructor(file) {
    this.#file = file;
    this.#values = new Map(existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : []);
  }

  async getMany(kind, keys) {
    return keys.map((key) => {
      const value = this.#values.get(`${kind} ${key}`);
      return value === undefined
        ? { state: 'missing' }
        : { state: 'found', value: new Uint8Array(Buffer.from(value, 'base64')) };
    });
  }

  async setMany(kind, items) {
    for (const { key, value } of items) this.#values.set(`${kind} ${key}`, Buffer.from(value).toString('base64'));
    return items.map(() => true);
  }

  async addMany(kind, items) {
    return Promise.all(
      items.map(async (item) => {
        if (this.#values.has(`${kind} ${item.key}`)) return 'exists';
        await this.setMany(kind, [item]);
        return 'added';
      }),
    );
  }

  async close() {
    writeFileSync(this.#file, JSON.stringify([...this.#values]));
  }
}
