/** `bevatel-sync run ROLE…`: starts the service. SIGINT and SIGTERM let the work at hand finish. */
import { Argument } from 'commander';
import type { Command } from 'commander';
import { action, strict } from '../terminal/failure.ts';

const NAMES = ['all', 'capture', 'reconcile', 'deliver', 'operate'] as const;

export function register(program: Command): void {
  strict(program.command('run'))
    .description('start the service: all roles in one process, or some of them')
    .addArgument(new Argument('<roles...>').choices(NAMES))
    .action(action(run));
}

async function run(names: readonly (typeof NAMES)[number][]): Promise<void> {
  const { ROLES, runRoles } = await import('../../services/all.ts');
  const { createLifecycle } = await import('../../runtime/lifecycle.ts');
  process.exitCode = await runRoles({
    roles: ROLES.filter((role) => names.includes('all') || names.includes(role)),
    env: process.env,
    lifecycle: (logger) => createLifecycle({ logger, signals: process, exit: (code) => process.exit(code) }),
    onReady: (urls) => { console.log(JSON.stringify({ ready: true, ...urls })); },
  });
}
