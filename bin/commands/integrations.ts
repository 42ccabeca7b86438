/** `bevatel-sync integrations list|show`: what is applied. */
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { zIntegrationDetail, zIntegrationList } from '../../schemas/api.ts';
import { apiClient, integrationOf, withApiOptions } from '../terminal/api-client.ts';
import type { ApiOptions } from '../terminal/api-client.ts';
import { action, strict } from '../terminal/failure.ts';
import { renderTable } from '../terminal/table.ts';
import { when } from '../terminal/words.ts';

export function register(program: Command): void {
  const integrations = strict(program.command('integrations')).description('what is applied');
  withApiOptions(integrations.command('list').description('all of them')).action(action(list));
  withApiOptions(integrations.command('show').description('one, with every setting')).argument('<tenant/integration>').action(action(show));
}

async function list(options: ApiOptions): Promise<void> {
  const answer = await apiClient(options, process.env).get('/v1/integrations', {}, zIntegrationList);
  console.log(options.json ? JSON.stringify(answer) : renderTable({
    head: ['integration', 'system', 'paused', 'applied', 'first listings stored'], isTerminal: process.stdout.isTTY,
    rows: answer.integrations.map((one) => [`${one.tenant}/${one.integration}`, one.system, one.paused ? 'yes' : 'no', when(one.appliedAt), when(one.matchedAt)]),
  }));
}

async function show(text: string, options: ApiOptions): Promise<void> {
  const { tenant, integration } = integrationOf(text);
  const answer = await apiClient(options, process.env).get(`/v1/integrations/${encodeURIComponent(tenant)}/${encodeURIComponent(integration)}`, {}, zIntegrationDetail);
  console.log(options.json ? JSON.stringify(answer) : stringify(answer.config));
}
