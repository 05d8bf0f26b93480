declare module '@hapi/crumb' {
  import type { Plugin } from '@hapi/hapi';

  const crumb: { readonly plugin: Plugin<{ cookieOptions: { isSecure: boolean } }> };
  export default crumb;
}
