/** `bevatel-sync verifications list|show|cancel`: comparisons and repairs that are under way, or were. */
import type { Command } from 'commander';
import { zVerification, zVerificationList } from '../../schemas/verification.ts';
import type { Verification } from '../../schemas/verification.ts';
import { apiClient, filterOf, withApiOptions } from '../terminal/api-client.ts';
import type { ApiOptions } from '../terminal/api-client.ts';
import { renderCertificate } from '../terminal/certificate.ts';
import { action, strict } from '../terminal/failure.ts';
import { progressOf } from '../terminal/follow-run.ts';
import { renderTable } from '../terminal/table.ts';
import { when } from '../terminal/words.ts';

interface ListOptions extends ApiOptions {
  readonly integration?: string;
  readonly limit: string;
}

export function register(program: Command): void {
  const verifications = strict(program.command('verifications')).description('comparisons and repairs: under way, or ended');
  withApiOptions(verifications.command('list').description('the newest first'))
    .option('--integration <tenant/integration>', 'of this one only')
    .option('--limit <count>', 'how many', '20')
    .action(action(list));
  withApiOptions(verifications.command('show').description('one: its progress, or its certificate')).argument('<id>').action(action(show));
  withApiOptions(verifications.command('cancel').description('end one without a certificate')).argument('<id>').action(action(cancel));
}

async function list(options: ListOptions): Promise<void> {
  const answer = await apiClient(options, process.env).get('/v1/verifications', { ...filterOf(options), limit: options.limit }, zVerificationList);
  if (options.json) {
    console.log(JSON.stringify(answer));
    return;
  }
  console.log(answer.verifications.length === 0 ? 'none yet' : renderTable({
    head: ['id', 'kind', 'integration', 'state', 'how far', 'started', 'by'], isTerminal: process.stdout.isTTY, maxCell: 60,
    rows: answer.verifications.map((one) => [one.id, one.kind, `${one.tenant}/${one.integration}`, one.state, one.state === 'running' ? progressOf(one) : `${one.examined} examined`, when(one.startedAt), one.requestedBy]),
  }));
}

async function show(id: string, options: ApiOptions): Promise<void> {
  print(await apiClient(options, process.env).get(`/v1/verifications/${encodeURIComponent(id)}`, {}, zVerification), options);
}

async function cancel(id: string, options: ApiOptions): Promise<void> {
  print(await apiClient(options, process.env).post(`/v1/verifications/${encodeURIComponent(id)}/cancel`, {}, zVerification), options);
}

function print(one: Verification, { json }: ApiOptions): void {
  if (json) console.log(JSON.stringify(one));
  else if (one.certificate) console.log(renderCertificate(one.certificate));
  else console.log([`${one.id} (${one.kind} of ${one.tenant}/${one.integration}): ${one.state}`, one.error ? `${one.error.code}: ${one.error.message} ${one.error.advice}` : progressOf(one)].join('\n'));
}
