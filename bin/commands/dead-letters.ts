/** `bevatel-sync dead-letters list|show|replay`: what could not be used, with its original bytes (I8). */
import { Option } from 'commander';
import type { Command } from 'commander';
import { zDeadLetterDetail, zDeadLetterList, zReplayAnswer } from '../../schemas/api.ts';
import { SyncError } from '../../schemas/errors.ts';
import { apiClient, filterOf, withApiOptions } from '../terminal/api-client.ts';
import type { ApiOptions } from '../terminal/api-client.ts';
import { action, strict } from '../terminal/failure.ts';
import { renderTable } from '../terminal/table.ts';
import { when } from '../terminal/words.ts';

interface ListOptions extends ApiOptions {
  readonly integration?: string;
  readonly status?: string;
  readonly code?: string;
  readonly limit: string;
  readonly after?: string;
}
interface ReplayOptions extends ApiOptions {
  readonly code?: string;
  readonly integration?: string;
  readonly dryRun?: true;
}

export function register(program: Command): void {
  const letters = strict(program.command('dead-letters')).description('what could not be used, with its original bytes');
  withApiOptions(letters.command('list').description('the newest first'))
    .option('--integration <tenant/integration>', 'of this one, and those that cannot be attributed')
    .addOption(new Option('--status <status>', 'in this state only').choices(['open', 'replayed', 'superseded']))
    .option('--code <code>', 'with this code only')
    .option('--limit <count>', 'letters per page', '100')
    .option('--after <id>', 'the page after this letter')
    .action(action(list));
  withApiOptions(letters.command('show').description('one whole letter')).argument('<id>').action(action(show));
  withApiOptions(letters.command('replay').description('send the original bytes again, to their topic and partition, under their key'))
    .argument('[id]', 'one letter; or all open ones by --code')
    .option('--code <code>', 'all open letters with this code')
    .option('--integration <tenant/integration>', 'with --code: of this one only')
    .option('--dry-run', 'count only')
    .action(action(replay));
}

async function list(options: ListOptions): Promise<void> {
  const { status, code, limit, after } = options;
  const page = await apiClient(options, process.env).get('/v1/dead-letters', { ...filterOf(options), status, code, limit, after }, zDeadLetterList);
  if (options.json) {
    console.log(JSON.stringify(page));
    return;
  }
  console.log(page.deadLetters.length === 0 ? 'no dead letters' : renderTable({
    head: ['id', 'status', 'code', 'why', 'at', 'record', 'bytes'], isTerminal: process.stdout.isTTY, maxCell: 60,
    rows: page.deadLetters.map((one) => [one.id, one.status, one.code, one.detail ?? '', when(one.deadAt), `${one.side ?? '?'} ${one.recordId ?? '?'}`, String(one.size)]),
  }));
  if (page.next !== null) console.log(`\n${page.total} in all; more: --after ${page.next}`);
}

async function show(id: string, options: ApiOptions): Promise<void> {
  const letter = await apiClient(options, process.env).get(`/v1/dead-letters/${encodeURIComponent(id)}`, {}, zDeadLetterDetail);
  if (options.json) {
    console.log(JSON.stringify(letter));
    return;
  }
  console.log([
    `${letter.id}  ${letter.status}`,
    `${letter.code}${letter.detail === null ? '' : ` (${letter.detail})`}: ${letter.advice}`,
    `from ${letter.topic}, partition ${letter.partition}, offset ${letter.offset}, key ${letter.key ?? '-'}, at ${when(letter.deadAt)}`,
    letter.decoded === null ? `not decodable; bytes (base64): ${letter.bytesBase64}` : JSON.stringify(letter.decoded, null, 2),
  ].join('\n'));
}

async function replay(id: string | undefined, options: ReplayOptions): Promise<void> {
  if ((id === undefined) === (options.code === undefined)) throw new SyncError('change_malformed', 'give one letter\'s id, or --code for all open ones of a code');
  const body = id === undefined ? { code: options.code, ...filterOf(options), dryRun: options.dryRun ?? false } : { id, dryRun: options.dryRun ?? false };
  const answer = await apiClient(options, process.env).post('/v1/dead-letters/replay', body, zReplayAnswer);
  console.log(options.json ? JSON.stringify(answer) : answer.dryRun ? `${answer.matched} would be replayed` : `${answer.replayed} of ${answer.matched} replayed`);
}
