import { Script } from './script.ts';

/** Length of a replication id, in characters. */
export const ID_LENGTH = 40;
/** Takes the place of the replication id where the site asserts that no acknowledged write is ever lost. */
export const DURABLE_ID: string = '0'.repeat(ID_LENGTH);
/** Begins the error of a server that does not tell its replication id. */
export const NO_INFO = 'CSWINFO';

/** Sets `id` to the replication id of a master; false on a replica. */
const CHECKED = `
local info = redis.pcall('INFO', 'replication')
if type(info) ~= 'string' then return redis.error_reply('${NO_INFO} ' .. info.err) end
local id = string.match(info, 'master_replid:(%x+)')
if not id then return redis.error_reply('${NO_INFO} it names no master_replid') end
if not string.find(info, 'role:master', 1, true) then id = false end`;

const DURABLE = `
local id = '${DURABLE_ID}'`;

/** Sets `now` to the server's time, in milliseconds since 1970. */
const TIME = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

/** Answers with the replication id, the time, and the values of all keys. */
const READ = `
return {id, now, redis.call('MGET', unpack(KEYS))}`;

/**
 * Keys: those of the tokens, and last an idempotency key. Arguments: the replication id of the server that is meant, the
 * deadline, `set` or `add`, how long the idempotency key lives in milliseconds, and for each token its value and its ttl
 * in seconds. Answers with the replication id, the time and, if it has written, for each token 1 where the value is the
 * one given and 0 where another has stayed. A value written under another replication id counts as none.
 *
 * The answer is kept under the idempotency key: a script that the client sends again is answered from there, and nothing
 * is written a second time.
 */
const WRITE = `
if id ~= ARGV[1] then return {id, now} end
local tokens = #KEYS - 1
local written = {}
local answer = redis.call('GET', KEYS[#KEYS])
if answer then
  for i = 1, tokens do written[i] = tonumber(string.sub(answer, i, i)) end
  return {id, now, written}
end
if now >= tonumber(ARGV[2]) then return {id, now} end
for i = 1, tokens do
  local key = KEYS[i]
  if ARGV[3] == 'set' or redis.call('GETRANGE', key, 0, ${ID_LENGTH - 1}) ~= id then
    local ttl = ARGV[2 * i + 4]
    if ttl == '0' then redis.call('SET', key, ARGV[2 * i + 3])
    else redis.call('SET', key, ARGV[2 * i + 3], 'EX', ttl) end
    written[i] = 1
  else
    written[i] = 0
  end
end
redis.call('SET', KEYS[#KEYS], table.concat(written), 'PX', ARGV[4])
return {id, now, written}`;

/** The scripts that read and write tokens. */
export interface TokenScripts {
  readonly read: Script;
  readonly write: Script;
}

/** Scripts that tell a master from another, and so notice a failover. */
export const CHECKED_SCRIPTS: TokenScripts = {
  read: new Script(CHECKED + TIME + READ),
  write: new Script(CHECKED + TIME + WRITE),
};

/** Scripts for a server that loses no acknowledged write. */
export const DURABLE_SCRIPTS: TokenScripts = {
  read: new Script(DURABLE + TIME + READ),
  write: new Script(DURABLE + TIME + WRITE),
};
