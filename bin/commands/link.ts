/** `bevatel-sync link A B --dry-run|--yes`: two records without a partner are one person. */
import type { Command } from 'commander';
import { action } from '../terminal/failure.ts';
import { changeLinks, withChangeOptions } from '../terminal/links-change.ts';
import type { ChangeOptions } from '../terminal/links-change.ts';

export function register(program: Command): void {
  withChangeOptions(program.command('link').description('pair two records that have no partner'))
    .argument('<a>', 'bevatel:ID, external:ID, an id alone, or a link')
    .argument('<b>', 'the other one')
    .action(action((a: string, b: string, options: ChangeOptions) => changeLinks('/v1/links/link', { a, b }, options)));
}
