/** Deletions, restores and erasures over the API, with links made by the store's own functions (I9, I11). */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Gone, LinkState } from '../../../domain/link.ts';
import { zConflictList } from '../../../schemas/api.ts';
import { zDeletedList, zDeletedShow, zEraseAnswer, zErasure, zErasureList, zLiftAnswer, zRestoreAnswer } from '../../../schemas/api-deletes.ts';
import { clearOnce } from '../../reconcile/clear-traces.ts';
import { listAudit } from '../../../store/audit.ts';
import { IntegrationBook } from '../../../store/integration-book.ts';
import { INTEGRATION, openRig, TENANT } from '../../../tests/operate-rig.ts';
import type { NewLink, Rig } from '../../../tests/operate-rig.ts';
import { isolatedStack } from '../../../tests/stack/fixture.ts';
import { eraseContact } from './erase-contact.ts';

const stack = await isolatedStack('operate_deletes');
let rig: Rig;
beforeAll(async () => { rig = await openRig(stack); });
afterAll(async () => { await rig.close(); });
beforeEach(async () => {
  await rig.deps.pool.query('truncate links, decisions, dead_letters, audit, erasures, erasure_receipts, suppressions');
  await rig.deps.pool.query(`update integrations set config = config || '{"deletes": {"to_external": "archive", "to_bevatel": "delete", "versusEdit": "manual"}}', applied_at = applied_at + 1`);
});

const gone = (more: Partial<Gone> = {}): Gone => ({ how: 'deleted', at: 1_000, observedFrom: 1_000, settledAt: 2_000, ...more });
function pair(state: Partial<LinkState>, more: Partial<NewLink> = {}): NewLink {
  return {
    bevatelId: 'b1', externalId: 'x1', bevatel: { contact_first_name: 'Ali', company_name: 'Acme', email: 'ali@acme.test' },
    external: { firstname: 'Ali', company: 'Acme', email: 'ali@acme.test' }, state, ...more,
  };
}

async function stateOf(linkId: string): Promise<LinkState & { readonly erased: boolean }> {
  const { rows } = await rig.deps.pool.query<{ state: LinkState; erased: boolean }>('select state, erased from links where link_id = $1', [linkId]);
  return { ...rows[0]?.state as LinkState, erased: rows[0]?.erased === true };
}

describe('deleted', () => {
  it('lists the newest first, by page, with what follows from each', async () => {
    await rig.store(
      pair({ gone: { external: gone({ at: 1_000, ignored: true }) } }),
      pair({ gone: { external: gone({ at: 3_000, settledAt: undefined as never }) } }, { bevatelId: 'b2', externalId: 'x2' }),
      pair({ gone: { external: gone({ at: 2_000 }), bevatel: gone({ at: 2_500, ours: true }) }, forgetAt: 9_000 }, { bevatelId: 'b3', externalId: 'x3' }),
      pair({ alone: { since: 500, reason: 'unlinked' }, apart: [{ side: 'external', id: 'x4', at: 400, by: 'deletes:unlink' }] }, { bevatelId: 'b4', externalId: null }),
      pair({}, { bevatelId: 'b5', externalId: 'x5' }),
      pair({ gone: { bevatel: gone() } }, { bevatelId: 'b6', externalId: 'x6', erased: true }),
    );
    const first = zDeletedList.parse((await rig.get('/v1/deleted?limit=3')).body);
    expect(first.deleted.map(({ bevatelId, state }) => [bevatelId, state])).toEqual([['b2', 'settling'], ['b3', 'deleted'], ['b1', 'ignored']]);
    const rest = zDeletedList.parse((await rig.get(`/v1/deleted?limit=3&after=${encodeURIComponent(first.next ?? '')}`)).body);
    expect(rest).toMatchObject({ deleted: [{ bevatelId: 'b4', state: 'unlinked', lost: [{ side: 'external', id: 'x4' }] }], next: null });
    expect(await rig.get('/v1/deleted?after=nonsense')).toMatchObject({ status: 422, body: { error: { code: 'change_malformed' } } });
  });

  it('shows the last images by an id that the contact has or had', async () => {
    const apart = [{ side: 'external' as const, id: 'x4', at: 400, by: 'deletes:unlink', image: { company: 'Was' } }];
    await rig.store({ bevatelId: 'b1', externalId: null, bevatel: { company_name: 'Acme' }, state: { alone: { since: 500, reason: 'unlinked' }, apart } });
    const { links } = zDeletedShow.parse((await rig.get('/v1/deleted/contact?contact=x4')).body);
    expect(links[0]?.images).toEqual([{ side: 'bevatel', isGone: false, image: { company_name: 'Acme' } }, { side: 'external', isGone: true, image: { company: 'Was' } }]);
    expect(await rig.get('/v1/deleted/contact?contact=nobody')).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } });
  });
});

