/** `bevatel-sync links list|show`: who is whom, and what tells so. */
import { Option } from 'commander';
import type { Command } from 'commander';
import { LINK_FILTERS, zLinkList, zLinkShow } from '../../schemas/api-identity.ts';
import type { LinkDetail } from '../../schemas/api-identity.ts';
import { apiClient, filterOf, withApiOptions } from '../terminal/api-client.ts';
import type { ApiOptions } from '../terminal/api-client.ts';
import { action, strict } from '../terminal/failure.ts';
import { LINK_HEAD, linkRow } from '../terminal/links-change.ts';
import { renderTable } from '../terminal/table.ts';
import { when } from '../terminal/words.ts';

interface ListOptions extends ApiOptions {
  readonly integration?: string;
  readonly state?: (typeof LINK_FILTERS)[number];
  readonly limit: string;
  readonly after?: string;
}
interface ShowOptions extends ApiOptions {
  readonly integration?: string;
}

export function register(program: Command): void {
  const links = strict(program.command('links')).description('who is whom');
  withApiOptions(links.command('list').description('by id'))
    .option('--integration <tenant/integration>', 'of this one only')
    .addOption(new Option('--state <state>', 'in this state only').choices(LINK_FILTERS))
    .option('--limit <links>', 'links per page', '100')
    .option('--after <cursor>', 'the page after this one, as the page before names it')
    .action(action(list));
  withApiOptions(links.command('show').description('one link or contact: its keys, whom it may be one with, from whom it was parted'))
    .argument('<name>', 'a link, or an id that a record has, or had before a merge')
    .option('--integration <tenant/integration>', 'its link there only')
    .action(action(show));
}

async function list(options: ListOptions): Promise<void> {
  const { state, limit, after, json } = options;
  const page = await apiClient(options, process.env).get('/v1/links', { ...filterOf(options), state, limit, after }, zLinkList);
  if (json) {
    console.log(JSON.stringify(page));
    return;
  }
  const isTerminal = process.stdout.isTTY;
  console.log(page.links.length === 0 ? 'no links' : renderTable({ head: ['integration', ...LINK_HEAD], rows: page.links.map((link) => [`${link.tenant}/${link.integration}`, ...linkRow(link)]), isTerminal }));
  if (page.next !== null) console.log(`\nmore: --after ${page.next}`);
}

async function show(name: string, options: ShowOptions): Promise<void> {
  const answer = await apiClient(options, process.env).get('/v1/links/show', { name, ...filterOf(options) }, zLinkShow);
  console.log(options.json ? JSON.stringify(answer) : answer.links.map((link) => render(link, process.stdout.isTTY)).join('\n\n'));
}

function render(link: LinkDetail, isTerminal: boolean): string {
  const { conflict, formerIds } = link;
  const candidates = conflict?.candidates.map((one) => [one.linkId, one.bevatelId ?? '-', one.names.bevatel ?? '-', one.externalId ?? '-', one.names.external ?? '-', one.score === null ? '-' : one.score.toFixed(2)]) ?? [];
  const former = [...formerIds.bevatel.map((id) => `bevatel ${id}`), ...formerIds.external.map((id) => `external ${id}`)];
  return [
    `${link.tenant}/${link.integration}`,
    renderTable({ head: LINK_HEAD, rows: [linkRow(link)], isTerminal }),
    ...(link.keys.length > 0 ? [`matched by: ${link.keys.map(({ side, kind, value }) => `${side} ${kind} ${value}`).join(', ')}`] : []),
    ...(conflict ? [
      `held since ${when(conflict.since)} as ${conflict.type}${conflict.rule === null ? '' : ` by ${conflict.rule}`}; conflicts resolve ${conflict.id}`,
      renderTable({ head: ['candidate', 'Bevatel', 'name', 'external', 'name', 'alike'], rows: candidates, isTerminal }),
    ] : []),
    ...link.apart.map(({ side, id, at, by }) => `parted from ${side} ${id} ${when(at)} by ${by}`),
    ...(former.length > 0 ? [`went into it by merges: ${former.join(', ')}`] : []),
  ].join('\n');
}
