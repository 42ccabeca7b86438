/** What changes data is either previewed or meant: one of `--dry-run` and `--yes` must be said. */
import { SyncError } from '../../schemas/errors.ts';

export interface Confirmation {
  readonly dryRun?: true;
  readonly yes?: true;
}

export function dryRunOf({ dryRun, yes }: Confirmation): boolean {
  if ((dryRun === undefined) === (yes === undefined)) throw new SyncError('change_malformed', 'say --dry-run to see what would happen, or --yes to do it');
  return dryRun === true;
}
