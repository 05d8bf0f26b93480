import nunjucks from 'nunjucks';

export default new nunjucks.Environment(null);
