import nunjucks from 'nunjucks';
import { CacheSweeper } from 'nunjucks-cachesweeper';

const env: nunjucks.Environment = nunjucks.configure('test/cli/folders/first');

export default (): unknown => new CacheSweeper().install(env);
