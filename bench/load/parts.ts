import nunjucks from 'nunjucks';
import { CacheSweeper, type CacheSweeperOptions } from 'nunjucks-cachesweeper';

/** Ways to say that a part is off; the first that this version of the package knows counts. */
const OFF: readonly (readonly [option: string, values: readonly unknown[]])[] = [
  ['wait', ['0s', false, 0]],
  ['early', [0]],
];

/** The options that switch off what is measured, as far as this version has them. */
export function switchedOff(): CacheSweeperOptions {
  const options: Record<string, unknown> = {};
  for (const [option, values] of OFF) {
    const value = values.find((one) => isOption({ [option]: one }));
    if (value !== undefined) options[option] = value;
  }
  return options;
}

function isOption(options: object): boolean {
  try {
    new CacheSweeper(options);
    return true;
  } catch {
    return false;
  }
}

/** Whether the tag takes `stale=` in this version. */
export function hasStale(): boolean {
  const env = new CacheSweeper().install(new nunjucks.Environment(null));
  try {
    nunjucks.compile('{% cachesweeper "Article" 500 stale="1m" %}x{% endcachesweeper %}', env).render();
    return true;
  } catch {
    return false;
  }
}
