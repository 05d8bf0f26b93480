import { CacheSweeper } from 'nunjucks-cachesweeper';
import { testConstructs } from './run.ts';

testConstructs('in-process', () => new CacheSweeper());
