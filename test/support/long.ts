/** `npm run test:long`: the tests that go on for minutes do so; otherwise for seconds. */
export const isLong: boolean = process.env.LONG === '1';
