/** `bevatel-sync deleted list|show`: what was deleted, what follows from it, and what is left to restore it from. */
import type { Command } from 'commander';
import { zDeletedList, zDeletedShow } from '../../schemas/api-deletes.ts';
import type { Deleted, DeletedDetail } from '../../schemas/api-deletes.ts';
import { apiClient, filterOf, withApiOptions } from '../terminal/api-client.ts';
import type { ApiOptions } from '../terminal/api-client.ts';
import { action, strict } from '../terminal/failure.ts';
import { renderTable } from '../terminal/table.ts';
import { values, when } from '../terminal/words.ts';

interface ListOptions extends ApiOptions {
  readonly integration?: string;
  readonly limit: string;
  readonly after?: string;
}
interface ShowOptions extends ApiOptions {
  readonly integration?: string;
}

export function register(program: Command): void {
  const deleted = strict(program.command('deleted')).description('what was deleted, and what is left of it');
  withApiOptions(deleted.command('list').description('the newest first'))
    .option('--integration <tenant/integration>', 'of this one only')
    .option('--limit <links>', 'links per page', '100')
    .option('--after <cursor>', 'the page after this one, as the page before names it')
    .action(action(list));
  withApiOptions(deleted.command('show').description('one contact: its last images, and why what became of it'))
    .argument('<contact>', 'an id that it has or had, in Bevatel or in the external system')
    .option('--integration <tenant/integration>', 'its link there only')
    .action(action(show));
}

async function list(options: ListOptions): Promise<void> {
  const { limit, after } = options;
  const page = await apiClient(options, process.env).get('/v1/deleted', { ...filterOf(options), limit, after }, zDeletedList);
  if (options.json) {
    console.log(JSON.stringify(page));
    return;
  }
  console.log(page.deleted.length === 0 ? 'nothing is deleted' : renderTable({
    head: ['integration', 'Bevatel', 'external', 'state', 'gone on', 'at', 'kept until'], isTerminal: process.stdout.isTTY,
    rows: page.deleted.map((one) => [`${one.tenant}/${one.integration}`, one.bevatelId ?? '-', one.externalId ?? '-', one.state, lostOf(one), when(one.at), when(one.keptUntil)]),
  }));
  if (page.next !== null) console.log(`\nmore: --after ${page.next}`);
}

function lostOf({ lost }: Deleted): string {
  return lost.map(({ side, id, how, ours }) => `${side} ${id} (${ours ? 'by us' : how})`).join(', ');
}

async function show(contact: string, options: ShowOptions): Promise<void> {
  const answer = await apiClient(options, process.env).get('/v1/deleted/contact', { contact, ...filterOf(options) }, zDeletedShow);
  console.log(options.json ? JSON.stringify(answer) : answer.links.map((link) => render(link, process.stdout.isTTY)).join('\n\n'));
}

function render(link: DeletedDetail, isTerminal: boolean): string {
  const images = link.images.flatMap(({ side, isGone, image }) => Object.entries(image).map(([field, value]) => [side, isGone ? 'last' : 'present', field, values([value])]));
  return [
    `${link.tenant}/${link.integration}  link ${link.linkId}  Bevatel ${link.bevatelId ?? '-'}  external ${link.externalId ?? '-'}  ${link.state}`,
    ...link.lost.map((one) => `gone: ${one.side} ${one.id}, ${one.ours ? 'removed by the service' : one.how}, told ${when(one.at)}, ${one.settledAt === null ? 'not confirmed yet' : `confirmed ${when(one.settledAt)}`}`),
    `last images are kept ${link.keptUntil === null ? 'for as long as the partner is there' : `until ${when(link.keptUntil)}`}`,
    renderTable({ head: ['side', 'image', 'field', 'value'], rows: images, isTerminal }),
    ...(link.decisions.length > 0 ? [renderTable({ head: ['decided', 'verdict', 'rule', 'conflict', 'cause'], rows: link.decisions.map((one) => [when(one.at), one.verdict, one.rule, one.conflict ?? '-', one.cause]), isTerminal })] : []),
  ].join('\n');
}
