/**
 * Lint: which values of the tenant's own data would not survive the way to the other side and back, found before
 * anything is written, with the lenses themselves. Memory holds one page of one side.
 */
import { buildMapping } from '../../../domain/lenses/mapping.ts';
import type { Mapping } from '../../../domain/lenses/mapping.ts';
import type { Sleep } from '../../../runtime/sleep.ts';
import type { Lint } from '../../../schemas/api.ts';
import type { Integration } from '../../../schemas/integration.ts';
import { SIDES } from '../../../schemas/value.ts';
import type { Side } from '../../../schemas/value.ts';
import { createLintTally } from './lint-tally.ts';
import type { LintTally } from './lint-tally.ts';
import { pagesOf } from './side-pages.ts';
import type { SideReaders } from './side-reader.ts';

export interface LintOptions {
  readonly integration: Integration;
  readonly readers: SideReaders;
  /** How many records of each side are read: none (the mapping alone is told of), so many, or all (Infinity). */
  readonly sample: number;
  readonly sleep: Sleep;
  readonly signal: AbortSignal;
  readonly onProgress: (records: number) => void;
}

/** The mapping must have been checked against both systems before. Throws SyncError of the systems. */
export async function lintIntegration(options: LintOptions): Promise<Lint> {
  const mapping = buildMapping(options.integration);
  const tally = createLintTally(options.integration, mapping);
  for (const side of SIDES) await readSide(options, mapping, side, tally);
  return tally.lint();
}

async function readSide({ sample, readers, ...options }: LintOptions, mapping: Mapping, side: Side, tally: LintTally): Promise<void> {
  if (sample === 0) return;
  let left = sample;
  for await (const page of pagesOf(readers[side], { ...options, fields: mapping.fields[side] })) {
    for (const record of page.slice(0, left)) tally.record(side, record);
    left -= page.length;
    if (left <= 0) return;
  }
}
