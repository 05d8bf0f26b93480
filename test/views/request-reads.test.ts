import { expect, test } from 'vitest';
import type { AddressRecord } from '../../src/views/http/stored-view.ts';
import { foundFor } from '../../src/views/reads/address-reads.ts';
import { RequestReads } from '../../src/views/reads/request-reads.ts';
import type { RequestValues } from '../../src/views/reads/request-values.ts';
import { PERSONAL } from '../../src/views/reads/value-text.ts';

/** Everything that is read belongs to a visitor. */
const values = { models: [], text: () => PERSONAL, textOf: () => PERSONAL } as unknown as RequestValues;

function reads(): RequestReads {
  return new RequestReads(values, () => true, undefined);
}

test('what was copied for a page of ours counts only as far as the page looks it up', () => {
  const recorded = reads();
  recorded.whileCopying(() => {
    recorded.copies(['user']);
    recorded.readLocal('locals', 'user', 'ann');
    recorded.pageBegins({ user: 'ann' });
  });
  recorded.close();
  expect(recorded.reason).toBeUndefined();
});

test('what was copied and never rendered by us counts whole, whatever code ends the recording', () => {
  const recorded = reads();
  recorded.whileCopying(() => {
    recorded.copies(['user']);
    recorded.readLocal('locals', 'user', 'ann');
  });
  recorded.silently(() => recorded.close());
  expect([recorded.reason, recorded.detail]).toEqual(['personal', 'locals.user']);
});

test('whoever asks once more than a renderer does wants to know', () => {
  const recorded = reads();
  recorded.whileCopying(() => {
    recorded.copies(['user']);
    recorded.readLocal('locals', 'user', 'ann');
    recorded.readLocal('locals', 'user', 'ann');
    recorded.pageBegins({ user: 'ann' });
  });
  expect(recorded.reason).toBe('personal');
});

test('what a request has is asked for once, also where that keeps it from the cache', () => {
  const asked: string[] = [];
  const text = (name: string) => {
    asked.push(name);
    return name === 'req.user' ? PERSONAL : 'x';
  };
  const record = { reads: ['req.lang', 'req.user', 'req.zone'], stored: [] } as unknown as AddressRecord;
  expect(foundFor(record, { text })).toEqual({ reason: 'personal', read: 'req.user' });
  expect(asked).toEqual(record.reads);
});
