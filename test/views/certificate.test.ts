import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import express from 'express';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { cacheView } from 'nunjucks-cachesweeper/express';
import { afterAll, beforeAll, expect, test } from 'vitest';

let folder: string;
/** Makes a key and a certificate that vouches for itself. */
function identity(name: string): { readonly key: Buffer; readonly cert: Buffer } {
  const [key, cert] = ['key', 'cert'].map((kind) => join(folder, `${name}.${kind}`)) as [string, string];
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', cert];
  execFileSync('openssl', ['req', '-x509', ...made, '-subj', `/CN=${name}`, '-days', '2'], { stdio: 'pipe' });
  return { key: readFileSync(key), cert: readFileSync(cert) };
}
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cachesweeper-certificates-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

test('a page that shows whose certificate the client has is not stored, and for nobody on the way', async () => {
  const sweeper = new CacheSweeper();
  const app = express();
  app.get('/', cacheView({ sweeper, ttl: 60, cacheControl: 's-maxage=60' }), (req, res) => {
    res.send(`for ${(req.socket as TLSSocket).getPeerCertificate().subject.CN}`);
  });
  app.get('/all', cacheView({ sweeper, ttl: 60 }), (_req, res) => void res.send('for all'));
  const server = createServer({ ...identity('site'), requestCert: true, rejectUnauthorized: false }, app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const as = (who: ReturnType<typeof identity>, path: string) =>
    new Promise<(string | undefined)[]>((resolve, reject) => {
      const agent = new Agent({ ...who, rejectUnauthorized: false });
      request({ host: '127.0.0.1', port, path, agent }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part) => {
          text += part;
        });
        const { 'x-cache': cache, 'cache-control': control } = response.headers;
        response.on('end', () => resolve([text, cache as string, control]));
      })
        .on('error', reject)
        .end();
    });
  const [ann, ben] = [identity('ann'), identity('ben')];
  const own = ['miss (personal: certificate)', 'private, no-cache'];
  expect(await as(ann, '/')).toEqual(['for ann', ...own]);
  expect(await as(ben, '/')).toEqual(['for ben', ...own]);
  await as(ann, '/all');
  expect((await as(ben, '/all')).slice(0, 2)).toEqual(['for all', 'hit']);
  server.closeAllConnections();
  server.close();
  await sweeper.close();
});
