/** Hub and spoke on PostgreSQL: the links that follow a contact which another integration had made again (I4). */
import { expect, it } from 'vitest';
import { buildContext } from '../../domain/context.ts';
import type { Attempt, Link, LinkState } from '../../domain/link.ts';
import { inTransaction } from '../../runtime/database.ts';
import { zIntegration } from '../../schemas/integration.ts';
import { saveLinks } from '../../store/links.ts';
import { openTestDeps } from '../../tests/stack/deps.ts';
import { isolatedStack } from '../../tests/stack/fixture.ts';
import { followReplaced } from './followers.ts';

const { pool } = await openTestDeps(await isolatedStack('followers'));
const NOW = 1_000_000;
const context = buildContext(zIntegration.parse({
  integration: 'crm', tenant: 'acme', system: 'hubspot', connection: { tokenEnv: 'T' }, bevatel: { baseUrl: 'http://127.0.0.1', keyEnv: 'K' },
  match: ['email'], fields: [{ bevatel: 'email', external: 'email', lens: 'email' }],
}));
const GONE = { bevatel: { how: 'deleted' as const, at: NOW, settledAt: NOW } };
const CREATE: Attempt = { id: 'a', side: 'bevatel', kind: 'create', status: 'outstanding', groups: {}, condition: null, guard: null, sentAt: NOW, deadline: NOW + 10_000, reference: 'X1' };
const SEEN = { revision: '1', values: { email: 'mona@acme.test' }, times: {}, observedFrom: NOW, recordedAt: NOW, modifiedAt: null, reference: null };

function linkOf(integrationId: string, bevatelId: string, externalId: string | null, state: Partial<LinkState>): Link {
  return { tenantId: 'acme', integrationId, linkId: `l-${integrationId}`, bevatelId, externalId, erased: false, state: { seen: { bevatel: SEEN }, groups: {}, attempts: [], ...state } };
}

it('a link without a partner bears the keys of the contact again, and is matched anew', async () => {
  const before = linkOf('crm', 'B1', 'X1', { gone: GONE, attempts: [CREATE] });
  const after = linkOf('crm', 'B2', 'X1', {});
  await inTransaction(pool, async (transaction) => {
    saveLinks(transaction, [before, linkOf('alone', 'B1', null, { gone: GONE }), linkOf('paired', 'B1', 'Y1', { gone: GONE })].map((link) => ({ link, lane: 'live', lease: 'keep' })), [], NOW);
    saveLinks(transaction, [], [{ link: after, lane: null, lease: 'release' }], NOW);
    const stored = { link: before, lane: 'live' as const, leaseId: null, leaseUntil: null, version: 1 };
    let ids = 0;
    await followReplaced(transaction, [{ stored, link: after }], { context, mappingOf: () => context.mapping, newId: () => `tombstone-${(ids += 1)}` }, NOW);
  });
  const { rows: links } = await pool.query(`select link_id, bevatel_id, state -> 'unmatched' is not null as unmatched from links where link_id like 'l-%' order by link_id`);
  expect(links).toEqual([
    { link_id: 'l-alone', bevatel_id: 'B2', unmatched: true }, { link_id: 'l-crm', bevatel_id: 'B2', unmatched: false }, { link_id: 'l-paired', bevatel_id: 'B2', unmatched: false },
  ]);
  const { rows: keys } = await pool.query('select link_id, side, match_key from match_keys order by link_id');
  expect(keys).toEqual(['l-alone', 'l-paired'].map((linkId) => ({ link_id: linkId, side: 'bevatel', match_key: 'email:mona@acme.test' })));
  expect((await pool.query('select integration_id, link_id from match_queue')).rows).toEqual([{ integration_id: 'alone', link_id: 'l-alone' }]);
});
