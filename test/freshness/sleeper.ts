/** What the library's waiting before a retry is, while it is explored: one more step. */
export const sleeper: { sleep: () => Promise<undefined> } = { sleep: () => Promise.resolve(undefined) };
