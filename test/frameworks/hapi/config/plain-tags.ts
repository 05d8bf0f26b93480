import type { Extension } from 'nunjucks';

interface Parser {
  readonly tokens: { readonly TOKEN_BLOCK_END: string };
  nextToken(): { readonly type: string };
  parseUntilBlocks(end: string): object;
  advanceAfterBlockEnd(): void;
}

/** The sweeper's tag without the sweeper: its body, rendered by Nunjucks alone. */
export class PlainTags implements Extension {
  readonly tags = ['cachesweeper'];

  parse(parser: Parser, _nodes: object, lexer: { readonly TOKEN_BLOCK_END: string }): object {
    while (parser.nextToken().type !== lexer.TOKEN_BLOCK_END);
    const body = parser.parseUntilBlocks('endcachesweeper');
    parser.advanceAfterBlockEnd();
    return body;
  }
}
