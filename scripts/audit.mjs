// Asks the registry for known weaknesses. Of what users get, any of them fails; high ones of what development needs are told, because a
// new one is no fault of the change that is being tried.
import { spawnSync } from 'node:child_process';

let failed = false;
for (const [what, args] of [
  ['run time', ['--omit=dev']],
  ['development', ['--audit-level=high']],
]) {
  const { stdout } = spawnSync('npm', ['audit', '--json', ...args], { encoding: 'utf8' });
  const report = JSON.parse(stdout || '{}');
  const counts = report.metadata?.vulnerabilities;
  if (counts === undefined) {
    console.warn(`audit, ${what}: not checked, the registry did not answer (${report.message ?? 'no report'})`);
    continue;
  }
  const bad = what === 'run time' ? counts.total : counts.high + counts.critical;
  console.log(`audit, ${what}: ${bad === 0 ? 'clean' : `${bad} weaknesses, see npm audit`}`);
  failed ||= what === 'run time' && bad > 0;
}
process.exit(failed ? 1 : 0);
