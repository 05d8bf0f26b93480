export type { AxiosLike } from './clients/axios.ts';
export type { GotHooks } from './clients/got.ts';
export type { SuperagentRequest } from './clients/superagent.ts';
export type { UndiciDispatch, UndiciHandler, UndiciOptions } from './clients/undici.ts';
export { type HttpModels, httpModels } from './http-models.ts';
export type { HttpModelsOptions } from './options.ts';
export type { HttpRequest, HttpRule } from './rules.ts';
