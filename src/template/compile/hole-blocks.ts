import type {
  Context,
  Done,
  Environment,
  Frame,
  Node,
  Nodes,
  Parser,
  RootFunction,
  Runtime,
  Template,
} from '../nunjucks.ts';
import { DEFINITIONS, descendants } from './syntax.ts';

/**
 * Names of the blocks whose functions show a template's holes. The number of the hole follows, and for one that defines
 * macros or imports the letter d.
 */
const HOLE_BLOCK = 'cachesweeper_hole_';
/** Name of the block that defines the macros and imports that the holes use. */
const DEFINITIONS_BLOCK = 'cachesweeper_definitions';

/** A compiled block. */
export type BlockFunction = (
  env: Environment,
  context: Context,
  frame: Frame,
  runtime: Runtime,
  done: Done<string>,
) => void;

export interface HoleBlock {
  readonly run: BlockFunction;
  /** Whether it defines macros or imports, which Nunjucks puts among the variables of the page. */
  readonly defines: boolean;
}

/** The compiled holes of a template. */
export interface HoleBlocks {
  readonly holes: ReadonlyMap<number, HoleBlock>;
  readonly definitions: BlockFunction | undefined;
}

/** The contents of the holes that each parser has met, by their ordinals. */
export class HoleContents {
  readonly #met = new WeakMap<Parser, (Node | undefined)[]>();

  /** Returns the ordinal of the next hole. */
  begin(parser: Parser): number {
    const contents = this.of(parser);
    return contents.push(undefined) - 1;
  }

  keep(parser: Parser, ordinal: number, content: Node): void {
    this.of(parser)[ordinal] = content;
  }

  of(parser: Parser): (Node | undefined)[] {
    let contents = this.#met.get(parser);
    if (contents === undefined) {
      contents = [];
      this.#met.set(parser, contents);
    }
    return contents;
  }
}

/** Makes the blocks for the holes of a template, and for the definitions that they use. */
export function blocksForHoles(
  nodes: Nodes,
  contents: readonly (Node | undefined)[],
  definitions: readonly Node[],
): Record<string, Node> {
  const blocks: Record<string, Node> = {};
  const add = (name: string, content: Node): void => {
    blocks[name] = new nodes.Block(0, 0, new nodes.Symbol(0, 0, name), content);
  };
  contents.forEach((content, ordinal) => {
    if (content === undefined) return;
    const defines = [...descendants(content)].some(({ typename }) => DEFINITIONS.has(typename));
    add(`${HOLE_BLOCK}${ordinal}${defines ? 'd' : ''}`, content);
  });
  if (definitions.length > 0) add(DEFINITIONS_BLOCK, new nodes.NodeList(0, 0, definitions));
  return blocks;
}

const known = new WeakMap<RootFunction, HoleBlocks>();

/** Takes the compiled holes out of a template, or each use of it would carry them along as its blocks. */
export function takeHoleBlocks({ rootRenderFunc, blocks }: Pick<Template, 'rootRenderFunc' | 'blocks'>): void {
  if (rootRenderFunc === undefined) return;
  const own = blocks as Record<string, unknown>;
  const holes = new Map<number, HoleBlock>();
  let definitions: BlockFunction | undefined;
  for (const [name, block] of Object.entries(own)) {
    if (typeof block !== 'function') continue;
    if (name === DEFINITIONS_BLOCK) definitions = block as BlockFunction;
    else if (name.startsWith(HOLE_BLOCK)) {
      const ordinal = Number.parseInt(name.slice(HOLE_BLOCK.length), 10);
      holes.set(ordinal, { run: block as BlockFunction, defines: name.endsWith('d') });
    } else continue;
    delete own[name];
  }
  if (holes.size > 0) known.set(rootRenderFunc, { holes, definitions });
}

/** Returns the compiled holes of a template. */
export function holeBlocksOf(root: RootFunction): HoleBlocks | undefined {
  return known.get(root);
}
