import type { Environment, Extension, Node, Nodes, Parser } from '../nunjucks.ts';
import type { Analyst } from './analysis.ts';
import { FACTS_BLOCK } from './facts.ts';
import { FACTS_TAG, preprocessed, withFactsTag } from './facts-text.ts';

/**
 * Puts a template's facts into its compiled code, as a block that no page shows: `b_<name>`, a function that prints them.
 * It survives precompiling, minifying and other delimiters, and nothing of it runs when the template does.
 *
 * An object without private fields: some servers clone the environment with its extensions.
 */
export function factsTag(env: Environment, analyst: Analyst): Extension {
  const extension: Extension = {
    tags: [FACTS_TAG],
    preprocess(source) {
      const behind = env.extensionsList.slice(env.extensionsList.indexOf(extension) + 1);
      const isLast = !behind.some(({ preprocess }) => preprocess !== undefined);
      const text = withFactsTag(source, env.opts);
      try {
        const analysis = analyst.source(preprocessed(source, behind));
        if (isLast) analyst.keep(text, analysis);
        return text;
      } catch {
        // A comment that is never closed, an `if` without its end: Nunjucks is to say the same as without the tag.
        return source;
      }
    },
    parse(parser: Parser, nodes: Nodes): Node {
      parser.nextToken();
      parser.advanceAfterBlockEnd(FACTS_TAG);
      // Of an empty text Nunjucks' compiler writes nothing, and looks for blocks in each field of its node.
      const data = new nodes.TemplateData(0, 0, '');
      if (!analyst.analysing) {
        const facts = JSON.stringify(analyst.source(parser.tokens.str).facts);
        const body = new nodes.Output(0, 0, [new nodes.TemplateData(0, 0, facts)]);
        const name = new nodes.Symbol(0, 0, FACTS_BLOCK);
        const block = new nodes.Block(0, 0, name, new nodes.NodeList(0, 0, [body]));
        Object.defineProperties(data, { fields: { value: ['value', 'facts'] }, facts: { value: block } });
      }
      return new nodes.Output(0, 0, [data]);
    },
  };
  return extension;
}
