/**
 * `bevatel-sync repair`: compares both sides and mends what drifted, by reading it again and deciding it as always.
 * `--dry-run` says what would be asked for. Ends with 1 when something stays unexplained.
 */
import type { Command } from 'commander';
import { zExplainAnswer, zIntegrationList } from '../../schemas/api.ts';
import { SyncError } from '../../schemas/errors.ts';
import { zCertificate, zVerification } from '../../schemas/verification.ts';
import type { Certificate } from '../../schemas/verification.ts';
import { apiClient, integrationOf, withApiOptions } from '../terminal/api-client.ts';
import type { ApiClient, ApiOptions } from '../terminal/api-client.ts';
import { renderCertificate } from '../terminal/certificate.ts';
import { action, Refused } from '../terminal/failure.ts';
import { followRun } from '../terminal/follow-run.ts';
import { milliseconds } from '../terminal/words.ts';

interface Options extends ApiOptions {
  readonly integration?: string;
  readonly contact?: string;
  readonly fromCertificate?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly wait?: string | true;
  readonly includingGone?: boolean;
}

const WAIT_SECONDS = '60';

export function register(program: Command): void {
  withApiOptions(program.command('repair').description('compare both sides and mend what drifted, through the ordinary decisions'))
    .option('--integration <tenant/integration>', 'this one only; all when none is named')
    .option('--contact <id>', 'the links of this contact only, by either of its ids')
    .option('--from-certificate <id>', 'only what this certificate left open')
    .option('--dry-run', 'say what would be asked for; nothing is')
    .option('--yes', 'do it')
    .option('--wait [seconds]', `look again at what was asked for, until it is mended or so long (default ${WAIT_SECONDS})`)
    .option('--including-gone', 'also records that vanished by the hundred, which are left alone otherwise')
    .action(action(repair));
}

async function repair(options: Options): Promise<void> {
  if ((options.dryRun === true) === (options.yes === true)) throw new SyncError('change_malformed', 'give either --dry-run, to see what would be asked for, or --yes');
  if (options.contact !== undefined && options.fromCertificate !== undefined) throw new SyncError('change_malformed', 'give --contact or --from-certificate, not both');
  const api = apiClient(options, process.env);
  const settleMs = options.wait === undefined ? 0 : milliseconds('--wait', options.wait === true ? WAIT_SECONDS : options.wait);
  const certificates: Certificate[] = [];
  for (const { tenant, integration } of await integrationsOf(api, options)) {
    const body = { tenant, integration, contact: options.contact, certificate: options.fromCertificate, settleMs, dryRun: options.dryRun ?? false, includeGone: options.includingGone ?? false };
    certificates.push(await followRun(api, await api.post('/v1/repairs', body, zVerification)));
  }
  console.log(options.json ? JSON.stringify(certificates) : certificates.map(renderCertificate).join('\n\n') || 'No integration is applied yet.');
  process.exitCode = certificates.every(({ ok }) => ok) ? 0 : 1;
}

type Named = { readonly tenant: string; readonly integration: string };

/** The one that is named; else those of the contact's links, or the certificate's, or all. */
async function integrationsOf(api: ApiClient, options: Options): Promise<readonly Named[]> {
  if (options.fromCertificate !== undefined) return [await api.get(`/v1/certificates/${encodeURIComponent(options.fromCertificate)}`, {}, zCertificate)];
  if (options.integration !== undefined) return [integrationOf(options.integration)];
  if (options.contact === undefined) return (await api.get('/v1/integrations', {}, zIntegrationList)).integrations;
  const { links } = await api.get('/v1/explain', { contact: options.contact }, zExplainAnswer).catch((error: unknown) => {
    if (error instanceof Refused && error.code === 'not_found') throw new SyncError('not_found', `no link has the contact ${options.contact}; name its --integration, where it may be a record without a link`);
    throw error;
  });
  return [...new Map(links.map(({ tenant, integration }) => [`${tenant}/${integration}`, { tenant, integration }])).values()];
}
