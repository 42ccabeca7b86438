/** `bevatel-sync what-if`: what would have been decided under other policies or another mapping, from the decisions kept. */
import type { Command } from 'commander';
import { zWhatIfLine } from '../../schemas/api-history.ts';
import type { WhatIfLine, WhatIfTotals } from '../../schemas/api-history.ts';
import { SyncError } from '../../schemas/errors.ts';
import { POLICIES } from '../../schemas/integration.ts';
import { apiClient, integrationOf, withApiOptions } from '../terminal/api-client.ts';
import type { ApiOptions } from '../terminal/api-client.ts';
import { action } from '../terminal/failure.ts';
import { readIntegrationFile } from '../terminal/integration-file.ts';
import { momentOf } from '../terminal/moments.ts';
import { renderTable } from '../terminal/table.ts';
import { values, when } from '../terminal/words.ts';

interface Options extends ApiOptions {
  readonly integration?: string;
  readonly policy?: readonly string[];
  readonly mapping?: string;
  readonly since: string;
  readonly until?: string;
}
type Difference = Extract<WhatIfLine, { kind: 'difference' }>;

export function register(program: Command): void {
  withApiOptions(program.command('what-if').description('what would have been decided under another configuration; nothing is changed'))
    .option('--integration <tenant/integration>', 'whose decisions; a mapping names its own')
    .option('--policy <field=policy>', 'another policy for a field, or for all by *=policy; may be given several times', (text: string, all: readonly string[]) => [...all, text], [] as readonly string[])
    .option('--mapping <file>', 'another integration file')
    .requiredOption('--since <time>', '2026-04-16T07:00Z, or how long ago: 90m, 24h, 7d')
    .option('--until <time>', 'before this time; now')
    .action(action(whatIf));
}

async function whatIf(options: Options): Promise<void> {
  const body = await bodyOf(options);
  const api = apiClient(options, process.env);
  for await (const line of api.lines('/v1/what-if', body, zWhatIfLine)) {
    if (line.kind === 'progress') progress(`${line.examined} decisions examined`);
    else if (options.json) console.log(JSON.stringify(line));
    else if (line.kind === 'difference') console.log(lineOf(line));
    else if (line.kind === 'totals') console.log(render(line, process.stdout.isTTY));
  }
}

async function bodyOf(options: Options): Promise<object> {
  const now = Date.now();
  const span = { since: momentOf(options.since, now), ...(options.until === undefined ? {} : { until: momentOf(options.until, now) }) };
  const policies = (options.policy ?? []).map(policyOf);
  if ((policies.length === 0) === (options.mapping === undefined)) throw new SyncError('change_malformed', 'give --policy FIELD=POLICY, or --mapping FILE');
  if (options.mapping !== undefined) {
    const config = await readIntegrationFile(options.mapping);
    return { tenant: config.tenant, integration: config.integration, config, ...span };
  }
  if (options.integration === undefined) throw new SyncError('change_malformed', 'name the integration: --integration TENANT/INTEGRATION');
  return { ...integrationOf(options.integration), policies: Object.fromEntries(policies), ...span };
}

function policyOf(text: string): [field: string, policy: string] {
  const cut = text.lastIndexOf('=');
  const policy = text.slice(cut + 1);
  if (cut < 1 || !POLICIES.some((one) => one === policy)) throw new SyncError('change_malformed', `"${text}" is no FIELD=POLICY; policies are ${POLICIES.join(', ')}`);
  return [text.slice(0, cut), policy];
}

/** On a terminal only, and overwritten by what comes next. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${text}\u001B[K\r`);
}

function lineOf(one: Difference): string {
  const names = [...one.fields.bevatel, ...one.fields.external].length === 0 ? one.group : `${one.fields.bevatel.join('+') || '-'} ↔ ${one.fields.external.join('+') || '-'}`;
  return [when(one.decidedAt), one.bevatelId ?? '-', one.externalId ?? '-', names, one.difference, effect(one.then), effect(one.now), one.linkId].join('\t');
}

function effect(one: Difference['now']): string {
  if (!one) return 'not mapped';
  const what = one.effect === 'written' ? `to ${one.side ?? 'both'}: ${values(one.side ? one[one.side] : [...one.bevatel, ...one.external])}` : `${one.effect}: ${values(one.bevatel)} | ${values(one.external)}`;
  return `${what} (${one.rule})`;
}

export function render(totals: WhatIfTotals, isTerminal: boolean): string {
  const rows = Object.entries(totals.byGroup).flatMap(([group, kinds]) => Object.entries(kinds).map(([kind, count]) => [group, kind, String(count)]));
  const list = (counts: Readonly<Record<string, number>>): string => Object.entries(counts).map(([name, count]) => `${name} ${count}`).join(', ');
  return [
    `${totals.tenant}/${totals.integration}, ${when(totals.since)} to ${when(totals.until)}: ${totals.decisions} decisions, ${totals.compared} fields decided again, ${totals.differences} would differ`,
    ...(rows.length > 0 ? [renderTable({ head: ['field', 'difference', 'decisions'], rows, isTerminal })] : []),
    ...(Object.keys(totals.incomparable).length > 0 ? [`not comparable: ${list(totals.incomparable)}`] : []),
    ...(totals.unrecorded.length > 0 ? [`of these nothing was recorded, as their fields are not mapped now: ${totals.unrecorded.join(', ')}`] : []),
  ].join('\n');
}
