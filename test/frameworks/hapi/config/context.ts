import { readFileSync } from 'node:fs';
import type { Request } from '@hapi/hapi';

declare module '@hapi/yar' {
  interface YarFlashes {
    notice: string;
  }
}

const manifestPath = new URL('../assets-manifest.json', import.meta.url);
let webpackManifest: Record<string, string> | undefined;

/** The variables of every page: vision calls this for each. */
export function context(request: Request | null): object {
  webpackManifest ??= JSON.parse(readFileSync(manifestPath, 'utf8')) as Record<string, string>;
  return {
    serviceName: 'Blog',
    navigation: ['/', '/articles/1'].map((url) => ({ text: `Page ${url}`, url, isActive: request?.path === url })),
    visitor: request?.yar.get('visitor') ?? null,
    getAssetPath(asset: string) {
      return `/public/${webpackManifest?.[asset] ?? asset}`;
    },
  };
}
