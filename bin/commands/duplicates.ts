/** `bevatel-sync duplicates list`: records of one side that share a key, with how like their names are. */
import type { Command } from 'commander';
import { zDuplicateList } from '../../schemas/api-identity.ts';
import type { Duplicates } from '../../schemas/api-identity.ts';
import { apiClient, integrationOf, withApiOptions } from '../terminal/api-client.ts';
import type { ApiOptions } from '../terminal/api-client.ts';
import { action, strict } from '../terminal/failure.ts';
import { renderTable } from '../terminal/table.ts';

interface Options extends ApiOptions {
  readonly limit: string;
  readonly after?: string;
}

export function register(program: Command): void {
  const duplicates = strict(program.command('duplicates')).description('records of one side that share a key');
  withApiOptions(duplicates.command('list').description('group by group, with how like each name is to the first'))
    .argument('<integration>', 'tenant/integration')
    .option('--limit <groups>', 'groups per page', '100')
    .option('--after <cursor>', 'the page after this one, as the page before names it')
    .action(action(list));
}

async function list(integration: string, options: Options): Promise<void> {
  const { limit, after, json } = options;
  const page = await apiClient(options, process.env).get('/v1/duplicates', { ...integrationOf(integration), limit, after }, zDuplicateList);
  if (json) {
    console.log(JSON.stringify(page));
    return;
  }
  console.log(page.groups.length === 0 ? 'no records share a key' : renderTable({ head: ['side', 'share', 'link', 'record', 'name', 'alike', 'partner', 'held'], rows: page.groups.flatMap(rows), isTerminal: process.stdout.isTTY }));
  if (page.next !== null) console.log(`\nmore: --after ${page.next}`);
}

function rows({ side, kind, value, count, records }: Duplicates): string[][] {
  const named = records.map((one, index) => [index === 0 ? side : '', index === 0 ? `${kind} ${value}` : '', one.linkId, one.id, one.name ?? '-', one.score === null ? '-' : one.score.toFixed(2), one.partnerId ?? '-', one.hold ?? '']);
  return count > records.length ? [...named, ['', `and ${count - records.length} more`, '', '', '', '', '', '']] : named;
}
