/** `bevatel-sync conflicts list|resolve`: what waits for a person, and that person's word. */
import { Option } from 'commander';
import type { Command } from 'commander';
import { zConflictList, zResolveAnswer } from '../../schemas/api.ts';
import type { Conflict, ResolveBody } from '../../schemas/api.ts';
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
interface ResolveOptions extends ApiOptions {
  readonly winner?: 'bevatel' | 'external';
  readonly retry?: true;
  readonly linkWith?: string;
}

export function register(program: Command): void {
  const conflicts = strict(program.command('conflicts')).description('what is held until a person decides');
  withApiOptions(conflicts.command('list').description('with the id that resolve takes'))
    .option('--integration <tenant/integration>', 'of this one only')
    .option('--limit <links>', 'links per page', '100')
    .option('--after <cursor>', 'the page after this one, as the page before names it')
    .action(action(list));
  withApiOptions(conflicts.command('resolve').description('decide one, as it was shown: an id whose values have moved since is refused'))
    .argument('<id>', 'from the list; in quotes, as it may hold special characters')
    .addOption(new Option('--winner <side>', 'whose value stays').choices(['bevatel', 'external']))
    .option('--retry', 'a hold on the whole link: drop it and decide anew')
    .option('--link-with <link>', 'a hold on the whole link: this other link is the same person')
    .action(action(resolve));
}

async function list(options: ListOptions): Promise<void> {
  const { json, limit, after } = options;
  const page = await apiClient(options, process.env).get('/v1/conflicts', { ...filterOf(options), limit, after }, zConflictList);
  if (json) console.log(JSON.stringify(page));
  else {
    console.log(page.conflicts.length === 0 ? 'nothing is held' : renderTable({
      head: ['id', 'type', 'since', 'Bevatel', 'edited', 'external', 'edited', 'more'], rows: page.conflicts.map(row), isTerminal: process.stdout.isTTY, maxCell: 64,
    }));
    if (page.next !== null) console.log(`\nmore: --after ${page.next}`);
  }
}

function row(one: Conflict): string[] {
  const more = [
    one.overwritten ? `overwritten: ${values(one.overwritten)}` : '', one.detail ?? '',
    one.owner ? `let it be the ${one.owner === 'bevatel' ? 'Bevatel' : 'external'} side's: direction: ${one.owner === 'bevatel' ? 'to_external' : 'to_bevatel'}` : '',
    one.candidates.length > 0 ? `links: ${one.candidates.join(', ')}` : '',
    one.group === null ? `${one.bevatelId ?? '-'} / ${one.externalId ?? '-'}` : '',
  ].filter((text) => text !== '');
  return [one.id, one.type, when(one.since), ...side(one.bevatel), ...side(one.external), more.join('; ')];
}

function side(one: Conflict['bevatel']): [string, string] {
  if (!one) return ['-', '-'];
  const edited = one.editedTo === null && one.editedFrom === null ? 'unknown' : when(one.editedTo ?? one.editedFrom);
  return [values(one.values), one.actor === null ? edited : `${edited} ${one.actor}`];
}

async function resolve(id: string, options: ResolveOptions): Promise<void> {
  const { winner, retry, linkWith } = options;
  const body: ResolveBody = { id, ...(winner ? { winner } : {}), ...(retry ? { retry } : {}), ...(linkWith === undefined ? {} : { linkWith }) };
  const answer = await apiClient(options, process.env).post('/v1/conflicts/resolve', body, zResolveAnswer);
  if (options.json) console.log(JSON.stringify(answer));
  else console.log(answer.write ? `resolved: ${values(answer.write.values)} goes to ${answer.write.side}` : 'resolved: nothing has to be written for it now');
}
