/** `bevatel-sync change-sets list|show|approve|reject`: what is held because too many records would get it at once. */
import type { Command } from 'commander';
import { zChangeSetDetail, zChangeSetList, zDecideChangeSetAnswer } from '../../schemas/api.ts';
import type { ChangeSet, ChangeSetDetail, DecideChangeSetBody } from '../../schemas/api.ts';
import { apiClient, filterOf, withApiOptions } from '../terminal/api-client.ts';
import type { ApiOptions } from '../terminal/api-client.ts';
import { action, strict } from '../terminal/failure.ts';
import { renderTable } from '../terminal/table.ts';
import { values, when } from '../terminal/words.ts';

interface ListOptions extends ApiOptions {
  readonly integration?: string;
  readonly all?: true;
}
interface ShowOptions extends ApiOptions {
  readonly limit: string;
  readonly after?: string;
}
interface DecideOptions extends ApiOptions {
  readonly token: string;
  readonly dryRun?: true;
}

export function register(program: Command): void {
  const sets = strict(program.command('change-sets')).description('what waits for an approval: deletes, blankings, creations and one value for many, in numbers');
  withApiOptions(sets.command('list').description('with the token that approve and reject take'))
    .option('--integration <tenant/integration>', 'of this one only').option('--all', 'decided ones too').action(action(list));
  withApiOptions(sets.command('show').description('what would be written, record by record')).argument('<id>', 'from the list')
    .option('--limit <records>', 'records per page', '50').option('--after <cursor>', 'the page after this one, as the page before names it').action(action(show));
  for (const [decision, description] of [['approve', 'let it go out'], ['reject', 'leave both sides as they are; later edits go their way']] as const) {
    withApiOptions(sets.command(decision).description(description)).argument('<id>', 'from the list')
      .requiredOption('--token <token>', 'from the list or from show: what was shown is what is decided').option('--dry-run', 'check only')
      .action(action((id: string, options: DecideOptions) => decide(decision, id, options)));
  }
}

async function list(options: ListOptions): Promise<void> {
  const found = await apiClient(options, process.env).get('/v1/change-sets', { ...filterOf(options), ...(options.all ? {} : { state: 'open' }) }, zChangeSetList);
  if (options.json) console.log(JSON.stringify(found));
  else if (found.changeSets.length === 0) console.log('nothing waits for an approval');
  else console.log(renderTable({ head: ['id', 'integration', 'what', 'records', 'done before', 'allowed', 'since', 'state', 'token'], rows: found.changeSets.map(row), isTerminal: process.stdout.isTTY, maxCell: 48 }));
}

function row(set: ChangeSet): string[] {
  return [set.id, `${set.tenant}/${set.integration}`, what(set), String(set.records), String(Math.max(0, set.counted - set.records)), String(set.allowed), when(set.openedAt), set.closedBy ? `${set.state} by ${set.closedBy}` : set.state, set.token];
}

const WHAT = { delete: 'deletes', blanking: 'blankings', same_value: 'one value for many', create: 'creations', merge: 'writes after merges', canary: 'canary' } as const;

function what({ kind, side, group }: ChangeSet): string {
  return [WHAT[kind], ...(group === null ? [] : [`of ${group}`]), ...(side === null ? [] : [`in ${side}`])].join(' ');
}

async function show(id: string, options: ShowOptions): Promise<void> {
  const { limit, after } = options;
  const found = await apiClient(options, process.env).get(`/v1/change-sets/${encodeURIComponent(id)}`, { limit, after }, zChangeSetDetail);
  if (options.json) console.log(JSON.stringify(found));
  else {
    console.log(`${what(found)}: ${found.records} records, ${found.state}, token ${found.token}`);
    if (found.items.length > 0) console.log(renderTable({ head: ['Bevatel', 'external', 'field', 'is', 'becomes'], rows: found.items.map(itemRow), isTerminal: process.stdout.isTTY, maxCell: 48 }));
    if (found.next !== null) console.log(`\nmore: --after ${found.next}`);
  }
}

function itemRow(item: ChangeSetDetail['items'][number]): string[] {
  const becomes = item.isWanted ? (item.after ? values(item.after) : '') : 'not wanted any more';
  return [item.bevatelId ?? '-', item.externalId ?? '-', item.group ?? '-', item.before ? values(item.before) : '', becomes];
}

async function decide(decision: DecideChangeSetBody['decision'], id: string, options: DecideOptions): Promise<void> {
  const body: DecideChangeSetBody = { decision, token: options.token, dryRun: options.dryRun ?? false };
  const answer = await apiClient(options, process.env).post(`/v1/change-sets/${encodeURIComponent(id)}/decide`, body, zDecideChangeSetAnswer);
  if (options.json) console.log(JSON.stringify(answer));
  else console.log(`${answer.dryRun ? 'would be ' : ''}${decision === 'approve' ? 'approved' : 'rejected'}: ${answer.records} records`);
}
