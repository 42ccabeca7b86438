/** `bevatel-sync conflicts list|resolve|clusters|settle`: what waits for a person, and that person's word on one or on all that are alike. */
import { Argument, Option } from 'commander';
import type { Command } from 'commander';
import { zClusterList, zConflictList, zResolveAnswer, zSettleAnswer } from '../../schemas/api.ts';
import type { Conflict, ConflictCluster, ResolveBody, SettleAnswer, SettleBody } from '../../schemas/api.ts';
import { SyncError } from '../../schemas/errors.ts';
import { WINNING_POLICIES } from '../../schemas/integration.ts';
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
  readonly apart?: true;
  readonly merge?: true;
}
interface ClusterOptions extends ApiOptions {
  readonly integration?: string;
  readonly limit: string;
}
interface SettleOptions extends ApiOptions {
  readonly type?: string;
  readonly cause?: string;
  readonly winner?: 'bevatel' | 'external';
  readonly by?: (typeof WINNING_POLICIES)[number];
  readonly anew?: true;
  readonly yes?: true;
  readonly asOf?: string;
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
    .option('--apart', 'a hold on the whole link: none of the candidates is this person, for good')
    .option('--merge', 'a hold after a merge: the partners are one person as well, and are merged; nobody can undo that')
    .action(action(resolve));
  withApiOptions(conflicts.command('clusters').description('what is held, by field, type and cause, with the mapping change that would end it'))
    .option('--integration <tenant/integration>', 'of this one only')
    .option('--limit <clusters>', 'the largest so many', '50')
    .action(action(clusters));
  withApiOptions(conflicts.command('settle').description('decide all that are alike; without --yes nothing is changed, and what would be is shown'))
    .argument('<integration>', 'tenant/integration')
    .addArgument(new Argument('[field]', 'the field, as the list of clusters names it; - for holds on links as a whole'))
    .option('--type <type>', 'of this type only').option('--cause <cause>', 'of this cause only')
    .addOption(new Option('--winner <side>', 'whose values stay').choices(['bevatel', 'external']))
    .addOption(new Option('--by <policy>', 'each by this policy, as if the field had it').choices(WINNING_POLICIES))
    .option('--anew', 'drop the holds and decide, or try, anew: after the mapping, the policy or the cause was mended')
    .option('--yes', 'carry it out').option('--as-of <time>', 'the time of the preview: what was held later is left')
    .action(action(settle));
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
    one.candidates.length > 0 ? `links: ${one.candidates.map((link, index) => `${link}${one.scores[index] == null ? '' : ` (alike by ${one.scores[index].toFixed(2)})`}`).join(', ')}` : '',
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
  const { winner, retry, linkWith, apart, merge } = options;
  const body: ResolveBody = { id, ...(winner ? { winner } : {}), ...(retry ? { retry } : {}), ...(linkWith === undefined ? {} : { linkWith }), ...(apart ? { apart } : {}), ...(merge ? { merge } : {}) };
  const answer = await apiClient(options, process.env).post('/v1/conflicts/resolve', body, zResolveAnswer);
  if (options.json) console.log(JSON.stringify(answer));
  else console.log(answer.write ? `resolved: ${values(answer.write.values)} goes to ${answer.write.side}` : 'resolved: nothing has to be written for it now');
}

async function clusters(options: ClusterOptions): Promise<void> {
  const found = await apiClient(options, process.env).get('/v1/conflicts/clusters', { ...filterOf(options), limit: options.limit }, zClusterList);
  if (options.json) console.log(JSON.stringify(found));
  else {
    console.log(found.clusters.length === 0 ? 'nothing is held' : renderTable({
      head: ['integration', 'field', 'type', 'cause', 'count', 'since', 'for instance', 'would end it'], rows: found.clusters.map(clusterRow), isTerminal: process.stdout.isTTY, maxCell: 56,
    }));
    if (!found.isWhole) console.log(`\nonly the first ${found.conflicts} conflicts were looked at`);
  }
}

function clusterRow({ tenant, integration, group, type, cause, count, since, samples, fix }: ConflictCluster): string[] {
  const [sample] = samples;
  const shown = sample?.bevatel && sample.external ? `${values(sample.bevatel.values)} / ${values(sample.external.values)}` : '';
  return [`${tenant}/${integration}`, group ?? '-', type, cause, String(count), when(since), shown, fix ? `${Object.entries(fix.settings).map(([name, value]) => `${name}: ${JSON.stringify(value)}`).join(', ')} (${fix.agree} agree, ${fix.written} are written, ${fix.held} stay held)` : ''];
}

async function settle(integration: string, field: string | undefined, options: SettleOptions): Promise<void> {
  const [tenant, name, ...rest] = integration.split('/');
  if (!tenant || !name || rest.length > 0) throw new SyncError('change_malformed', 'the integration is named tenant/integration');
  const { type, cause, winner, by, anew, yes, asOf, json } = options;
  const body: SettleBody = {
    select: { tenant, integration: name, ...(field === undefined ? {} : { group: field === '-' ? null : field }), ...(type === undefined ? {} : { type }), ...(cause === undefined ? {} : { cause }) },
    ...(winner ? { winner } : {}), ...(by ? { by } : {}), ...(anew ? { anew } : {}), dryRun: !yes, ...(asOf === undefined ? {} : { asOf: Number(asOf) }),
  };
  const answer = await apiClient(options, process.env).post('/v1/conflicts/settle', body, zSettleAnswer);
  console.log(json ? JSON.stringify(answer) : renderSettled(answer));
}

function renderSettled({ dryRun, asOf, matched, resolved, moved, left, samples }: SettleAnswer): string {
  const lines = samples.map(({ conflict, write }) => `  ${conflict.id}: ${write ? `${values(write.values)} goes to ${write.side}` : 'nothing has to be written'}`);
  const others = Object.entries(left).map(([reason, count]) => `${count} stay held (${reason})`);
  const told = [`${resolved} of ${matched} ${dryRun ? 'would be settled' : 'are settled'}`, ...(moved > 0 ? [`${moved} have moved since: look at them again`] : []), ...others].join(', ');
  return [told, ...lines, ...(dryRun && resolved > 0 ? [`carry it out with: --as-of ${asOf} --yes`] : [])].join('\n');
}
