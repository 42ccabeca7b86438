/** The commands on who is whom as a user gives them: what they print, what they ask for, and how they end. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { zDuplicateList, zLinkList, zLinksChange, zLinkShow } from '../../schemas/api-identity.ts';
import { runCli } from '../../tests/cli.ts';
import type { Ended } from '../../tests/cli.ts';
import { API_KEY, INTEGRATION, openRig, TENANT } from '../../tests/operate-rig.ts';
import type { Rig } from '../../tests/operate-rig.ts';
import { isolatedStack } from '../../tests/stack/fixture.ts';

const stack = await isolatedStack('cli_identity');
const NAME = `${TENANT}/${INTEGRATION}`;
let rig: Rig;
beforeAll(async () => { rig = await openRig(stack); });
afterAll(async () => { await rig.close(); });

function cli(...args: readonly string[]): Promise<Ended> {
  return runCli(args, { BEVATEL_SYNC_URL: rig.url, BEVATEL_SYNC_KEY: API_KEY });
}

it('links, link, relink, split, unlink and duplicates preview, ask for --yes, and speak the shapes of the API with --json', async () => {
  await rig.store(
    { bevatelId: 'b1', externalId: null, bevatel: { contact_first_name: 'محمد' } }, { bevatelId: null, externalId: 'x1', external: { firstname: 'Mohammed' } },
    { bevatelId: 'b2', externalId: 'x2', bevatel: { contact_first_name: 'Noura' }, external: { firstname: 'Noura' } },
  );
  expect(zLinkList.parse(JSON.parse((await cli('links', 'list', '--state', 'alone', '--json')).out)).links).toHaveLength(2);
  expect((await cli('links', 'list')).out).toContain('محمد');
  const unsure = await cli('link', 'b1', 'x1');
  expect(unsure).toMatchObject({ code: 2, out: '' });
  expect(unsure.err).toContain('--dry-run');

  const preview = (await cli('link', 'b1', 'x1', '--dry-run')).out;
  expect(preview).toContain('b1 = x1: the names are alike by 0.9');
  const token = /--yes --token (\S+)/.exec(preview)?.[1] ?? '';
  expect(zLinksChange.parse(JSON.parse((await cli('link', 'b1', 'x1', '--yes', '--token', token, '--json')).out))).toMatchObject({ dryRun: false, after: [{ bevatelId: 'b1', externalId: 'x1' }] });
  expect((await cli('relink', 'bevatel:b1', 'external:x2', '--yes', '--token', 'stale')).err).toContain('state_moved');
  expect((await cli('relink', 'bevatel:b1', 'external:x2', '--yes')).code).toBe(0);
  expect(zLinkShow.parse(JSON.parse((await cli('links', 'show', 'x1', '--json')).out)).links).toMatchObject([{ alone: 'parted', apart: [{ side: 'bevatel', id: 'b1', by: expect.any(String) }] }]);
  expect((await cli('split', 'b1', '--external-with', 'b2', '--integration', NAME, '--yes')).code).toBe(0);
  expect((await cli('unlink', 'b2', '--yes')).out).toContain('as it is now');
  expect((await cli('links', 'show', 'nobody')).err).toContain('not_found');
  expect(zDuplicateList.parse(JSON.parse((await cli('duplicates', 'list', NAME, '--json')).out))).toEqual({ groups: [], next: null });
  expect((await cli('duplicates', 'list', 'nonsense')).code).toBe(2);
});
