import {
  BinaryOperationNode,
  ColumnNode,
  type DeleteQueryNode,
  type Generated,
  type InsertQueryNode,
  type Kysely,
  type KyselyPlugin,
  type MergeQueryNode,
  type OperationNode,
  OperatorNode,
  type PluginTransformQueryArgs,
  type PluginTransformResultArgs,
  ReferenceNode,
  TableNode,
  type UpdateQueryNode,
  ValueNode,
} from 'kysely';
import type { CacheSweeper, SweepTransaction } from 'nunjucks-cachesweeper';

export interface Tables {
  articles: { id: number; comments: number };
  comments: { id: Generated<number>; articleId: number; text: string };
}

// docs: Kysely
/** By table: the type of its rows, and the types that they touch. */
const TYPES: Record<string, [string, ...string[]]> = { articles: ['Article'], comments: ['Comment', 'Article'] };

/** Tells a sweeper, or a transaction of it, what Kysely's builders write. */
export class SweepPlugin implements KyselyPlugin {
  readonly #written = new WeakMap<object, unknown[]>();
  readonly #sweeper: CacheSweeper | SweepTransaction;

  constructor(sweeper: CacheSweeper | SweepTransaction) {
    this.#sweeper = sweeper;
  }

  transformQuery({ node, queryId }: PluginTransformQueryArgs) {
    this.#written.set(queryId, writtenBy(node));
    return node;
  }

  // Is called when the query was sent, and Kysely waits for it.
  async transformResult({ result, queryId }: PluginTransformResultArgs) {
    await this.#sweeper.invalidateCacheFor(this.#written.get(queryId) ?? []);
    return result;
  }
}

/** What a query and those inside it write: the row of `where('id', '=', 7)`, or all of the table's types. */
function writtenBy(node: object): unknown[] {
  const inside = partsOf(node).flatMap(writtenBy);
  const query = node as DeleteQueryNode | InsertQueryNode | MergeQueryNode | UpdateQueryNode;
  if (!/^(Insert|Update|Delete|Merge)QueryNode$/.test(query.kind)) return inside;
  const { into, table, from, using, joins } = node as Readonly<Record<string, object>>;
  const tables = tablesIn({ into, table, from, using, joins }).map((name) => TYPES[name] ?? [name]);
  const id = 'where' in query && tables.length === 1 ? idIn(query.where?.where) : undefined;
  return [...inside, ...(id === undefined ? tables.flat() : [{ type: tables[0]?.[0], id }])];
}

function idIn(where: OperationNode | undefined): number | undefined {
  if (where === undefined || !BinaryOperationNode.is(where)) return undefined;
  const { leftOperand: left, operator, rightOperand: right } = where;
  const isId = ReferenceNode.is(left) && ColumnNode.is(left.column) && left.column.column.name === 'id';
  const isEqual = OperatorNode.is(operator) && operator.operator === '=';
  return isId && isEqual && ValueNode.is(right) && typeof right.value === 'number' ? right.value : undefined;
}

function tablesIn(node: object): string[] {
  if ('kind' in node && TableNode.is(node as OperationNode)) return [(node as TableNode).table.identifier.name];
  return partsOf(node).flatMap(tablesIn);
}

function partsOf(node: object): object[] {
  return Object.values(node).filter((part) => typeof part === 'object' && part !== null);
}
// docs end

export async function addComment(db: Kysely<Tables>, sweeper: CacheSweeper, articleId: number, text: string) {
  await sweeper.transaction((t) =>
    db.transaction().execute(async (plain) => {
      const trx = plain.withPlugin(new SweepPlugin(t));
      await trx.insertInto('comments').values({ articleId, text }).execute();
      await trx
        .updateTable('articles')
        .set((eb) => ({ comments: eb('comments', '+', 1) }))
        .where('id', '=', articleId)
        .execute();
    }),
  );
}
