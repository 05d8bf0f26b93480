import fc from 'fast-check';

/** One of these, each as often as its number says. */
export function weighted<T>(...pairs: readonly (readonly [number, T])[]): fc.Arbitrary<T> {
  return fc.constantFrom(...pairs.flatMap(([weight, value]) => Array.from({ length: weight }, () => value)));
}

/** Headers that requests have and handlers read. Few, so that equal requests recur, and so that what is read is there. */
export const HEADERS: Readonly<Record<string, readonly string[]>> = {
  'x-theme': ['dark', 'light'],
  'accept-language': ['en', 'de'],
  'x-which': ['x-theme', 'accept-language', 'x-forwarded-for'],
  'x-requested-with': ['XMLHttpRequest'],
  'x-forwarded-for': ['192.0.2.1', '192.0.2.2'],
  'x-forwarded-host': ['a.example', 'b.example'],
  'x-forwarded-proto': ['https', 'http'],
  'user-agent': ['Mozilla', 'curl'],
  accept: ['text/html', 'application/json'],
  'hx-request': ['true'],
  authorization: ['Bearer ann', 'Bearer ben'],
  'if-none-match': [],
  'cache-control': ['no-cache', 'max-age=0'],
  range: ['bytes=0-3'],
  pragma: ['no-cache'],
  cookie: [],
};

export const headerNames = weighted(
  [8, 'x-theme'],
  [6, 'accept-language'],
  [2, 'x-which'],
  [1, 'x-requested-with'],
  [2, 'x-forwarded-for'],
  [2, 'x-forwarded-host'],
  [2, 'x-forwarded-proto'],
  [2, 'user-agent'],
  [1, 'accept'],
  [1, 'hx-request'],
  [1, 'authorization'],
  [1, 'if-none-match'],
  [1, 'cache-control'],
  [1, 'range'],
  [1, 'pragma'],
  [1, 'cookie'],
);

export const cookieNames = weighted([4, 'theme'], [2, 'lang'], [1, 'cart'], [1, 'visit']);

export const COOKIES: readonly string[] = [
  'theme=dark',
  'theme=light',
  'lang=en',
  'lang=de',
  'cart=ann',
  'cart=ben',
  '_ga=1',
];

export const queryNames = weighted(
  [6, 'page'],
  [2, 'q'],
  [2, 'utm_source'],
  [1, 'gclid'],
  [1, 'a'],
  [1, 'a[]'],
  [1, '[page]'],
  [1, 'a[b]'],
);

const many = Array.from({ length: 120 }, (_, i) => `utm_x${i}=${i}`);
const thousand = Array.from({ length: 1_000 }, () => 'utm_');

/** What stands behind the question mark. */
export const queries: fc.Arbitrary<readonly string[]> = weighted<readonly string[]>(
  [20, []],
  [8, ['page=1']],
  [6, ['page=2']],
  [2, ['page=1', 'q=x']],
  [2, ['q=x', 'page=1']],
  [2, ['page=1', 'page=2']],
  [4, ['utm_source=mail']],
  [3, ['utm_source=<script>', 'page=1']],
  [2, ['page=1', 'gclid=7']],
  [1, ['%75tm_source=mail', 'page=2']],
  [1, ['UTM_Source=mail', 'q=x']],
  [1, ['a[]=1']],
  [1, ['a=1', 'a[]=2']],
  [1, ['a[b]=1', 'page=1']],
  [1, ['[page]=2']],
  [1, ['%5Bpage%5D=2']],
  [1, ['utm_source[x]=1', 'page=1']],
  [1, ['q=%zz']],
  [1, ['q=a+b']],
  [1, ['q=a%20b']],
  [1, [...many, 'page=2']],
  [1, [...thousand, 'page=2']],
  [1, ['__proto__=1', 'page=1']],
);

export const hosts = weighted(
  [40, 'shop.example'],
  [2, 'SHOP.example'],
  [2, 'other.example'],
  [2, 'shop.example:8080'],
  [1, 'shop,evil'],
  [1, 'de.shop.example'],
  [1, 'shop.example.'],
);

export const paths = weighted(
  [30, '/shop/1'],
  [6, '/shop/2'],
  [1, '/shop/1/'],
  [1, '/SHOP/1'],
  [1, '/shop//1'],
  [1, '/shop/%31'],
  [1, '/shop/a%2Fb'],
);

/** What outer middleware calls what it leaves. */
export const leftNames = weighted([4, 'theme'], [3, 'lang'], [2, 'member'], [2, 'flag'], [1, 'user'], [1, 'prefs']);
