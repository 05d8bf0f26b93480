import fc from 'fast-check';
import { seed } from './long.ts';

// For every test file, by vitest.config.ts.
if (seed !== undefined) fc.configureGlobal({ seed });
