/** `bevatel-sync status`: how every integration fares. Ends with 1 when something is degraded, in error or away. */
import type { Command } from 'commander';
import { zStatus } from '../../schemas/api.ts';
import type { IntegrationStatus, Status } from '../../schemas/api.ts';
import { apiClient, filterOf, withApiOptions } from '../terminal/api-client.ts';
import type { ApiOptions } from '../terminal/api-client.ts';
import { action } from '../terminal/failure.ts';
import { progressOf } from '../terminal/follow-run.ts';
import { renderTable } from '../terminal/table.ts';
import { span, when } from '../terminal/words.ts';

interface Options extends ApiOptions {
  readonly integration?: string;
}

export function register(program: Command): void {
  withApiOptions(program.command('status').description('integrations, lag, queue, conflicts, dead letters'))
    .option('--integration <tenant/integration>', 'this one only')
    .action(action(async (options: Options) => {
      const status = await apiClient(options, process.env).get('/v1/status', filterOf(options), zStatus);
      console.log(options.json ? JSON.stringify(status) : render(status, process.stdout.isTTY));
      process.exitCode = status.ok ? 0 : 1;
    }));
}

export function render(status: Status, isTerminal: boolean): string {
  const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => renderTable({ head, rows, isTerminal });
  return [
    status.integrations.length === 0 ? 'No integration is applied yet: bevatel-sync apply FILE' : table(
      ['integration', 'state', 'last success', 'pairs', 'one-sided', 'to do', 'oldest', 'lag → external p50/p99', 'lag → bevatel p50/p99', 'held', 'dead'],
      status.integrations.map(row),
    ),
    ...status.integrations.flatMap(notes),
    '',
    status.kafka.answers
      ? table(['consumer', 'topic', 'lag, records', 'lag, seconds'], status.kafka.consumers.map(({ group, topic, records, seconds }) => [group, topic, String(records), seconds === null ? '-' : seconds.toFixed(1)]))
      : 'Kafka does not answer.',
    '',
    `dead letters open: ${status.deadLetters.open}${Object.entries(status.deadLetters.byCode).map(([code, open]) => ` · ${code} ${open}`).join('')}`,
  ].join('\n');
}

function row(one: IntegrationStatus): string[] {
  const due = one.queue.reduce((sum, { due: now, waiting }) => sum + now + waiting, 0);
  const lag = ({ external, bevatel }: IntegrationStatus['lag'], side: 'external' | 'bevatel'): string => {
    const told = side === 'external' ? external : bevatel;
    return told ? `${span(told.p50Ms)} / ${span(told.p99Ms)}` : '-';
  };
  return [
    `${one.tenant}/${one.integration}`, one.state, when(one.lastSuccessAt), String(one.links.paired), String(one.links.oneSided), String(due), span(one.oldestMs),
    lag(one.lag, 'external'), lag(one.lag, 'bevatel'), String(one.conflicts.holds), String(one.deadLetters),
  ];
}

/** What does not fit into a row: reasons, listings that are under way, blind windows. */
function notes(one: IntegrationStatus): string[] {
  const name = `${one.tenant}/${one.integration}`;
  return [
    ...(one.reason ? [`${name}: ${one.reason.code}: ${one.reason.message} ${one.reason.advice}`] : []),
    ...one.listings.filter(({ state }) => state !== 'stored').map(({ side, records, total, state }) => `${name}: listing of ${side}: ${records}${total === null ? '' : ` of ${total}`} records, ${state}`),
    ...(one.dryRun ? [`${name}: nothing is written: its file says dryRun`] : []),
    ...one.verifications.map((run) => `${name}: ${run.kind} ${run.id}: ${progressOf(run)}`),
    ...sweepNotes(name, one.sweep),
    ...one.blindWindows.map(({ side, reason }) => `${name}: blind window on ${side}: ${reason}`),
  ];
}

function sweepNotes(name: string, { state, round, lastRound }: IntegrationStatus['sweep']): string[] {
  if (state === 'off') return [`${name}: sweep: off`];
  const found = (drift: Readonly<Record<string, number>>): string => Object.entries(drift).filter(([, count]) => count > 0).map(([kind, count]) => `${kind} ${count}`).join(', ') || 'no drift';
  return [
    ...(round ? [`${name}: sweep: ${progressOf(round)}; so far ${found(round.drift)}`] : []),
    ...(lastRound ? [`${name}: sweep: last full round ended ${when(lastRound.finishedAt)}: ${found(lastRound.drift)}, ${lastRound.unexplained} unexplained at its end (certificate ${lastRound.certificate})`] : []),
  ];
}
