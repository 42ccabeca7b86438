/** What the commands on who is whom have in common: their options, and how what they change is shown. */
import type { Command } from 'commander';
import { zLinksChange } from '../../schemas/api-identity.ts';
import type { LinksChange, LinkView } from '../../schemas/api-identity.ts';
import { apiClient, filterOf, withApiOptions } from './api-client.ts';
import type { ApiOptions } from './api-client.ts';
import { dryRunOf } from './confirm.ts';
import type { Confirmation } from './confirm.ts';
import { renderTable } from './table.ts';

export interface ChangeOptions extends ApiOptions, Confirmation {
  readonly integration?: string;
  readonly token?: string;
}

export function withChangeOptions(command: Command): Command {
  return withApiOptions(command)
    .option('--integration <tenant/integration>', 'in this one, where an id is in several')
    .option('--dry-run', 'show what would be, and the token of this preview')
    .option('--yes', 'do it')
    .option('--token <token>', 'with --yes: of a preview; what has changed since is refused');
}

export async function changeLinks(path: string, order: Readonly<Record<string, string | undefined>>, options: ChangeOptions): Promise<void> {
  const body = { ...order, ...filterOf(options), dryRun: dryRunOf(options), ...(options.token === undefined ? {} : { token: options.token }) };
  const answer = await apiClient(options, process.env).post(path, body, zLinksChange);
  console.log(options.json ? JSON.stringify(answer) : render(answer, process.stdout.isTTY));
}

function render({ dryRun, tenant, integration, token, before, after }: LinksChange, isTerminal: boolean): string {
  const table = (links: readonly LinkView[]): string => renderTable({ head: LINK_HEAD, rows: links.map(linkRow), isTerminal });
  const pairs = after.filter(({ state }) => state === 'paired').flatMap(({ bevatelId, externalId, score, fields }) => [
    `${bevatelId} = ${externalId}: the names are alike by ${score === null ? 'nobody knows how much' : score.toFixed(2)}`,
    ...fields.map((one) => `  ${one.group}: ${one.verdict} (${one.conflict ?? one.rule})${one.writeTo === null ? '' : `, written to ${one.writeTo}`}`),
  ]);
  return [
    `${tenant}/${integration}`, dryRun ? 'as it is' : 'as it was', table(before), dryRun ? 'as it would be' : 'as it is now', table(after), ...pairs,
    ...(dryRun ? [`carry it out with: --yes --token ${token}`] : []),
  ].join('\n');
}

export const LINK_HEAD = ['link', 'Bevatel', 'name', 'external', 'name', 'state'];

export function linkRow(link: LinkView): string[] {
  const more = [link.hold === null ? '' : `held: ${link.hold}`, link.alone ?? ''].filter((text) => text !== '');
  return [link.linkId, link.bevatelId ?? '-', link.names.bevatel ?? '-', link.externalId ?? '-', link.names.external ?? '-', [link.state, ...more].join(', ')];
}
