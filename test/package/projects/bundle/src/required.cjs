const { CacheSweeper } = require('nunjucks-cachesweeper');
const { cacheView } = require('nunjucks-cachesweeper/express');

module.exports = { CacheSweeper, cacheView };
