import nunjucks from 'nunjucks';
import { CacheSweeper } from 'nunjucks-cachesweeper';

// A loader that says the name of a template in place of its path.
class NamedPaths extends nunjucks.FileSystemLoader {
  getSource(name) {
    const source = super.getSource(name);
    return source && { ...source, path: name };
  }
}

export default new CacheSweeper().install(new nunjucks.Environment(new NamedPaths('test/cli/folders/first')));
