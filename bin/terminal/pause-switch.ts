/** What `pause` and `resume` share. */
import type { Command } from 'commander';
import { zPaused } from '../../schemas/api.ts';
import { apiClient, integrationOf, withApiOptions } from './api-client.ts';
import type { ApiOptions } from './api-client.ts';
import { action } from './failure.ts';

export function registerSwitch(program: Command, name: 'pause' | 'resume', description: string): void {
  withApiOptions(program.command(name).description(description))
    .argument('<tenant/integration>')
    .action(action(async (text: string, options: ApiOptions) => {
      const { tenant, integration } = integrationOf(text);
      const answer = await apiClient(options, process.env).post(`/v1/integrations/${encodeURIComponent(tenant)}/${encodeURIComponent(integration)}/${name}`, {}, zPaused);
      console.log(options.json ? JSON.stringify(answer) : `${text} is ${answer.paused ? 'paused' : 'running'}`);
    }));
}
