/** `bevatel-sync verify`: reads both sides and proves that they agree, or says why not. Ends with 1 when something unexplained differs. */
import type { Command } from 'commander';
import { zIntegrationList } from '../../schemas/api.ts';
import { zVerification } from '../../schemas/verification.ts';
import type { Certificate } from '../../schemas/verification.ts';
import { apiClient, integrationOf, withApiOptions } from '../terminal/api-client.ts';
import type { ApiOptions } from '../terminal/api-client.ts';
import { renderCertificate } from '../terminal/certificate.ts';
import { action } from '../terminal/failure.ts';
import { followRun } from '../terminal/follow-run.ts';
import { milliseconds } from '../terminal/words.ts';

interface Options extends ApiOptions {
  readonly settle: string;
}

export function register(program: Command): void {
  withApiOptions(program.command('verify').description('compare both sides now; exit code 0 only when nothing unexplained differs'))
    .argument('[integrations...]', 'TENANT/INTEGRATION; all when none is named')
    .option('--settle <seconds>', 'how long to look again at what is still on its way', '10')
    .action(action(async (names: readonly string[], options: Options) => {
      const api = apiClient(options, process.env);
      const wanted = names.length > 0 ? names.map(integrationOf) : (await api.get('/v1/integrations', {}, zIntegrationList)).integrations;
      const certificates: Certificate[] = [];
      for (const { tenant, integration } of wanted) {
        certificates.push(await followRun(api, await api.post('/v1/verifications', { tenant, integration, settleMs: milliseconds('--settle', options.settle) }, zVerification)));
      }
      console.log(options.json ? JSON.stringify(certificates) : certificates.map(renderCertificate).join('\n\n') || 'No integration is applied yet.');
      process.exitCode = certificates.every(({ ok }) => ok) ? 0 : 1;
    }));
}
