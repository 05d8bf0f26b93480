import type { ServerResponse } from 'node:http';
import { text } from './header-text.ts';

/** Cache-Control for answers that belong to one visitor. */
export const PRIVATE = 'private, no-cache';

/** Response headers that speak to one visitor: whoever else got them would have that session, or would lose theirs. */
const FOR_ONE_VISITOR = ['set-cookie', 'clear-site-data', 'www-authenticate', 'authentication-info'] as const;

/** Response headers that speak to one visitor, other than Set-Cookie. */
export function speaksToOne(has: (name: string) => boolean): 'set-cookie' | 'personal header' | undefined {
  const name = FOR_ONE_VISITOR.find(has);
  return name === undefined || name === 'set-cookie' ? name : 'personal header';
}

/** Names in Vary that stand for a visitor. An answer that varies by one belongs to that visitor. */
const PERSONAL_VARY = /(?:^|[\s,])(?:\*|cookie|authorization)(?:$|[\s,])/i;

/** Whether an answer with this Vary belongs to one visitor. */
export function variesByVisitor(vary: string): boolean {
  return PERSONAL_VARY.test(vary);
}

/**
 * Headers that let only proxies and CDNs keep an answer, whatever its Cache-Control says, or that tell them under which tags:
 * those of RFC 9213, Fastly, Cloudflare, Varnish, Akamai, nginx, LiteSpeed and others.
 */
const FOR_SHARED_CACHES =
  /^(?:surrogate-.+|(?:.+-)?cdn-cache-control|(?:.+-)?cache-tags?|xkey|edge-control|x-accel-expires|x-litespeed-(?:cache-control|tag))$/;

/** Directives that keep proxies away; with a list of fields (`private="x"`) only these are meant. */
const KEEPS_AWAY = /(?:^|,)\s*(?:private|no-store)\s*(?:$|,)/i;

/** Marks an answer as one visitor's own, for all caches on the way. A Cache-Control that says so already stays. */
export function makePrivate(response: ServerResponse): void {
  if (!KEEPS_AWAY.test(text(response.getHeader('cache-control')))) response.setHeader('Cache-Control', PRIVATE);
  dropForShared(response);
  response.removeHeader('Expires');
}

/** A directive, with its argument. */
const DIRECTIVE = /(?:[^,"]|"(?:[^"\\]|\\.)*")+/g;
/** Directives that speak to shared caches. */
const SHARED = /^\s*(?:public|s-maxage|proxy-revalidate|private)\s*(?:=|$)/i;

/** Leaves an answer to browsers alone: for as long as it says, but no cache on the way may keep it. */
export function keepFromShared(response: ServerResponse): void {
  const control = text(response.getHeader('cache-control'));
  if (!KEEPS_AWAY.test(control)) {
    const kept = (control.match(DIRECTIVE) ?? []).filter((directive) => !SHARED.test(directive));
    response.setHeader('Cache-Control', ['private', ...kept.map((directive) => directive.trim())].join(', '));
  }
  dropForShared(response);
}

/** Leaves an answer to no cache, a browser's included, and lets nobody ask whether it is still the same. */
export function keepFromAll(response: ServerResponse): void {
  response.setHeader('Cache-Control', 'no-store');
  for (const name of ['Expires', 'ETag', 'Last-Modified']) response.removeHeader(name);
  dropForShared(response);
}

function dropForShared(response: ServerResponse): void {
  for (const name of response.getHeaderNames()) {
    if (FOR_SHARED_CACHES.test(name.toLowerCase())) response.removeHeader(name);
  }
}
