import nunjucks from 'nunjucks';
import { CacheSweeper } from 'nunjucks-cachesweeper';

const folders = ['first', 'second'].map((name) => `${import.meta.dirname}/${name}`);

// Of two files with one name, the one in the first folder is rendered.
export default new CacheSweeper().install(new nunjucks.Environment(new nunjucks.FileSystemLoader(folders)));
