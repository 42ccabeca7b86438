/** Conflicts over the API: listed, resolved as they were shown, refused when they have moved. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UNKNOWN_TIME } from '../../../domain/link.ts';
import type { GroupState } from '../../../domain/link.ts';
import { zClusterList, zConflictList, zResolveAnswer, zSettleAnswer } from '../../../schemas/api.ts';
import type { Conflict } from '../../../schemas/api.ts';
import { listAudit } from '../../../store/audit.ts';
import { readLink } from '../../../store/conflicts.ts';
import { decisionsOfLink } from '../../../store/decisions.ts';
import { inTransaction } from '../../../runtime/database.ts';
import { saveLinks } from '../../../store/links.ts';
import { isolatedStack } from '../../../tests/stack/fixture.ts';
import { INTEGRATION, openRig, TENANT } from '../../../tests/operate-rig.ts';
import type { Rig } from '../../../tests/operate-rig.ts';

const stack = await isolatedStack('operate-conflicts');
let rig: Rig;
beforeAll(async () => { rig = await openRig(stack); });
afterAll(async () => { await rig.close(); });

const HELD: GroupState = {
  base: [['old'], ['old']],
  held: { type: 'update_update_same_field', since: 5, bevatel: ['شركة'], external: ['ACME'], bevatelTime: { from: 1_000, to: 1_000, actor: 'mona' }, externalTime: UNKNOWN_TIME },
};
let made = 0;

/** A pair whose company is held; gives the link's id. */
async function heldPair(company: GroupState = HELD): Promise<string> {
  made += 1;
  const [linkId = ''] = await rig.store({
    bevatelId: `b${made}`, externalId: `x${made}`, bevatel: { contact_first_name: 'a', company_name: 'شركة', email: null }, external: { firstname: 'a', company: 'ACME', email: null },
    state: { groups: { company_name: company } },
  });
  return linkId;
}

async function conflictsOf(linkId: string): Promise<Conflict[]> {
  const page = zConflictList.parse((await rig.get('/v1/conflicts?limit=1000')).body);
  return page.conflicts.filter((one) => one.linkId === linkId);
}

const keyOf = (linkId: string) => ({ tenantId: TENANT, integrationId: INTEGRATION, linkId });