describe('a deletion that met an edit', () => {
  const conflict = (): NewLink => pair({
    gone: { external: gone() }, groups: { company_name: { base: [['o'], ['o']] } },
    hold: { kind: 'delete_recently_updated', since: 3_000, detail: 'external', revision: '1' },
  });
  const held = async (): Promise<string> => zConflictList.parse((await rig.get('/v1/conflicts')).body).conflicts[0]?.id ?? '';

  it.each([['bevatel', { create: 'external' }], ['external', { remove: { side: 'bevatel', way: 'delete' } }]] as const)('%s wins: what stands is made so', async (winner, expected) => {
    const [id] = await rig.store(conflict());
    expect(await rig.post('/v1/conflicts/resolve', { id: await held(), winner })).toMatchObject({ status: 200 });
    expect(await stateOf(id ?? '')).toMatchObject(expected);
    expect((await stateOf(id ?? '')).hold).toBeUndefined();
  });

  it('retry looks for the record once more', async () => {
    const [id] = await rig.store(conflict());
    await rig.post('/v1/conflicts/resolve', { id: await held(), retry: true });
    expect(await stateOf(id ?? '')).toMatchObject({ readDue: { external: { blocks: true } } });
  });

  it('a word on what has moved since is refused', async () => {
    await rig.store(conflict());
    const id = await held();
    await rig.deps.pool.query(`update links set state = jsonb_set(state::jsonb, '{hold,since}', '4000')::json`);
    expect(await rig.post('/v1/conflicts/resolve', { id, winner: 'external' })).toMatchObject({ status: 409, body: { error: { code: 'state_moved' } } });
  });
});

describe('restore', () => {
  it('previews without effect, then orders; audited', async () => {
    const [id] = await rig.store(pair({ gone: { external: gone({ ignored: true }) } }));
    const preview = zRestoreAnswer.parse((await rig.post('/v1/deleted/restore', { contact: 'x1', dryRun: true })).body);
    expect(preview.links).toMatchObject([{ linkId: id, sides: [{ side: 'external', formerId: 'x1', image: { company: 'Acme' } }], joined: null }]);
    expect((await stateOf(id ?? '')).restoring).toBeUndefined();
    await rig.post('/v1/deleted/restore', { contact: 'b1', dryRun: false });
    expect(await stateOf(id ?? '')).toMatchObject({ restoring: { by: 'mona' }, create: 'external' });
    expect((await listAudit(rig.deps.pool, TENANT, 1))[0]).toMatchObject({ action: 'contact.restore', actor: 'mona', target: id });
  });

  it('joins two links that were parted, when the record is there again by itself', async () => {
    const [left, right] = await rig.store(
      pair({ alone: { since: 500, reason: 'unlinked' }, apart: [{ side: 'external', id: 'x1', at: 400, by: 'deletes:unlink' }] }, { externalId: null }),
      pair({ alone: { since: 900, reason: 'unlinked' }, apart: [{ side: 'bevatel', id: 'b1', at: 900, by: 'parted' }] }, { bevatelId: null }),
    );
    const answer = zRestoreAnswer.parse((await rig.post('/v1/deleted/restore', { contact: 'b1', dryRun: false })).body);
    expect(answer.links).toMatchObject([{ linkId: left, joined: right }]);
    const { rows } = await rig.deps.pool.query<{ link_id: string; external_id: string }>('select link_id, external_id from links');
    expect(rows).toEqual([{ link_id: left, external_id: 'x1' }]);
    expect((await stateOf(left ?? '')).apart).toBeUndefined();
  });

  it.each([
    ['nothing is gone', pair({}), /nothing of this contact is deleted/],
    ['erased', pair({}, { erased: true }), /erased/],
    ['its images are forgotten', { bevatelId: 'b1', externalId: 'x1', state: { gone: { bevatel: gone(), external: gone() } } }, /no_image/],
  ])('%s: refused with the reason', async (_why, link, message) => {
    await rig.store(link);
    expect(await rig.post('/v1/deleted/restore', { contact: 'b1', dryRun: true })).toMatchObject({ status: 409, body: { error: { code: 'not_restorable', message: expect.stringMatching(message) } } });
  });
});

