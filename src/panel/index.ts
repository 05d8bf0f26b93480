export type { PanelContext, PanelFastify } from './frameworks.ts';
export type { PanelOptions } from './options.ts';
export { Panel, panel } from './panel.ts';