describe('conflicts', () => {
  it('are listed with both values, their times and actors', async () => {
    const linkId = await heldPair();
    const [conflict, ...others] = await conflictsOf(linkId);
    expect(others).toEqual([]);
    expect(conflict).toMatchObject({
      tenant: TENANT, integration: INTEGRATION, group: 'company_name', type: 'update_update_same_field', since: 5,
      bevatel: { values: ['شركة'], editedTo: 1_000, actor: 'mona' }, external: { values: ['ACME'], editedFrom: null, editedTo: null },
    });
  });

  it('come in pages that miss and repeat none', async () => {
    for (let index = 0; index < 5; index += 1) await heldPair();
    const all = zConflictList.parse((await rig.get('/v1/conflicts?limit=1000')).body).conflicts.map(({ id }) => id);
    const paged: string[] = [];
    for (let after: string | null = ''; after !== null;) {
      const page = zConflictList.parse((await rig.get(`/v1/conflicts?limit=2${after === '' ? '' : `&after=${encodeURIComponent(after)}`}`)).body);
      paged.push(...page.conflicts.map(({ id }) => id));
      after = page.next;
    }
    expect(paged).toEqual(all);
    expect(all.length).toBeGreaterThanOrEqual(5);
  });

  it('I2: a resolution makes the winner wanted on the other side, with a decision, an audit entry and a wake-up', async () => {
    const linkId = await heldPair();
    const [conflict] = await conflictsOf(linkId);
    rig.woken.length = 0;
    const answer = await rig.post('/v1/conflicts/resolve', { id: conflict?.id, winner: 'external' });
    expect(answer.status).toBe(200);
    expect(zResolveAnswer.parse(answer.body)).toEqual({ resolved: true, linkId, group: 'company_name', write: { side: 'bevatel', values: ['ACME'] } });
    expect(await conflictsOf(linkId)).toEqual([]);
    expect((await readLink(rig.deps.pool, keyOf(linkId)))?.link.state.groups['company_name']?.wanted).toEqual({ side: 'bevatel', values: ['ACME'] });
    const [decision] = await decisionsOfLink(rig.deps.pool, keyOf(linkId), 10);
    expect(decision).toMatchObject({ cause: 'operator', verdict: 'conflict_resolved', groups: [{ group: 'company_name', rule: 'operator:external', writeTo: 'bevatel', bevatel: ['شركة'], external: ['ACME'] }] });
    const audit = (await listAudit(rig.deps.pool, TENANT, 100)).find(({ auditId }) => auditId === decision?.causeId);
    expect(audit).toMatchObject({ actor: 'mona', action: 'conflict.resolve', target: `${linkId}/company_name external` });
    expect(rig.woken).toEqual([`${TENANT}/${INTEGRATION}`]);
    const due = await rig.deps.pool.query('select due_kind, lane, held from links where link_id = $1', [linkId]);
    expect(due.rows).toEqual([{ due_kind: 'write', lane: 0, held: 0 }]);
  });

  it('a stale resolution is refused, says what changed, and changes nothing', async () => {
    const linkId = await heldPair();
    const [shown] = await conflictsOf(linkId);
    const stored = await readLink(rig.deps.pool, keyOf(linkId));
    if (!stored || !HELD.held) throw new Error('no link');
    const moved = { ...stored.link, state: { ...stored.link.state, groups: { company_name: { ...HELD, held: { ...HELD.held, external: ['Newer'] } } } } };
    await inTransaction(rig.deps.pool, (client) => saveLinks(client, [], [{ link: moved, lane: null, lease: 'keep' }], Date.now()));
    const answer = await rig.post('/v1/conflicts/resolve', { id: shown?.id, winner: 'bevatel' });
    expect(answer.status).toBe(409);
    expect(answer.body).toMatchObject({ error: { code: 'state_moved', changed: [{ side: 'bevatel', was: null, now: ['شركة'] }, { side: 'external', was: null, now: ['Newer'] }] } });
    expect((await readLink(rig.deps.pool, keyOf(linkId)))?.link.state.groups['company_name']?.held?.external).toEqual(['Newer']);
    expect(await decisionsOfLink(rig.deps.pool, keyOf(linkId), 10)).toEqual([]);
  });

  it('a second resolution of the same conflict is refused: nothing is held there any more', async () => {
    const linkId = await heldPair();
    const [conflict] = await conflictsOf(linkId);
    const answers = await Promise.all([rig.post('/v1/conflicts/resolve', { id: conflict?.id, winner: 'external' }), rig.post('/v1/conflicts/resolve', { id: conflict?.id, winner: 'bevatel' })]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    expect(await decisionsOfLink(rig.deps.pool, keyOf(linkId), 10)).toHaveLength(1);
  });

  it('I4: two one-sided links that an operator joins become one', async () => {
    const [other = ''] = await rig.store({ bevatelId: 'b-join', externalId: null, bevatel: { contact_first_name: 'a', company_name: null, email: null } });
    const [linkId = ''] = await rig.store({ bevatelId: null, externalId: 'x-join', external: { firstname: 'a', company: null, email: null }, state: { hold: { kind: 'multi_match', since: 7, candidates: [other, 'another'] } } });
    const [conflict] = await conflictsOf(linkId);
    expect(conflict).toMatchObject({ type: 'multi_match', group: null, candidates: [other, 'another'] });
    expect((await rig.post('/v1/conflicts/resolve', { id: conflict?.id, winner: 'bevatel' })).status).toBe(422);
    expect((await rig.post('/v1/conflicts/resolve', { id: conflict?.id, linkWith: other })).status).toBe(200);
    expect((await readLink(rig.deps.pool, keyOf(linkId)))?.link).toMatchObject({ bevatelId: 'b-join', externalId: 'x-join' });
    expect(await readLink(rig.deps.pool, keyOf(other))).toBeNull();
  });

  it.each([
    [{ id: 'nonsense', winner: 'bevatel' }, 422, 'change_malformed'],
    [{ id: 'nosuch@abcdefgh', retry: true }, 404, 'not_found'],
    [{ id: 'x@y' }, 422, 'change_malformed'],
    [{ id: 'x@y', winner: 'both' }, 422, 'change_malformed'],
  ])('%j is refused', async (body, status, code) => {
    expect(await rig.post('/v1/conflicts/resolve', body)).toMatchObject({ status, body: { error: { code } } });
  });
});

describe('conflicts that are alike', () => {
  const alike = (bevatel: string, external: string, since = 5): GroupState => ({
    base: [['old'], ['old']], held: { type: 'update_update_same_field', since, bevatel: [bevatel], external: [external], bevatelTime: { from: 1_000, to: 1_000, actor: 'mona' }, externalTime: UNKNOWN_TIME },
  });
  /** A pair that stands as it is held. */
  const pairOf = async (bevatel: string, external: string, since?: number): Promise<string> => {
    made += 1;
    const [linkId = ''] = await rig.store({
      bevatelId: `b${made}`, externalId: `x${made}`, bevatel: { contact_first_name: 'a', company_name: bevatel, email: null }, external: { firstname: 'a', company: external, email: null },
      state: { groups: { company_name: alike(bevatel, external, since) } },
    });
    return linkId;
  };
  const select = { tenant: TENANT, integration: INTEGRATION, group: 'company_name', cause: 'writing:case' };
  const isHeld = async (linkId: string): Promise<boolean> => (await readLink(rig.deps.pool, keyOf(linkId)))?.link.state.groups['company_name']?.held !== undefined;

  it('are counted by field, type and cause, the most first, with the change that would end them', async () => {
    for (const name of ['Alpha', 'Beta', 'Gamma']) await pairOf(name, name.toUpperCase());
    await pairOf('Delta', 'Epsilon');
    const { clusters, conflicts, isWhole } = zClusterList.parse((await rig.get(`/v1/conflicts/clusters?tenant=${TENANT}`)).body);
    const found = clusters.find(({ cause }) => cause === 'writing:case');
    expect(found).toMatchObject({ group: 'company_name', type: 'update_update_same_field', count: 3, fix: { settings: { alike: ['case'] }, agree: 3, written: 0, held: 0 }, since: 5 });
    expect(found?.samples[0]).toMatchObject({ bevatel: { values: ['Alpha'] }, external: { values: ['ALPHA'] } });
    expect(clusters.map(({ count }) => count)).toEqual(clusters.map(({ count }) => count).sort((a, b) => b - a));
    expect(isWhole).toBe(true);
    expect(conflicts).toBeGreaterThanOrEqual(4);
  });

  it('I2: are previewed, then settled as they were shown; what moved since and what is not alike stays held', async () => {
    const [first, second] = [await pairOf('One', 'ONE'), await pairOf('Two', 'TWO')];
    const other = await pairOf('Three', 'Four');
    const preview = zSettleAnswer.parse((await rig.post('/v1/conflicts/settle', { select, winner: 'bevatel', dryRun: true })).body);
    expect(preview).toMatchObject({ dryRun: true, matched: preview.resolved, moved: 0 });
    expect(preview.samples.every(({ write }) => write?.side === 'external')).toBe(true);
    expect(await isHeld(first)).toBe(true);
    const later = await pairOf('Five', 'FIVE', preview.asOf + 60_000);
    const answer = zSettleAnswer.parse((await rig.post('/v1/conflicts/settle', { select, winner: 'bevatel', asOf: preview.asOf })).body);
    expect(answer).toMatchObject({ dryRun: false, resolved: preview.resolved, moved: 1 });
    expect([await isHeld(first), await isHeld(second), await isHeld(other), await isHeld(later)]).toEqual([false, false, true, true]);
    const [decision] = await decisionsOfLink(rig.deps.pool, keyOf(first), 10);
    expect(decision).toMatchObject({ cause: 'operator', groups: [{ rule: 'operator:bevatel', conflict: 'update_update_same_field', writeTo: 'external', write: ['One'] }] });
    const audit = (await listAudit(rig.deps.pool, TENANT, 100)).find(({ action }) => action === 'conflict.settle');
    expect(audit).toMatchObject({ actor: 'mona', target: expect.stringContaining('writing') });
  });

  it('may be decided each by a policy, and stay held where it names nobody', async () => {
    const [timed, unknown] = [await pairOf('Timed', 'TIMED'), await pairOf('Untimed', 'UNTIMED')];
    const stored = await readLink(rig.deps.pool, keyOf(timed));
    const held = stored?.link.state.groups['company_name']?.held;
    if (!stored || !held) throw new Error('nothing is held');
    const dated = { ...stored.link, state: { ...stored.link.state, groups: { company_name: { base: [['old'], ['old']] as const, held: { ...held, externalTime: { from: 90_000, to: 90_000, actor: null } } } } } };
    await inTransaction(rig.deps.pool, (client) => saveLinks(client, [], [{ link: dated, lane: null, lease: 'keep' }], Date.now()));
    const answer = zSettleAnswer.parse((await rig.post('/v1/conflicts/settle', { select, by: 'latest_wins' })).body);
    expect(answer.left['no_winner']).toBeGreaterThanOrEqual(1);
    expect([await isHeld(timed), await isHeld(unknown)]).toEqual([false, true]);
    expect((await readLink(rig.deps.pool, keyOf(timed)))?.link.state.groups['company_name']?.wanted).toEqual({ side: 'bevatel', values: ['TIMED'] });
  });

  it('decided anew they stay held, unchanged, where nothing was mended', async () => {
    const linkId = await pairOf('Anew', 'ANEW');
    const before = await readLink(rig.deps.pool, keyOf(linkId));
    const answer = zSettleAnswer.parse((await rig.post('/v1/conflicts/settle', { select, anew: true })).body);
    expect((answer.left['still_held'] ?? 0) + answer.moved).toBe(answer.matched);
    expect((await readLink(rig.deps.pool, keyOf(linkId)))?.version).toBe(before?.version);
  });

  it.each([
    [{ select: { tenant: TENANT, integration: 'nosuch' }, anew: true }, 404, 'not_found'],
    [{ select: { tenant: TENANT, integration: INTEGRATION } }, 422, 'change_malformed'],
    [{ select: { tenant: TENANT, integration: INTEGRATION }, winner: 'bevatel', by: 'latest_wins' }, 422, 'change_malformed'],
    [{ select: { tenant: TENANT, integration: INTEGRATION }, by: 'union' }, 422, 'change_malformed'],
  ])('%j is refused', async (body, status, code) => {
    expect(await rig.post('/v1/conflicts/settle', body)).toMatchObject({ status, body: { error: { code } } });
  });
});

describe('the key', () => {
  it.each(['', 'wrong', 'operator-key-for-test', 'operator-key-for-tests-and-more'])('"%s" opens nothing', async (key) => {
    expect(await rig.get('/v1/conflicts', key)).toMatchObject({ status: 401, body: { error: { code: 'unauthenticated' } } });
  });
});
