/**
 * `bevatel-sync lint FILE`: checks the file and its mapping against both systems; with `--sample` also the values that
 * are there. Nothing is written. Ends with 2 when the file or its mapping is wrong, with 1 when values would not survive.
 */
import type { Command } from 'commander';
import { zLint } from '../../schemas/api.ts';
import type { Lint } from '../../schemas/api.ts';
import { SyncError } from '../../schemas/errors.ts';
import { SIDES } from '../../schemas/value.ts';
import { connectSides, mappingFaults, readIntegrationFile, unfit } from '../terminal/integration-file.ts';
import { action, strict } from '../terminal/failure.ts';
import { recordProgress, stopOnInterrupt } from '../terminal/progress.ts';
import { renderTable } from '../terminal/table.ts';

interface Options {
  /** True without a number: all records. */
  readonly sample?: string | true;
  readonly json?: boolean;
}

export function register(program: Command): void {
  strict(program.command('lint').description('check a file, its mapping, and which values do not survive a round trip; nothing is written'))
    .argument('<file>', 'the integration file')
    .option('--sample [records]', 'read so many records of each side, all without a number, and try their values')
    .option('--json', 'print the findings as JSON')
    .action(action(lint));
}

async function lint(path: string, options: Options): Promise<void> {
  const { sleep } = await import('../../runtime/sleep.ts');
  const { lintIntegration } = await import('../../services/operate/plan/lint.ts');
  const sample = sampleOf(options.sample);
  const integration = await readIntegrationFile(path);
  const connectors = await connectSides(integration, process.env);
  const signal = stopOnInterrupt();
  const faults = await mappingFaults(integration, connectors, signal);
  if (faults.length > 0) throw unfit(path, faults);
  const progress = recordProgress();
  const told = await lintIntegration({ integration, readers: connectors, sample, sleep, signal, onProgress: progress.onProgress });
  progress.clear();
  console.log(options.json ? JSON.stringify(zLint.parse(told)) : render(told, sample > 0, process.stdout.isTTY));
  process.exitCode = told.ok ? 0 : 1;
}

function sampleOf(given: Options['sample']): number {
  if (given === undefined) return 0;
  const records = given === true ? Infinity : Number(given);
  if (records !== Infinity && (!Number.isSafeInteger(records) || records < 1)) throw new SyncError('configuration_invalid', '--sample takes a number of records, 1 or more');
  return records;
}

export function render(told: Lint, isSampled: boolean, isTerminal: boolean): string {
  const { records, outside, fields, samples } = told;
  const losses = fields.flatMap((field) => SIDES.flatMap((side) => Object.values(field[side]?.losses ?? {}))).reduce((sum, one) => sum + one, 0);
  const may = fields.filter(({ mayLose }) => mayLose !== null).map(({ group, mayLose }) => `${group} (${mayLose ?? ''})`);
  const kept = may.length === 0 ? [] : [`may lose something on the other side, which the richer side keeps: ${may.join(', ')}`];
  const head = `${told.tenant}/${told.integration}: the file and its mapping are sound; nothing has been written`;
  if (!isSampled) return [head, ...kept, 'values have not been tried: --sample does that'].join('\n');
  return [
    head, ...kept,
    `records: Bevatel ${records.bevatel}, external ${records.external}; outside the filter ${outside.bevatel} and ${outside.external}`,
    losses === 0 ? 'every value survives a round trip' : `${losses} values do not survive a round trip`,
    '',
    renderTable({ isTerminal, head: ['field', 'from', 'values', 'survive', 'in another writing', 'do not survive'], rows: fields.flatMap((field) => SIDES.flatMap((side) => rowOf(field, side))) }),
    ...(samples.length > 0 ? ['', renderTable({ isTerminal, maxCell: 60, head: ['sample', 'record', 'reason', 'value', 'comes back as'], rows: samples.map((one) => [one.group, `${one.side} ${one.recordId}`, one.reason, one.value, one.back ?? '-']) })] : []),
  ].join('\n');
}

function rowOf(field: Lint['fields'][number], side: (typeof SIDES)[number]): string[][] {
  const counts = field[side];
  if (!counts) return [];
  const lost = Object.entries(counts.losses).map(([reason, count]) => `${reason} ${count}`).join(', ');
  return [[field.group, side, ...[counts.values, counts.survive, counts.rewritten].map(String), lost]];
}
