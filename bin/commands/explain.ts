/** `bevatel-sync explain CONTACT`: why each field has its value, by Bevatel's id or the external system's. */
import type { Command } from 'commander';
import { zExplainAnswer } from '../../schemas/api.ts';
import type { Explanation } from '../../schemas/api.ts';
import { apiClient, filterOf, withApiOptions } from '../terminal/api-client.ts';
import type { ApiOptions } from '../terminal/api-client.ts';
import { action } from '../terminal/failure.ts';
import { renderTable } from '../terminal/table.ts';
import { values, when } from '../terminal/words.ts';

interface Options extends ApiOptions {
  readonly integration?: string;
}
type Field = Explanation['fields'][number];

export function register(program: Command): void {
  withApiOptions(program.command('explain').description('why a contact has the values that it has'))
    .argument('<contact>', 'its id in Bevatel or in the external system')
    .option('--integration <tenant/integration>', 'its link there only')
    .action(action(async (contact: string, options: Options) => {
      const answer = await apiClient(options, process.env).get('/v1/explain', { contact, ...filterOf(options) }, zExplainAnswer);
      console.log(options.json ? JSON.stringify(answer) : answer.links.map((link) => render(link, process.stdout.isTTY)).join('\n\n'));
    }));
}

export function render(link: Explanation, isTerminal: boolean): string {
  const overridden = link.fields.flatMap((field) => field.overridden.map((one) => [
    field.group, one.side, values(one.values), edited(one.editedAt, one.actor), values(one.by), one.rule, when(one.decidedAt),
  ]));
  return [
    `${link.tenant}/${link.integration}  link ${link.linkId}  Bevatel ${link.bevatelId ?? '-'}  external ${link.externalId ?? '-'}  ${link.state}`,
    ...(link.hold ? [`held as a whole: ${link.hold.kind} (${link.hold.detail}) since ${when(link.hold.since)}`] : []),
    ...(link.filtered === null ? [] : [`outside the filter: ${link.filtered}`]),
    ...(link.retry ? [`${link.retry.count} failed writes in a row; tried again at ${when(link.retry.at)}`] : []),
    ...link.attempts.map((one) => `write to ${one.side} ${one.status} since ${when(one.sentAt)}: ${one.groups.join(', ')}`),
    renderTable({ head: ['field', 'Bevatel', 'edited', 'external', 'edited', 'came from', 'rule', 'now'], rows: link.fields.map(row), isTerminal }),
    ...(overridden.length > 0 ? ['overridden:', renderTable({ head: ['field', 'side', 'value', 'edited', 'by', 'rule', 'decided'], rows: overridden, isTerminal })] : []),
  ].join('\n');
}

function row(field: Field): string[] {
  const side = (one: Field['bevatel']): [string, string] => [values(one.values), edited(one.editedTo ?? one.editedFrom, one.actor)];
  return [field.group, ...side(field.bevatel), ...side(field.external), field.origin ? field.origin.side ?? 'both' : '-', field.origin?.rule ?? '-', now(field)];
}

function now(field: Field): string {
  if (field.held) return `held: ${field.held.type}`;
  if (field.wanted) return `to be written to ${field.wanted.side}: ${values(field.wanted.values)}`;
  if (field.skipped !== null) return `skipped: ${field.skipped}`;
  return field.base ? 'agreed' : 'no agreement yet';
}

function edited(at: number | null, actor: string | null): string {
  return `${at === null ? 'unknown' : when(at)}${actor === null ? '' : ` ${actor}`}`;
}
