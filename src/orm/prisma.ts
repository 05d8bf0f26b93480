import { CacheSweeperError } from '../errors.ts';
import { idAt } from '../model/known-models.ts';
import type { CacheSweeper } from '../sweeper.ts';
import { badOption } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import type { SaveHookOptions } from './hook-options.ts';
import { type Client, keysOf, placesOf, type Root } from './prisma-client.ts';
import { PrismaListener } from './prisma-listener.ts';
import { prismaDatabase } from './prisma-outbox.ts';
import { followersOf } from './prisma-schema.ts';
import { SaveHook } from './save-hook.ts';
import { checkVersion, PRISMA } from './versions.ts';

export type { HookedModel, SaveHookOptions } from './hook-options.ts';

/**
 * Reports every row that a Prisma client's models write to a sweeper: at once, or when the outermost transaction is
 * committed. All clients that were or will be made from it with `$extends` are heard as well. Their rows stay plain
 * objects; the sweeper knows which model each is of, so that `{% cachesweeper comment 500 %}` needs no `type=`.
 * docs/orm.md lists which writes are reported and which are not.
 *
 * @returns the same client
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when this is no client of Prisma 7, or one without its data model;
 * CACHESWEEPER_TYPE_CONFLICT when the sweeper hears a client of another database with the same models;
 * CACHESWEEPER_INSTALL when it was called for this client and sweeper before
 *
 * @example
 * export const prisma = sweepOnSave(new PrismaClient({ adapter }), sweeper);
 */
export function sweepOnSave<C extends PrismaLike>(prisma: C, sweeper: CacheSweeper, options: SaveHookOptions = {}): C {
  const client = prisma as unknown as Client;
  if (typeof client?.$extends !== 'function' || typeof client.$transaction !== 'function') {
    throw badOption('sweepOnSave()', 'a Prisma client', describe(prisma));
  }
  checkVersion(PRISMA, client._clientVersion);
  const dataModel = client._runtimeDataModel;
  if (typeof dataModel?.models !== 'object') {
    throw badOption('sweepOnSave()', 'a client that knows its data model, as those of Prisma 7 do', 'one without', {
      todo: 'without it writes of relations could not be heard',
    });
  }
  const root = client._originalClient;
  if (typeof root?._executeRequest !== 'function' || typeof root._request !== 'function') {
    throw badOption('sweepOnSave()', 'a client that sends requests as those of Prisma 7 do', 'another one', {
      todo: 'without them writes could not be heard',
    });
  }
  const hook = new SaveHook(sweeper, options, new Map(Object.keys(dataModel.models).map((name) => [name, undefined])));
  const told = installed.get(root) ?? new WeakSet();
  if (told.has(sweeper)) {
    throw new CacheSweeperError(
      'CACHESWEEPER_INSTALL',
      'sweepOnSave() was called for this Prisma client and sweeper before; clients made from it with $extends are heard',
    );
  }
  const keyFields = keysOf(root, dataModel, options);
  hook.models.claim(placesOf(root, dataModel, (model) => hook.models.typeOf(model)));
  hook.models.learn({
    known: (type) => {
      const model = typeof type === 'string' ? hook.models.modelOf(type) : undefined;
      if (model === undefined || !Object.hasOwn(dataModel.models, model)) return undefined;
      return {
        id: idAt(keyFields(model)),
        table: model,
        tenant: hook.models.tenant,
        isHeard: hook.models.hears(model),
      };
    },
    relatives: () => [],
  });
  // Before `$transaction` is replaced.
  const original = root as unknown as Client;
  hook.outbox.keep(`Prisma on ${describe(client._activeProvider)}`, () => prismaDatabase(original, root.$transaction));
  installed.set(root, told.add(sweeper));
  const followers = followersOf(dataModel, root._engineConfig?.inlineSchema);
  listen(root, new PrismaListener(client, hook, dataModel, keyFields, followers));
  return prisma;
}

const installed = new WeakMap<object, WeakSet<object>>();

/**
 * Listens where the client itself sends its requests. All clients that `$extends` makes of it inherit from it. An
 * extension would not do: another one in front of it may send something else, by a client that has no extension.
 */
function listen(root: Root, listener: PrismaListener): void {
  const { _executeRequest: execute, _request: request } = root;
  root._executeRequest = function (params) {
    return listener.sent(params, () => execute.call(this, params));
  };
  root._request = async function (params) {
    const result = await request.call(this, params);
    listener.gives(params, result);
    return result;
  };
  root.$transaction = listener.transaction(root.$transaction);
}

/** Any generated Prisma client. */
export interface PrismaLike {
  // The generated types are the user's own, so this file does not depend on them.
  $extends: unknown;
  $transaction: unknown;
}