describe('erase', () => {
  const receipts = async (id: string) => zErasure.parse((await rig.get(`/v1/erasures/${TENANT}/${id}`)).body);
  const clear = () => clearOnce({ pool: rig.deps.pool, kafka: rig.deps.kafka, publisher: rig.deps.kafka.publisher(), topicPrefix: stack.topicPrefix, clock: Date.now, logger: rig.deps.logger });

  it('counts without effect, then erases, and is listed with its receipts', async () => {
    const [id] = await rig.store(pair({}), { bevatelId: 'b2', externalId: null, bevatel: { email: 'other@acme.test' } });
    expect(zEraseAnswer.parse((await rig.post('/v1/erasures', { contact: 'b1', propagate: true, dryRun: true })).body)).toMatchObject({ erasure: null, hashes: 1, systems: [{ asked: true }, { asked: true }] });
    expect((await stateOf(id ?? '')).erased).toBe(false);
    expect(zErasureList.parse((await rig.get('/v1/erasures')).body).erasures).toEqual([]);

    const answer = zEraseAnswer.parse((await rig.post('/v1/erasures', { contact: 'b1', propagate: true, dryRun: false })).body);
    expect(await stateOf(id ?? '')).toMatchObject({ erased: true, seen: {}, erasing: ['bevatel', 'external'], erasure: answer.erasure });
    expect((await receipts(answer.erasure ?? '')).state).toBe('clearing');
    await clear();
    expect(await receipts(answer.erasure ?? '')).toMatchObject({ state: 'clearing', completeAt: expect.any(Number) });
    expect((await listAudit(rig.deps.pool, TENANT, 1))[0]).toMatchObject({ action: 'contact.erase.propagate', target: answer.erasure });
    expect(await rig.post(`/v1/erasures/${TENANT}/${answer.erasure}/lift`, { dryRun: false })).toMatchObject({ status: 409, body: { error: { code: 'state_moved' } } });
  });

  it('is lifted with a preview; twice is refused', async () => {
    await rig.store(pair({}));
    const { erasure } = zEraseAnswer.parse((await rig.post('/v1/erasures', { contact: 'x1', propagate: false, dryRun: false })).body);
    await clear();
    const lift = (dryRun: boolean) => rig.post(`/v1/erasures/${TENANT}/${erasure}/lift`, { dryRun });
    expect(zLiftAnswer.parse((await lift(true)).body)).toMatchObject({ hashes: 1, records: [{ side: 'bevatel', id: 'b1' }, { side: 'external', id: 'x1' }] });
    expect((await rig.deps.pool.query('select 1 from suppressions')).rowCount).toBe(1);
    expect((await lift(false)).status).toBe(200);
    expect((await rig.deps.pool.query('select 1 from suppressions')).rowCount).toBe(0);
    expect((await rig.deps.pool.query('select 1 from links')).rowCount).toBe(0);
    expect(await receipts(erasure ?? '')).toMatchObject({ state: 'lifted', liftedBy: 'mona' });
    expect(await lift(false)).toMatchObject({ status: 409 });
  });

  it('without keys an operator is refused: nothing would keep the person out', async () => {
    await rig.store(pair({}));
    const deps = { ...rig.deps, book: new IntegrationBook(rig.deps.pool), personHashes: null };
    await expect(eraseContact(deps, { contact: 'b1', propagate: false, dryRun: true }, 'mona')).rejects.toMatchObject({ code: 'configuration_missing' });
  });

  it('an id that two tenants have is refused until the tenant is named', async () => {
    const [id] = await rig.store(pair({}));
    await rig.deps.pool.query(`insert into links (tenant_id, integration_id, link_id, bevatel_id, state, updated_at) values ('other', $1, 'l', 'b1', '{"seen":{},"groups":{},"attempts":[]}', 0)`, [INTEGRATION]);
    expect(await rig.post('/v1/erasures', { contact: 'b1', propagate: false, dryRun: false })).toMatchObject({ status: 422, body: { error: { code: 'change_malformed' } } });
    expect((await rig.post('/v1/erasures', { contact: 'b1', tenant: TENANT, propagate: false, dryRun: false })).status).toBe(200);
    expect((await stateOf(id ?? '')).erased).toBe(true);
    expect((await stateOf('l')).erased).toBe(false);
  });
});
