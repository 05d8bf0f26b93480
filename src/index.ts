export { CacheSweeperError, type CacheSweeperErrorCode } from './errors.ts';
export type { ModelIdentity } from './fragment/identity.ts';
export type { KeyModel, KeyParts } from './fragment/key.ts';
export { type CacheSweeperOptions, DEFAULT_PRIVATE_NAMES, type PageContext } from './options.ts';
export type { FragmentReport, RenderReport, UncachedReason } from './render/report.ts';
export type { TagStats } from './render/stats.ts';
export { CacheSweeper, type CacheSweeperStats, type InvalidateOptions } from './sweeper.ts';
export type { NunjucksEnvironment } from './template/nunjucks.ts';
