import type { Environment, Extension, Node, Nodes, Parser } from '../nunjucks.ts';
import type { Analyst } from './analysis.ts';
import { FACTS_BLOCK } from './facts.ts';
import { FACTS_TAG, preprocessed, withFactsTag } from './facts-text.ts';
import { blocksForHoles, type HoleContents } from './hole-blocks.ts';

/**
 * Puts a template's facts into its compiled code, as a block that no page shows: its function `b_<name>` prints them. The
 * contents of its holes become such blocks as well.
 * This survives precompiling, minifying and other delimiters, and nothing of it runs with the template.
 *
 * The result has no private fields, because some servers clone the environment with its extensions.
 */
export function factsTag(env: Environment, analyst: Analyst, contents: HoleContents): Extension {
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
        // The source has a syntax error. Return it as it is, so that Nunjucks reports the same error as without this
        // tag.
        return source;
      }
    },
    parse(parser: Parser, nodes: Nodes): Node {
      parser.nextToken();
      parser.advanceAfterBlockEnd(FACTS_TAG);
      // For an empty text Nunjucks' compiler writes nothing, but it searches each field of the node for blocks.
      const data = new nodes.TemplateData(0, 0, '');
      if (!analyst.analysing && !analyst.defining) {
        const source = parser.tokens.str;
        const { facts: found, definedForHoles } = analyst.source(source);
        const holes = blocksForHoles(nodes, contents.of(parser), analyst.definitions(source, definedForHoles));
        const facts = JSON.stringify(found);
        const body = new nodes.Output(0, 0, [new nodes.TemplateData(0, 0, facts)]);
        const name = new nodes.Symbol(0, 0, FACTS_BLOCK);
        const block = new nodes.Block(0, 0, name, new nodes.NodeList(0, 0, [body]));
        const fields = ['value', 'facts', ...Object.keys(holes)];
        Object.defineProperties(data, { fields: { value: fields }, facts: { value: block } });
        for (const [name, hole] of Object.entries(holes)) Object.defineProperty(data, name, { value: hole });
      }
      return new nodes.Output(0, 0, [data]);
    },
  };
  return extension;
}
