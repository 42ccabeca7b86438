/** `bevatel-sync erase CONTACT`, `erase list|show|lift`: a person is erased, with a receipt of every store and system. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { zEraseAnswer, zErasure, zErasureList, zLiftAnswer } from '../../schemas/api-deletes.ts';
import type { EraseAnswer, Erasure } from '../../schemas/api-deletes.ts';
import { SyncError } from '../../schemas/errors.ts';
import { apiClient, filterOf, withApiOptions } from '../terminal/api-client.ts';
import type { ApiClient, ApiOptions } from '../terminal/api-client.ts';
import { dryRunOf } from '../terminal/confirm.ts';
import type { Confirmation } from '../terminal/confirm.ts';
import { action } from '../terminal/failure.ts';
import { renderTable } from '../terminal/table.ts';
import { when } from '../terminal/words.ts';

interface EraseOptions extends ApiOptions, Confirmation {
  readonly integration?: string;
  readonly tenant?: string;
  readonly propagate?: true;
  readonly wait: string;
}
interface ListOptions extends ApiOptions {
  readonly tenant?: string;
  readonly limit: string;
  readonly before?: string;
}
interface OneOptions extends ApiOptions {
  readonly tenant: string;
}

const POLL_MS = 300;

export function register(program: Command): void {
  const erase = withApiOptions(program.command('erase').description('erase a person everywhere here, and in the systems when they are asked'))
    .argument('[contact]', 'an id that the contact has or had, in Bevatel or in the external system')
    .option('--tenant <tenant>', 'where an id is not the only one')
    .option('--integration <tenant/integration>', 'the link there only')
    .option('--propagate', 'ask the systems to erase their records too')
    .option('--dry-run', 'count what would be erased')
    .option('--yes', 'do it')
    .option('--wait <seconds>', 'how long to wait for the receipts', '20')
    .enablePositionalOptions()
    .action(action(eraseContact));
  withApiOptions(erase.command('list').description('erasures, the newest first'))
    .option('--tenant <tenant>', 'of this one only')
    .option('--limit <count>', 'per page', '100')
    .option('--before <time>', 'the page after this one, as the page before names it')
    .action(action(list));
  withApiOptions(erase.command('show').description('one erasure with its receipts'))
    .argument('<erasure>').requiredOption('--tenant <tenant>', 'whose')
    .action(action(async (id: string, options: OneOptions) => print(await read(apiClient(options, process.env), options.tenant, id), options)));
  withApiOptions(erase.command('lift').description('let a person in again who comes back willingly; what was erased does not come back'))
    .argument('<erasure>').requiredOption('--tenant <tenant>', 'whose')
    .option('--dry-run', 'show what would be let in')
    .option('--yes', 'do it')
    .action(action(lift));
}

async function eraseContact(contact: string | undefined, options: EraseOptions): Promise<void> {
  if (contact === undefined) throw new SyncError('change_malformed', 'name a contact by an id that it has or had');
  const api = apiClient(options, process.env);
  const filter = options.tenant === undefined ? filterOf(options) : { tenant: options.tenant, ...filterOf(options) };
  const answer = await api.post('/v1/erasures', { contact, ...filter, propagate: options.propagate ?? false, dryRun: dryRunOf(options) }, zEraseAnswer);
  if (answer.erasure === null) {
    console.log(options.json ? JSON.stringify(answer) : preview(answer));
    return;
  }
  const erasure = await receipts(api, answer.tenant, answer.erasure, Number(options.wait) * 1_000);
  if (options.json) console.log(JSON.stringify({ ...answer, receipts: erasure }));
  else print(erasure, options);
  process.exitCode = erasure.state === 'clearing' || erasure.state === 'incomplete' ? 1 : 0;
}

function preview({ tenant, records, items, hashes, systems }: EraseAnswer): string {
  return [
    ...records.map((one) => `${tenant}/${one.integration}  link ${one.linkId}  Bevatel ${one.bevatelId ?? '-'}  external ${one.externalId ?? '-'}${one.erasedBefore ? '  erased before' : ''}`),
    `would be removed at once: ${Object.entries(items).map(([place, count]) => `${place} ${count}`).join(', ')}; ${hashes} hashes would keep the person out`,
    ...systems.map(({ side, integration, id, asked }) => `${side} (${integration}) ${id}: ${asked ? 'would be asked to erase it' : 'keeps its record; --propagate asks it to erase it'}`),
  ].join('\n');
}

/** As they are when the erasure is through, or when the time is over. */
async function receipts(api: ApiClient, tenant: string, id: string, patienceMs: number): Promise<Erasure> {
  const end = Date.now() + patienceMs;
  for (;;) {
    const erasure = await read(api, tenant, id);
    if (erasure.state !== 'clearing' || Date.now() >= end) return erasure;
    await sleep(POLL_MS);
  }
}

function read(api: ApiClient, tenant: string, id: string): Promise<Erasure> {
  return api.get(`/v1/erasures/${encodeURIComponent(tenant)}/${encodeURIComponent(id)}`, {}, zErasure);
}

function print(erasure: Erasure, { json }: ApiOptions): void {
  console.log(json ? JSON.stringify(erasure) : [
    `erasure ${erasure.id} of ${erasure.tenant}: ${erasure.state}${erasure.completeAt === null ? '' : `, nothing is left after ${when(erasure.completeAt)}`}`,
    `asked for by ${erasure.origin} ${erasure.requestedBy} at ${when(erasure.requestedAt)}${erasure.liftedAt === null ? '' : `; lifted by ${erasure.liftedBy ?? '-'} at ${when(erasure.liftedAt)}`}`,
    renderTable({
      head: ['place', 'integration', 'state', 'items', 'at', 'until', 'why'], isTerminal: process.stdout.isTTY,
      rows: erasure.receipts.map((one) => [one.place, one.integration ?? '-', one.state, one.items === null ? '-' : String(one.items), when(one.at), when(one.until), one.detail ?? '']),
    }),
  ].join('\n'));
}

async function list(options: ListOptions): Promise<void> {
  const { tenant, limit, before } = options;
  const page = await apiClient(options, process.env).get('/v1/erasures', { tenant, limit, before }, zErasureList);
  if (options.json) {
    console.log(JSON.stringify(page));
    return;
  }
  console.log(page.erasures.length === 0 ? 'nobody was erased' : renderTable({
    head: ['erasure', 'tenant', 'state', 'asked for by', 'at', 'nothing left after'], isTerminal: process.stdout.isTTY,
    rows: page.erasures.map((one) => [one.id, one.tenant, one.state, `${one.origin} ${one.requestedBy}`, when(one.requestedAt), when(one.completeAt)]),
  }));
  if (page.next !== null) console.log(`\nmore: --before ${page.next}`);
}

async function lift(id: string, options: OneOptions & Confirmation): Promise<void> {
  const answer = await apiClient(options, process.env).post(`/v1/erasures/${encodeURIComponent(options.tenant)}/${encodeURIComponent(id)}/lift`, { dryRun: dryRunOf(options) }, zLiftAnswer);
  const word = answer.dryRun ? 'would be' : 'are';
  console.log(options.json ? JSON.stringify(answer) : [
    `${answer.hashes} hashes ${word} dropped; ${answer.records.length} records ${word} read anew and treated like any other`,
    ...answer.records.map(({ side, integration, id: recordId }) => `  ${side} (${integration}) ${recordId}`),
  ].join('\n'));
}
