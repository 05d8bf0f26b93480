import { spawnSync } from 'node:child_process';

/**
 * Stops a process with its children, and returns when each of their threads stands still. A signal alone does not tell: on a busy machine
 * a server carries out what it is sent for a while longer.
 */
export function standStill(pid: number): void {
  send(pid, 'SIGSTOP');
  // From now on it has no new children.
  for (const child of childrenOf(pid)) standStill(child);
}

/** Lets them go on. */
export function goOn(pid: number): void {
  for (const child of childrenOf(pid)) goOn(child);
  send(pid, 'SIGCONT');
}

function send(pid: number, signal: 'SIGSTOP' | 'SIGCONT'): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
    return;
  }
  // T: stopped; Z: ended.
  while (signal === 'SIGSTOP' && !ps('-L', '-o', 'state=', '-p', String(pid)).every((state) => /^[TZ]/.test(state)));
}

function childrenOf(pid: number): readonly number[] {
  return ps('-o', 'pid=', '--ppid', String(pid)).map(Number);
}

/** Its answer is empty where there is no such process. */
function ps(...args: readonly string[]): readonly string[] {
  return spawnSync('ps', args, { encoding: 'latin1' }).stdout.match(/\S+/g) ?? [];
}
