/** `bevatel-sync unlink LINK --dry-run|--yes`: the two records of a pair are two people, and stand alone. */
import type { Command } from 'commander';
import { action } from '../terminal/failure.ts';
import { changeLinks, withChangeOptions } from '../terminal/links-change.ts';
import type { ChangeOptions } from '../terminal/links-change.ts';

export function register(program: Command): void {
  withChangeOptions(program.command('unlink').description('part a pair for good: no rule pairs the two again, and no partner is made for either'))
    .argument('<link>', 'the link, or one of its records: bevatel:ID, external:ID, or an id alone')
    .action(action((link: string, options: ChangeOptions) => changeLinks('/v1/links/unlink', { link }, options)));
}
