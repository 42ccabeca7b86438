/** `bevatel-sync restore CONTACT --dry-run|--yes`: makes a deleted contact again, where it is gone, from its last image. */
import type { Command } from 'commander';
import { zRestoreAnswer } from '../../schemas/api-deletes.ts';
import type { RestoreAnswer } from '../../schemas/api-deletes.ts';
import { apiClient, filterOf, withApiOptions } from '../terminal/api-client.ts';
import type { ApiOptions } from '../terminal/api-client.ts';
import { dryRunOf } from '../terminal/confirm.ts';
import type { Confirmation } from '../terminal/confirm.ts';
import { action } from '../terminal/failure.ts';
import { values } from '../terminal/words.ts';

interface Options extends ApiOptions, Confirmation {
  readonly integration?: string;
}

export function register(program: Command): void {
  withApiOptions(program.command('restore').description('make a deleted contact again, where it is gone, from its last image'))
    .argument('<contact>', 'an id that it has or had, in Bevatel or in the external system')
    .option('--integration <tenant/integration>', 'its link there only')
    .option('--dry-run', 'show what would be made')
    .option('--yes', 'do it')
    .action(action(async (contact: string, options: Options) => {
      const answer = await apiClient(options, process.env).post('/v1/deleted/restore', { contact, ...filterOf(options), dryRun: dryRunOf(options) }, zRestoreAnswer);
      console.log(options.json ? JSON.stringify(answer) : render(answer));
    }));
}

function render({ dryRun, links, refused }: RestoreAnswer): string {
  const word = dryRun ? 'would be made again' : 'is being made again';
  return [
    ...links.flatMap((link) => [
      `${link.tenant}/${link.integration}  link ${link.linkId}`,
      ...(link.joined === null ? [] : [`  the record is there again by itself: ${dryRun ? 'it would be' : 'it is'} linked again (link ${link.joined})`]),
      ...link.sides.flatMap(({ side, formerId, image }) => [
        `  ${side}: ${formerId} ${word}, under a new id, with`,
        ...Object.entries(image).filter(([, value]) => value !== null).map(([field, value]) => `    ${field}: ${values([value])}`),
      ]),
    ]),
    ...refused.map(({ tenant, integration, reason, advice }) => `${tenant}/${integration}: ${reason}. ${advice}`),
  ].join('\n');
}
