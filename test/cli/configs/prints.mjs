import nunjucks from 'nunjucks';
import { CacheSweeper } from 'nunjucks-cachesweeper';

// A site that writes to its log, which is stdout.
console.log('listening');
export default () => {
  process.stdout.write('connected\n');
  return new CacheSweeper().install(nunjucks.configure('test/cli/folders/first'));
};
