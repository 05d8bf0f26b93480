/** What egg-security 3.8 adds to each form. */
const INPUT_CSRF = '\r\n<input type="hidden" name="_csrf" value="{{ctx.csrf}}" /></form>';

/** Egg's `app.injectCsrf` and `app.injectNonce`, as egg-security 3.8 has them. */
export const security = {
  injectCsrf: (source: string): string =>
    source.replace(/(<form.*?>)([\s\S]*?)<\/form>/gi, (_, form: string, body: string) =>
      /name=["']_csrf["']/.test(body) ? `${form}${body}</form>` : `${form}${body}${INPUT_CSRF}`,
    ),
  injectNonce: (source: string): string =>
    source.replace(/<script(.*?)>([\s\S]*?)<\/script[^>]*?>/gi, (_, attributes: string, code: string) => {
      const nonce = attributes.includes('nonce=') ? '' : ' nonce="{{ctx.nonce}}"';
      return `<script${attributes}${nonce}>${code}</script>`;
    }),
};
