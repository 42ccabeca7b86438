/** `bevatel-sync certificates list|show|compare`: what comparisons proved, as it was issued. `compare` ends with 1 when two differ. */
import { Option } from 'commander';
import type { Command } from 'commander';
import { zCertificate, zCertificateList, zFindingList } from '../../schemas/verification.ts';
import type { Certificate } from '../../schemas/verification.ts';
import { apiClient, filterOf, withApiOptions } from '../terminal/api-client.ts';
import type { ApiClient, ApiOptions } from '../terminal/api-client.ts';
import { renderCertificate, short } from '../terminal/certificate.ts';
import { action, strict } from '../terminal/failure.ts';
import { renderTable } from '../terminal/table.ts';
import { when } from '../terminal/words.ts';

interface ListOptions extends ApiOptions {
  readonly integration?: string;
  readonly kind?: string;
  readonly limit: string;
  readonly after?: string;
}

interface ShowOptions extends ApiOptions {
  readonly findings?: boolean;
}

export function register(program: Command): void {
  const certificates = strict(program.command('certificates')).description('what comparisons of both sides proved');
  withApiOptions(certificates.command('list').description('the newest first'))
    .option('--integration <tenant/integration>', 'of this one only')
    .addOption(new Option('--kind <kind>', 'of these only').choices(['verify', 'repair', 'sweep']))
    .option('--limit <count>', 'certificates per page', '20')
    .option('--after <id>', 'the page after this certificate')
    .action(action(list));
  withApiOptions(certificates.command('show').description('one, whole')).argument('<id>')
    .option('--findings', 'every record that it left unexplained or on its way')
    .action(action(show));
  withApiOptions(certificates.command('compare').description('whether two found the same; exit code 0 only then')).argument('<id>').argument('<other>').action(action(compare));
}

async function list(options: ListOptions): Promise<void> {
  const { kind, limit, after } = options;
  const page = await apiClient(options, process.env).get('/v1/certificates', { ...filterOf(options), kind, limit, after }, zCertificateList);
  if (options.json) {
    console.log(JSON.stringify(page));
    return;
  }
  console.log(page.certificates.length === 0 ? 'no certificates yet' : renderTable({
    head: ['id', 'kind', 'integration', 'at', 'pairs', 'equal', 'held', 'in flight', 'unexplained', 'digest'], isTerminal: process.stdout.isTTY,
    rows: page.certificates.map((one) => [one.id, one.kind, `${one.tenant}/${one.integration}`, when(one.finishedAt), ...[one.pairs, one.equal, one.held, one.inFlight, one.unexplained].map(String), short(one.digest)]),
  }));
  if (page.next !== null) console.log(`\nmore: --after ${page.next}`);
}

async function show(id: string, options: ShowOptions): Promise<void> {
  const api = apiClient(options, process.env);
  if (options.findings) return showFindings(api, id, options);
  const certificate = await certificateOf(api, id);
  console.log(options.json ? JSON.stringify(certificate) : renderCertificate(certificate));
}

/** As JSON one finding per line: there may be many. */
async function showFindings(api: ApiClient, id: string, { json }: ShowOptions): Promise<void> {
  let after: string | undefined;
  do {
    const page = await api.get(`/v1/certificates/${encodeURIComponent(id)}/findings`, { after, limit: 1_000 }, zFindingList);
    for (const one of page.findings) {
      const what = one.groups.map(({ kind, group, reason }) => `${kind}${group === null ? '' : ` ${group}`}: ${reason}`).join(', ');
      console.log(json ? JSON.stringify(one) : `Bevatel ${one.bevatelId ?? '-'}, external ${one.externalId ?? '-'}: ${what}${one.deferred === null ? '' : ` (left alone: ${one.deferred})`}`);
    }
    after = page.next ?? undefined;
  } while (after !== undefined);
}

async function compare(id: string, other: string, options: ApiOptions): Promise<void> {
  const api = apiClient(options, process.env);
  const [one, two] = await Promise.all([certificateOf(api, id), certificateOf(api, other)]);
  const same = one.digest === two.digest;
  const moved = movedCounts(one, two);
  console.log(options.json ? JSON.stringify({ same, sameRules: one.rules === two.rules, moved }) : [
    same ? 'both found the same of every link and field' : 'they found something else',
    ...(one.rules === two.rules ? [] : ['the rules they compared by differ']),
    ...(moved.length > 0 ? [renderTable({ head: ['count', when(one.finishedAt), when(two.finishedAt)], rows: moved.map(({ count, was, is }) => [count, String(was), String(is)]), isTerminal: process.stdout.isTTY })] : []),
  ].join('\n'));
  process.exitCode = same ? 0 : 1;
}

interface Moved {
  readonly count: string;
  readonly was: number;
  readonly is: number;
}

function movedCounts(one: Certificate, two: Certificate): readonly Moved[] {
  const counts = ({ pairs, equal, lossy, byReason }: Certificate): Readonly<Record<string, number>> => ({ pairs, equal, lossy, ...byReason });
  const [was, is] = [counts(one), counts(two)];
  return [...new Set([...Object.keys(was), ...Object.keys(is)])].map((count) => ({ count, was: was[count] ?? 0, is: is[count] ?? 0 })).filter((moved) => moved.was !== moved.is);
}

function certificateOf(api: ApiClient, id: string): Promise<Certificate> {
  return api.get(`/v1/certificates/${encodeURIComponent(id)}`, {}, zCertificate);
}
