/** `bevatel-sync plan FILE`: what applying it would do. Nothing is written; ends with 2 when the file or its mapping is wrong. */
import type { Command } from 'commander';
import { zPlan } from '../../schemas/api.ts';
import type { Plan } from '../../schemas/api.ts';
import { connectSides, mappingFaults, readIntegrationFile, unfit } from '../terminal/integration-file.ts';
import { action, strict } from '../terminal/failure.ts';
import { recordProgress, stopOnInterrupt } from '../terminal/progress.ts';
import { renderTable } from '../terminal/table.ts';

interface Options {
  readonly json?: boolean;
}

export function register(program: Command): void {
  strict(program.command('plan').description('what would happen: matches, creates, updates, conflicts, problems; nothing is written'))
    .argument('<file>', 'the integration file')
    .option('--json', 'print the plan as JSON')
    .action(action(plan));
}

async function plan(path: string, options: Options): Promise<void> {
  const { sleep } = await import('../../runtime/sleep.ts');
  const { planIntegration } = await import('../../services/operate/plan/plan.ts');
  const integration = await readIntegrationFile(path);
  const connectors = await connectSides(integration, process.env);
  const signal = stopOnInterrupt();
  const faults = await mappingFaults(integration, connectors, signal);
  if (faults.length > 0) throw unfit(path, faults);
  const progress = recordProgress();
  const told = await planIntegration({
    integration, readers: connectors, clock: Date.now, sleep, signal, onProgress: progress.onProgress,
  });
  progress.clear();
  console.log(options.json ? JSON.stringify(zPlan.parse(told)) : render(told, process.stdout.isTTY));
}

export function render(told: Plan, isTerminal: boolean): string {
  const { records, creates, updates, calls } = told;
  const tally = (counts: Readonly<Record<string, number>>): string => Object.entries(counts).map(([name, count]) => `${name} ${count}`).join(', ');
  return [
    `${told.tenant}/${told.integration}: nothing has been written`,
    `records: Bevatel ${records.bevatel}, external ${records.external}`,
    `pairs: ${told.pairs}${told.pairs > 0 ? ` (by ${tally(told.matches)})` : ''}`,
    `to be created: ${creates.bevatel} in Bevatel, ${creates.external} in the external system`,
    `to be updated: ${updates.bevatel} in Bevatel, ${updates.external} in the external system, partner ids included`,
    ...(Object.keys(told.notCreated).length > 0 ? [`without a partner: ${tally(told.notCreated)}`] : []),
    ...(told.multiMatch > 0 ? [`several partners come into question for ${told.multiMatch}: held until a person decides`] : []),
    ...(told.sharedMatch > 0 ? [`${told.sharedMatch} match a contact that is paired with another record: they get a partner of their own`] : []),
    `calls to write it: Bevatel ${calls.bevatel}, external ${calls.external}`,
    '',
    renderTable({
      isTerminal, head: ['field', 'equal', 'filled in Bevatel', 'filled outside', 'overwritten in Bevatel', 'overwritten outside', 'held', 'invalid', 'skipped'],
      rows: told.fields.map((one) => [
        one.group, ...[one.equal, one.fills.bevatel, one.fills.external, one.overwrites.bevatel, one.overwrites.external, one.held].map(String), tally(one.invalid), tally(one.skipped),
      ]),
    }),
    ...(told.samples.length > 0 ? ['', renderTable({ isTerminal, maxCell: 70, head: ['sample', 'Bevatel', 'external', 'detail'], rows: told.samples.map((one) => [one.what, one.bevatelId ?? '-', one.externalId ?? '-', one.detail]) })] : []),
  ].join('\n');
}
