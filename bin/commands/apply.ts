/** `bevatel-sync apply FILE`: checks an integration and stores it; running services pick it up within a second. */
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { SyncError } from '../../schemas/errors.ts';
import type { AppliedIntegration } from '../../store/apply-integration.ts';
import { connectSides, mappingFaults, readIntegrationFile, unfit } from '../terminal/integration-file.ts';
import { action, strict } from '../terminal/failure.ts';

interface Options {
  readonly json?: boolean;
}

const WORDS = { ADDED: 'is added', CHANGED: 'is changed', UNCHANGED: 'stands as it was' } as const;

export function register(program: Command): void {
  strict(program.command('apply').description('check an integration file against both systems and start it, or change it'))
    .argument('<file>', 'the integration file')
    .option('--json', 'print the outcome as JSON')
    .action(action(apply));
}

async function apply(path: string, options: Options): Promise<void> {
  const integration = await readIntegrationFile(path);
  const databaseUrl = process.env['DATABASE_URL'];
  if (!databaseUrl) throw new SyncError('configuration_missing', 'DATABASE_URL is not set: integrations are stored there, for the service to pick up');
  const connectors = await connectSides(integration, process.env);
  const faults = await mappingFaults(integration, connectors, AbortSignal.timeout(60_000));
  if (faults.length > 0) throw unfit(path, faults);
  const { outcome, listed } = await store(databaseUrl, integration);
  const anew = listed.length === 0 ? '' : `; ${listed.join(' and ')} ${listed.length === 1 ? 'is' : 'are'} listed anew for the new fields`;
  const { tenant, integration: name } = integration;
  console.log(options.json ? JSON.stringify({ tenant, integration: name, outcome, listed }) : `${tenant}/${name} ${WORDS[outcome]}${anew}`);
}

async function store(databaseUrl: string, integration: Awaited<ReturnType<typeof readIntegrationFile>>): Promise<AppliedIntegration> {
  const { classified, createPool } = await import('../../runtime/database.ts');
  const { loadMigrations, migrate } = await import('../../runtime/migrate.ts');
  const { insertAudit } = await import('../../store/audit.ts');
  const { applyIntegration } = await import('../../store/apply-integration.ts');
  const { v7: uuidv7 } = await import('uuid');
  await migrate({ databaseUrl, migrations: await loadMigrations() });
  const pool = createPool({ databaseUrl, applicationName: 'bevatel-sync apply', max: 1, onError: () => undefined });
  try {
    const applied = await applyIntegration(pool, integration, { now: Date.now(), newId: uuidv7 });
    await insertAudit(pool, {
      tenantId: integration.tenant, auditId: uuidv7(), actor: `cli ${userInfo().username}`, action: `integration.apply.${applied.outcome.toLowerCase()}`, target: integration.integration, doneAt: Date.now(),
    });
    return applied;
  } catch (error) {
    throw classified(error);
  } finally {
    await pool.end();
  }
}
