/** `bevatel-sync undo`: takes writes of the service back where nobody touched them since; previewed first. */
import type { Command } from 'commander';
import { zUndoLine } from '../../schemas/api-history.ts';
import type { UndoBody, UndoResult } from '../../schemas/api-history.ts';
import { SyncError } from '../../schemas/errors.ts';
import { apiClient, filterOf, withApiOptions } from '../terminal/api-client.ts';
import type { ApiClient, ApiOptions } from '../terminal/api-client.ts';
import { action } from '../terminal/failure.ts';
import { momentOf } from '../terminal/moments.ts';
import { renderTable } from '../terminal/table.ts';
import { values, when } from '../terminal/words.ts';

interface Options extends ApiOptions {
  readonly tenant?: string;
  readonly integration?: string;
  readonly since?: string;
  readonly until?: string;
  readonly rule?: string;
  readonly group?: string;
  readonly contact?: string;
  readonly token?: string;
  readonly dryRun?: true;
  readonly yes?: true;
}

export function register(program: Command): void {
  withApiOptions(program.command('undo').description('take back what the service wrote and nobody touched since; it does not travel to the other side'))
    .option('--since <time>', 'writes from this time on: 2026-04-16T07:00Z, or how long ago: 90m, 24h, 7d')
    .option('--until <time>', 'before this time; now')
    .option('--tenant <tenant>', 'of this tenant; needed where there are several')
    .option('--integration <tenant/integration>', 'of this one only')
    .option('--rule <rule>', 'decided by this rule, or its family: policy is every policy')
    .option('--group <field>', 'of this field')
    .option('--contact <id>', 'of this contact, by its id on either side, or of this link')
    .option('--dry-run', 'show what would be taken back, and the token of this preview')
    .option('--yes', 'do it')
    .option('--token <token>', 'with --yes: of a preview, which names all; what moved since is left alone and named')
    .action(action(undo));
}

async function undo(options: Options): Promise<void> {
  if ((options.dryRun === true) === (options.yes === true)) throw new SyncError('change_malformed', 'give --dry-run to see what would be taken back, or --yes to do it');
  if (options.since === undefined && options.token === undefined) throw new SyncError('change_malformed', 'give --since TIME, or with --yes the --token of a preview');
  const api = apiClient(options, process.env);
  const { tenant, rule, group, contact } = options;
  const scope = { tenant, ...filterOf(options), rule, group, contact };
  const preview = options.token === undefined ? await ask(api, { ...scope, ...spanOf(options, Date.now()) }) : null;
  const result = options.yes ? await ask(api, { ...scope, token: options.token ?? preview?.token ?? '' }) : preview;
  if (result) console.log(options.json ? JSON.stringify(result) : render(result, process.stdout.isTTY));
}

function spanOf({ since, until }: Options, now: number): Pick<UndoBody, 'since' | 'until'> {
  return { ...(since === undefined ? {} : { since: momentOf(since, now) }), ...(until === undefined ? {} : { until: momentOf(until, now) }) };
}

async function ask(api: ApiClient, body: UndoBody): Promise<UndoResult> {
  for await (const line of api.lines('/v1/undo', body, zUndoLine)) {
    if (line.kind === 'undo') return line;
    if (line.kind === 'progress' && process.stderr.isTTY) process.stderr.write(`\r${line.examined} links examined\u001B[K\r`);
  }
  throw new SyncError('unexpected_answer', 'the answer ended without a result');
}

export function render(one: UndoResult, isTerminal: boolean): string {
  const list = (counts: Readonly<Record<string, number>>): string => Object.entries(counts).map(([name, count]) => `${name} ${count}`).join(', ');
  const what = one.undoId === null ? 'would be taken back' : 'are taken back';
  return [
    `${one.tenant}: ${one.integrations.join(', ')}, ${when(one.since)} to ${when(one.until)}`,
    `${one.fields} fields of ${one.links} links ${what}${one.fields > 0 ? ` (${list(one.byGroup)}; ${list(one.bySide)})` : ''}`,
    ...(one.samples.length > 0 ? [renderTable({
      head: ['Bevatel', 'external', 'field', 'side', 'now', 'back to', 'rule'], isTerminal,
      rows: one.samples.map((field) => [field.bevatelId ?? '-', field.externalId ?? '-', field.group, field.side, values(field.present), values(field.back), field.rule ?? '-']),
    })] : []),
    ...(Object.keys(one.skipped).length > 0 ? [`left alone: ${list(one.skipped)}`] : []),
    ...(Object.keys(one.created).length > 0 ? [`records that were made then, and stay: ${list(one.created)}`] : []),
    ...(one.moved > 0 ? [`moved since the preview, and left alone: ${one.moved}`, ...one.movedFields.map((field) => `  ${field.bevatelId ?? '-'} / ${field.externalId ?? '-'}  ${field.group} on ${field.side}: ${field.reason}`)] : []),
    ...(one.token === null ? [`undo ${one.undoId}`] : [`to do it: bevatel-sync undo --yes --token ${one.token}`]),
  ].join('\n');
}
