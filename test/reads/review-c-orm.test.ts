import { Sequelize, DataTypes } from 'sequelize';
import { expect, test } from 'vitest';
import { Site, T } from './support.ts';
const sequelize = new Sequelize({ dialect: 'sqlite', dialectModule: {} } as never);
const Note = sequelize.define('Note', { title: DataTypes.STRING, at: DataTypes.DATE });
for (const body of ['{{ n.title }}', '{{ n.get("title") }}', '{{ n | dump }}', '{{ n.dataValues.title }}', '{% for n in ns %}{{ n.title }}{% endfor %}']) {
  test(`sequelize: ${body}`, async () => {
    const site = new Site(T(body), 'memory');
    let i = 0;
    const make = () => Note.build({ id: 1, title: 'x', at: new Date(0) }, { isNewRecord: false, raw: true });
    do await site.show(() => ({ a: { cacheIdentity: { type: 'A', id: 1 } }, n: make(), ns: [make()] })); while (site.outcomes[0] !== 'hit' && ++i < 40);
    expect(`${i} ${site.unseen}`).toBe('1 ');
  });
}
