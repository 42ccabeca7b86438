/** `bevatel-sync relink A B --dry-run|--yes`: two records are one person, whatever partners they have. */
import type { Command } from 'commander';
import { action } from '../terminal/failure.ts';
import { changeLinks, withChangeOptions } from '../terminal/links-change.ts';
import type { ChangeOptions } from '../terminal/links-change.ts';

export function register(program: Command): void {
  withChangeOptions(program.command('relink').description('pair two records, whatever partners they have; those stand alone afterwards'))
    .argument('<a>', 'bevatel:ID, external:ID, or an id alone')
    .argument('<b>', 'the other one')
    .action(action((a: string, b: string, options: ChangeOptions) => changeLinks('/v1/links/relink', { a, b }, options)));
}
