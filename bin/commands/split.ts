/** `bevatel-sync split LINK --dry-run|--yes`: a link mixes two people, and each gets a partner. */
import type { Command } from 'commander';
import { action } from '../terminal/failure.ts';
import { changeLinks, withChangeOptions } from '../terminal/links-change.ts';
import type { ChangeOptions } from '../terminal/links-change.ts';

interface Options extends ChangeOptions {
  readonly bevatelWith?: string;
  readonly externalWith?: string;
}

export function register(program: Command): void {
  withChangeOptions(program.command('split').description('part a pair that mixes two people: each gets the partner that is named, or that it matches, or a new one'))
    .argument('<link>', 'the link, or one of its records: bevatel:ID, external:ID, or an id alone')
    .option('--bevatel-with <id>', 'the external record of the Bevatel contact\'s person')
    .option('--external-with <id>', 'the Bevatel contact of the external record\'s person')
    .action(action((link: string, { bevatelWith, externalWith, ...options }: Options) => changeLinks('/v1/links/split', { link, bevatelWith, externalWith }, options)));
}
