/** `bevatel-sync history`: what was decided, the newest first, with both values and the rule. */
import { Option } from 'commander';
import type { Command } from 'commander';
import { zHistoryPage } from '../../schemas/api-history.ts';
import type { ToldDecision } from '../../schemas/api-history.ts';
import { VERDICTS } from '../../schemas/decision.ts';
import { apiClient, filterOf, withApiOptions } from '../terminal/api-client.ts';
import type { ApiOptions } from '../terminal/api-client.ts';
import { action } from '../terminal/failure.ts';
import { momentOf } from '../terminal/moments.ts';
import { renderTable } from '../terminal/table.ts';
import { values, when } from '../terminal/words.ts';

interface Options extends ApiOptions {
  readonly tenant?: string;
  readonly integration?: string;
  readonly contact?: string;
  readonly group?: string;
  readonly rule?: string;
  readonly verdict?: string;
  readonly since?: string;
  readonly until?: string;
  readonly limit: string;
  readonly after?: string;
}

export function register(program: Command): void {
  withApiOptions(program.command('history').description('what was decided, the newest first'))
    .option('--tenant <tenant>', 'of this tenant only')
    .option('--integration <tenant/integration>', 'of this one only')
    .option('--contact <id>', 'of this contact, by its id on either side, or of this link')
    .option('--group <field>', 'of this field')
    .option('--rule <rule>', 'by this rule, or its family: policy is every policy')
    .addOption(new Option('--verdict <verdict>', 'with this verdict').choices(VERDICTS))
    .option('--since <time>', '2026-04-16T07:00Z, or how long ago: 90m, 24h, 7d')
    .option('--until <time>', 'before this time')
    .option('--limit <decisions>', 'decisions per page', '100')
    .option('--after <cursor>', 'the page after this one, as the page before names it')
    .action(action(history));
}

async function history(options: Options): Promise<void> {
  const { tenant, contact, group, rule, verdict, limit, after, since, until } = options;
  const at = (text: string | undefined): number | undefined => (text === undefined ? undefined : momentOf(text, Date.now()));
  const query = { tenant, ...filterOf(options), contact, group, rule, verdict, since: at(since), until: at(until), limit, after };
  const page = await apiClient(options, process.env).get('/v1/history', query, zHistoryPage);
  if (options.json) {
    console.log(JSON.stringify(page));
    return;
  }
  console.log(page.decisions.length === 0 ? 'nothing of this was decided' : renderTable({
    head: ['decided', 'integration', 'Bevatel', 'external', 'verdict', 'field', 'rule', "Bevatel's value", 'external value', 'written', 'id'],
    rows: page.decisions.flatMap(rowsOf), isTerminal: process.stdout.isTTY,
  }));
  if (page.next !== null) console.log(`\nmore: --after ${page.next}`);
}

/** One row per field; one for a decision of which no field is told. */
export function rowsOf(one: ToldDecision): string[][] {
  const begin = [when(one.decidedAt), `${one.tenant}/${one.integration}`, one.bevatelId ?? '-', one.externalId ?? '-'];
  if (one.groups.length === 0) return [[...begin, one.verdict, '-', '-', '-', '-', '-', one.id]];
  return one.groups.map((group) => [
    ...begin, group.attempt === null ? group.verdict : `landed (${group.rule})`, group.group, group.rule,
    side(group.bevatel), side(group.external), group.write ? `${group.write.side}: ${values(group.write.values)}` : '-', one.id,
  ]);
}

function side(told: ToldDecision['groups'][number]['bevatel']): string {
  return told ? `${values(told.values)}${told.actor === null ? '' : ` (${told.actor})`}` : '-';
}
