/** `bevatel-sync verify`: reads both sides and proves that they agree, or says why not. Ends with 1 when something unexplained differs. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { zIntegrationList, zVerification } from '../../schemas/api.ts';
import type { Certificate } from '../../schemas/api.ts';
import { apiClient, integrationOf, withApiOptions } from '../terminal/api-client.ts';
import type { ApiClient, ApiOptions } from '../terminal/api-client.ts';
import { action, Refused } from '../terminal/failure.ts';
import { renderTable } from '../terminal/table.ts';

interface Options extends ApiOptions {
  readonly settle: string;
}

const POLL_MS = 300;

export function register(program: Command): void {
  withApiOptions(program.command('verify').description('compare both sides now; exit code 0 only when nothing unexplained differs'))
    .argument('[integrations...]', 'TENANT/INTEGRATION; all when none is named')
    .option('--settle <seconds>', 'how long to look again at what is still on its way', '10')
    .action(action(async (names: readonly string[], options: Options) => {
      const api = apiClient(options, process.env);
      const wanted = names.length > 0 ? names.map(integrationOf) : (await api.get('/v1/integrations', {}, zIntegrationList)).integrations;
      const certificates: Certificate[] = [];
      for (const { tenant, integration } of wanted) certificates.push(await verify(api, { tenant, integration, settleMs: Math.round(Number(options.settle) * 1_000) }));
      console.log(options.json ? JSON.stringify(certificates) : certificates.map(render).join('\n\n') || 'No integration is applied yet.');
      process.exitCode = certificates.every(({ ok }) => ok) ? 0 : 1;
    }));
}

async function verify(api: ApiClient, request: { readonly tenant: string; readonly integration: string; readonly settleMs: number }): Promise<Certificate> {
  let run = await api.post('/v1/verifications', request, zVerification);
  while (run.state === 'running') {
    await sleep(POLL_MS);
    run = await api.get(`/v1/verifications/${run.id}`, {}, zVerification);
    if (process.stderr.isTTY) process.stderr.write(`\r${run.examined} links examined`);
  }
  if (process.stderr.isTTY) process.stderr.write('\r\u001B[K');
  if (!run.certificate) throw new Refused(run.error ?? { code: 'unforeseen', message: 'the comparison ended without a certificate', advice: 'See the log of operate.' });
  return run.certificate;
}

function render(one: Certificate): string {
  const reasons = Object.entries(one.byReason).sort((a, b) => b[1] - a[1]);
  return [
    `${one.tenant}/${one.integration}: ${one.ok ? 'nothing unexplained differs' : 'UNEXPLAINED DIFFERENCES'}`,
    `pairs ${one.pairs}: equal ${one.equal}, kept in another form ${one.normalised}, in flight ${one.inFlight}, held ${one.held}, skipped by a rule ${one.skipped}, not captured ${one.unseen}, differing ${one.differing}`,
    `one-sided ${one.oneSided.explained + one.oneSided.unlinked}, of which unexplained ${one.oneSided.unlinked}; records without a link: Bevatel ${one.unlinked.bevatel}, external ${one.unlinked.external}`,
    `calls: ${one.calls.list} to list, ${one.calls.read} to read; ${((one.finishedAt - one.startedAt) / 1_000).toFixed(1)} s`,
    ...(reasons.length > 0 ? [renderTable({ head: ['finding', 'fields or records'], rows: reasons.map(([reason, count]) => [reason, String(count)]), isTerminal: process.stdout.isTTY })] : []),
    ...one.samples.filter(({ kind }) => ['differing', 'unseen', 'unlinked'].includes(kind)).slice(0, 20)
      .map((sample) => `  ${sample.kind}: Bevatel ${sample.bevatelId ?? '-'}, external ${sample.externalId ?? '-'}${sample.group === null ? '' : `, ${sample.group}`}: ${sample.reason}`),
  ].join('\n');
}
