/** A request to a webhook. */
export interface WebhookRequest {
  readonly method: string;
  /** With its query: `/hooks/cms?site=1`. */
  readonly path: string;
  /** By their names in small letters; several lines are joined. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** As it came. */
  readonly body: Buffer;
}

/** How a sender signs, with HMAC-SHA-256 in hex, base64 or base64url. */
export interface SignatureScheme {
  /** Header with the signature, or several with spaces or commas between; `sha256=` or `v1,` may stand before each. */
  readonly signature: string;
  /** Header with the time of sending: seconds or milliseconds since 1970, or a date. It must be in the signed text. Default: none. */
  readonly timestamp?: string;
  /** Returns what is signed; undefined if the request cannot have been signed. */
  readonly signed: (request: WebhookRequest) => string | Buffer | undefined;
  /** Returns the key for a secret. Default: its characters. */
  readonly key?: (secret: string) => Buffer;
}

/** https://www.standardwebhooks.com, which Svix and others send. */
const STANDARD: SignatureScheme = {
  signature: 'webhook-signature',
  timestamp: 'webhook-timestamp',
  signed: ({ headers, body }) => {
    const { 'webhook-id': id = '', 'webhook-timestamp': timestamp = '' } = headers;
    return Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]);
  },
  key: (secret) => (secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret)),
};

/** GitHub's, of the body alone. */
const GITHUB: SignatureScheme = {
  signature: 'x-hub-signature-256',
  signed: ({ body }) => body,
};

/** Contentful's request verification: https://www.contentful.com/developers/docs/webhooks/request-verification/ */
const CONTENTFUL: SignatureScheme = {
  signature: 'x-contentful-signature',
  timestamp: 'x-contentful-timestamp',
  signed: ({ method, path, headers, body }) => {
    const names = (headers['x-contentful-signed-headers'] ?? '').split(',').map((name) => name.trim().toLowerCase());
    // Without this one nothing tells when it was sent.
    if (!names.includes('x-contentful-timestamp')) return undefined;
    const lines = names.map((name) => `${name}:${headers[name]?.trim() ?? ''}`);
    return Buffer.concat([Buffer.from(`${method}\n${path}\n${lines.join(';')}\n`), body]);
  },
};

/** The schemes that have a name. */
export const SCHEMES: Readonly<Record<string, SignatureScheme>> = {
  standard: STANDARD,
  github: GITHUB,
  contentful: CONTENTFUL,
};
