/** What `tags` of an environment may be, instead of the delimiters that Nunjucks has. */
export const OTHER_DELIMITERS = {
  blockStart: '<%',
  blockEnd: '%>',
  variableStart: '<$',
  variableEnd: '$>',
  commentStart: '<#',
  commentEnd: '#>',
};
