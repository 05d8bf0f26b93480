import { storeContract, TestingStore } from 'nunjucks-cachesweeper/testing';
import { describe, expect, test } from 'vitest';

describe('the testing store keeps the contract of stores', () => {
  let time = 1_800_000_000_000;
  const server = new TestingStore({ now: () => time });
  const contract = storeContract({
    create: () => new TestingStore({ now: () => time, shared: server }),
    pass: (seconds) => {
      time += seconds * 1_000;
    },
  });
  test.each(contract.map((one) => [one.title, one] as const))('%s', (_title, { run }) => run());

  test('the cases about expiry are there only for a store whose time can be passed', () => {
    const without = storeContract({ create: () => server });
    const left = contract.map(({ title }) => title).filter((title) => !without.some((one) => one.title === title));
    expect(left).toHaveLength(4);
    expect(left.every((title) => title.includes('ttl'))).toBe(true);
  });

  test('no two cases have one title', () => {
    expect(new Set(contract.map(({ title }) => title)).size).toBe(contract.length);
  });
});
