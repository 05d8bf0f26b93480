import { afterAll } from 'vitest';
import { endServers } from './server-process.ts';

// For every test file, by vitest.config.ts: vitest forgets what a running test or hook registers, and a module that files of one process share
// is evaluated for the first of them only.
afterAll(endServers);
