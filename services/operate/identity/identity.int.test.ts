/** Words on who is whom over the API, with links made by the store's own functions (I4, I11). */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { LinkHold, LinkState } from '../../../domain/link.ts';
import { keyMovesOf, moveKeys } from '../../../store/match-keys.ts';
import { inTransaction } from '../../../runtime/database.ts';
import { zConflictList } from '../../../schemas/api.ts';
import { zDuplicateList, zLinkList, zLinksChange, zLinkShow } from '../../../schemas/api-identity.ts';
import type { LinksChange } from '../../../schemas/api-identity.ts';
import { listAudit } from '../../../store/audit.ts';
import { IntegrationBook } from '../../../store/integration-book.ts';
import { LINK_COLUMNS, toStoredLink } from '../../../store/links.ts';
import { INTEGRATION, openRig, TENANT } from '../../../tests/operate-rig.ts';
import type { NewLink, Rig } from '../../../tests/operate-rig.ts';
import { isolatedStack } from '../../../tests/stack/fixture.ts';

const stack = await isolatedStack('operate_identity');
let rig: Rig;
beforeAll(async () => { rig = await openRig(stack); });
afterAll(async () => { await rig.close(); });
beforeEach(async () => { await rig.deps.pool.query('truncate links, match_keys, match_queue, redirects, decisions, audit'); });

const bevatel = (id: string, name: string, email: string | null = null): NewLink => ({ bevatelId: id, externalId: null, bevatel: { contact_first_name: name, email } });
const external = (id: string, name: string, email: string | null = null): NewLink => ({ bevatelId: null, externalId: id, external: { firstname: name, email } });
const pair = (b: string, x: string, name = 'Ali', state: Partial<LinkState> = {}): NewLink => ({ bevatelId: b, externalId: x, bevatel: { contact_first_name: name, email: `${b}@acme.test` }, external: { firstname: name, email: `${b}@acme.test` }, state });

/** Links with their keys, as matching left them. */
async function store(...links: readonly NewLink[]): Promise<string[]> {
  const ids = await rig.store(...links);
  const book = new IntegrationBook(rig.deps.pool);
  await book.refresh();
  const known = book.all().find(({ integrationId }) => integrationId === INTEGRATION);
  if (!known) throw new Error('no integration');
  const stored = (await rows()).filter((link) => ids.includes(link.linkId));
  await inTransaction(rig.deps.pool, async (transaction) => { moveKeys(transaction, keyMovesOf(known.context.mapping, stored.map((after) => ({ before: null, after }))), 1); });
  return ids;
}

async function rows() {
  const { rows: all } = await rig.deps.pool.query<Parameters<typeof toStoredLink>[0]>(`select ${LINK_COLUMNS} from links l order by bevatel_id nulls last, external_id`);
  return all.map((row) => toStoredLink(row).link);
}

async function pairs(): Promise<unknown[]> {
  return (await rows()).map(({ bevatelId, externalId, state }) => [bevatelId, externalId, ...(state.alone ? ['alone'] : []), ...(state.unmatched ? ['anew'] : [])]);
}

async function queued(): Promise<number> {
  return (await rig.deps.pool.query('select from match_queue')).rowCount ?? 0;
}

async function order(path: string, body: Record<string, unknown>): Promise<LinksChange> {
  const answer = await rig.post(`/v1/links/${path}`, body);
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return zLinksChange.parse(answer.body);
}

describe('words on links', () => {
  it('link: a preview changes nothing; its token carries it out, once, and the audit says who', async () => {
    await store(bevatel('b1', 'محمد'), external('x1', 'Mohammed'));
    const preview = await order('link', { a: 'b1', b: 'x1', dryRun: true });
    expect(preview.after).toMatchObject([{ bevatelId: 'b1', externalId: 'x1', state: 'paired', names: { bevatel: 'محمد', external: 'Mohammed' } }]);
    expect(preview.after[0]?.score).toBeGreaterThan(0.8);
    expect(preview.after[0]?.fields.map(({ group }) => group)).toContain('contact_first_name');
    expect(await pairs()).toEqual([['b1', null], [null, 'x1']]);

    await order('link', { a: 'b1', b: 'x1', dryRun: false, token: preview.token });
    expect(await pairs()).toEqual([['b1', 'x1']]);
    expect(await listAudit(rig.deps.pool, TENANT, 10)).toMatchObject([{ action: 'links.link', target: expect.stringContaining('b1=x1') }]);
    expect((await rig.deps.pool.query<{ cause: string; verdict: string }>('select cause, verdict from decisions')).rows).toEqual([{ cause: 'operator', verdict: 'linked' }]);
    expect((await rig.deps.pool.query('select from match_keys')).rowCount).toBe(0);
    expect(await rig.post('/v1/links/link', { a: 'b1', b: 'x1', dryRun: false, token: preview.token })).toMatchObject({ status: 422 });
  });

  it('unlink: both stand alone, are parted for good, and may match others', async () => {
    const [id] = await store(pair('b1', 'x1'));
    await order('unlink', { link: id, dryRun: false });
    expect(await pairs()).toEqual([['b1', null, 'alone'], [null, 'x1', 'alone']]);
    const [left, right] = await rows();
    expect(left).toMatchObject({ linkId: id, state: { apart: [{ side: 'external', id: 'x1' }], referenceDue: ['bevatel'] } });
    expect(right?.state).toMatchObject({ apart: [{ side: 'bevatel', id: 'b1' }], referenceDue: ['external'] });
    expect(await queued()).toBe(2);
    expect((await rig.deps.pool.query<{ link_id: string; side: string }>('select link_id, side from match_keys order by side')).rows).toEqual([{ link_id: id, side: 'bevatel' }, { link_id: right?.linkId, side: 'external' }]);
    expect((await rig.get('/v1/deleted')).body).toEqual({ deleted: [], next: null });
  });

  it('relink: the pair that is named, whatever it takes', async () => {
    await store(pair('b1', 'x1'), pair('b2', 'x2'));
    await order('relink', { a: 'external:x2', b: 'bevatel:b1', dryRun: false });
    expect(await pairs()).toEqual([['b1', 'x2'], ['b2', null, 'alone'], [null, 'x1', 'alone']]);
    await order('relink', { a: 'b2', b: 'x1', dryRun: false });
    expect(await pairs()).toEqual([['b1', 'x2'], ['b2', 'x1']]);
  });

  it('split: each gets the partner that is named, or is matched and completed anew', async () => {
    const [id] = await store(pair('b1', 'x1'), bevatel('b2', 'Omar'));
    await order('split', { link: id, externalWith: 'b2', dryRun: false });
    expect(await pairs()).toEqual([['b1', null, 'anew'], ['b2', 'x1']]);
    const [again] = await store(pair('b3', 'x3'));
    await order('split', { link: again, dryRun: false });
    expect((await pairs()).slice(2)).toEqual([['b3', null, 'anew'], [null, 'x3', 'anew']]);
  });

  it('an id of before a merge names the survivor', async () => {
    await store(bevatel('b1', 'Ali'), external('x9', 'Ali'));
    await rig.deps.pool.query("insert into redirects (tenant_id, integration_id, side, old_id, new_id, learnt_at) values ($1, $2, 'external', 'x1', 'x9', 1)", [TENANT, INTEGRATION]);
    await order('link', { a: 'b1', b: 'external:x1', dryRun: false });
    expect(await pairs()).toEqual([['b1', 'x9']]);
    const shown = zLinkShow.parse((await rig.get('/v1/links/show?name=x1')).body);
    expect(shown.links).toMatchObject([{ bevatelId: 'b1', externalId: 'x9', formerIds: { bevatel: [], external: ['x1'] } }]);
    expect(await rig.get('/v1/explain?contact=x1')).toMatchObject({ status: 200 });
  });

  it.each<[string, NewLink[], string, Record<string, unknown>, number, RegExp]>([
    ['an id that nobody has', [bevatel('b1', 'Ali')], 'link', { a: 'b1', b: 'x1' }, 404, /x1/],
    ['two of one side', [bevatel('b1', 'Ali'), bevatel('b2', 'Ali')], 'link', { a: 'b1', b: 'b2' }, 422, /merged in their system/],
    ['one that has a partner', [bevatel('b1', 'Ali'), pair('b2', 'x2')], 'link', { a: 'b1', b: 'x2' }, 422, /relink/],
    ['a pair by its link', [bevatel('b1', 'Ali'), pair('b2', 'b2')], 'relink', { a: 'b1', b: 'b2' }, 422, /bevatel:b2 or external:b2/],
    ['a pair as it is', [pair('b1', 'x1')], 'relink', { a: 'b1', b: 'x1' }, 422, /stands so already/],
    ['no pair', [bevatel('b1', 'Ali')], 'unlink', { link: 'b1' }, 422, /no partner/],
    ['one that is deleted', [pair('b1', 'x1', 'Ali', { gone: { external: { how: 'deleted', at: 1 } } })], 'unlink', { link: 'b1' }, 422, /restore/],
    ['a token of something else', [pair('b1', 'x1')], 'unlink', { link: 'b1', token: 'AAAAAAAA' }, 409, /previewed/],
  ])('%s is refused, and nothing is changed', async (_name, links, path, body, status, message) => {
    await store(...links);
    const before = await rows();
    const answer = await rig.post(`/v1/links/${path}`, { ...body, dryRun: false });
    expect(answer).toMatchObject({ status, body: { error: { message: expect.stringMatching(message) } } });
    expect(await rows()).toEqual(before);
  });

  it('what has changed since the preview is refused', async () => {
    await store(pair('b1', 'x1'), external('x2', 'Ali'));
    const { token } = await order('relink', { a: 'b1', b: 'x2', dryRun: true });
    await order('unlink', { link: 'b1', dryRun: false });
    expect(await rig.post('/v1/links/relink', { a: 'b1', b: 'x2', dryRun: false, token })).toMatchObject({ status: 409, body: { error: { code: 'state_moved' } } });
  });
});

describe('a link that is held for who it is', () => {
  const hold = (kind: 'multi_match', candidates: string[]): LinkHold => ({ kind, since: 1, candidates, scores: candidates.map(() => 0.4), rule: 'email', byKeys: true });
  async function held(): Promise<string> {
    const [x1 = '', x2 = ''] = await store(external('x1', 'Ali', 'a@acme.test'), external('x2', 'Aly', 'a@acme.test'));
    await store({ ...bevatel('b1', 'Omar', 'a@acme.test'), state: { hold: hold('multi_match', [x1, x2]) } });
    return zConflictList.parse((await rig.get('/v1/conflicts')).body).conflicts[0]?.id ?? '';
  }

  it('shows the candidates with their scores; the list of conflicts does, too', async () => {
    await held();
    const [shown] = zLinkShow.parse((await rig.get('/v1/links/show?name=b1')).body).links;
    expect(shown).toMatchObject({ hold: 'multi_match', conflict: { rule: 'email', candidates: [{ externalId: 'x1', names: { external: 'Ali' }, score: 0.4 }, { externalId: 'x2' }] } });
    expect(shown?.keys).toEqual([{ side: 'bevatel', kind: 'email', value: expect.not.stringContaining('a@acme.test') }]);
    expect((await rig.get('/v1/conflicts')).body).toMatchObject({ conflicts: [{ detail: 'email', scores: [0.4, 0.4] }] });
  });

  it('I4: one is chosen', async () => {
    const id = await held();
    const [, choice] = (await rows()).filter(({ externalId }) => externalId !== null);
    expect(await rig.post('/v1/conflicts/resolve', { id, linkWith: choice?.linkId })).toMatchObject({ status: 200 });
    expect(await pairs()).toEqual([['b1', 'x2'], [null, 'x1']]);
  });

  it('I4: none of them: it is parted from all, and matched anew', async () => {
    const id = await held();
    expect(await rig.post('/v1/conflicts/resolve', { id, apart: true })).toMatchObject({ status: 200 });
    const [link] = await rows();
    expect(link?.state).toMatchObject({ unmatched: true, apart: [{ id: 'x1' }, { id: 'x2' }] });
    expect(link?.state.hold).toBeUndefined();
    expect(await queued()).toBeGreaterThan(0);
    expect(await rig.post('/v1/conflicts/resolve', { id, apart: true })).toMatchObject({ status: 409 });
  });

  it('after a merge: the partners are merged as well, or parted; a merge on both sides apart is let go', async () => {
    const merged = (b: string, x: string): NewLink => pair(b, x, 'Ali', {
      gone: { external: { how: 'merged', at: 1, settledAt: 1 } }, absorbed: { side: 'external', record: 'x9', by: 'l9', partner: 'b9', at: 1 },
      hold: { kind: 'partner_merged', since: 1, detail: 'external', candidates: ['l9'] },
    });
    await store(merged('b1', 'x1'), merged('b2', 'x2'), pair('b3', 'x3', 'Ali', { hold: { kind: 'merge_merge', since: 1, candidates: [] } }));
    const idOf = async (b: string) => zConflictList.parse((await rig.get('/v1/conflicts')).body).conflicts.find(({ bevatelId }) => bevatelId === b)?.id;
    expect(await rig.post('/v1/conflicts/resolve', { id: await idOf('b1'), merge: true })).toMatchObject({ status: 200 });
    expect(await rig.post('/v1/conflicts/resolve', { id: await idOf('b2'), apart: true })).toMatchObject({ status: 200 });
    expect(await rig.post('/v1/conflicts/resolve', { id: await idOf('b3'), apart: true })).toMatchObject({ status: 200 });
    const [one] = await rows();
    expect(one?.state.merge).toEqual({ side: 'bevatel', into: 'b9' });
    expect(await pairs()).toEqual([['b1', 'x1'], ['b2', null, 'anew']]);
    expect((await listAudit(rig.deps.pool, TENANT, 10)).map(({ target }) => target.split(' ')[1]).toSorted()).toEqual(['apart', 'apart', 'merge']);
  });
});

describe('lists', () => {
  it('of links, by state and by page', async () => {
    await store(pair('b1', 'x1'), bevatel('b2', 'Omar'), { ...pair('b3', 'x3'), erased: true });
    const all = zLinkList.parse((await rig.get('/v1/links?limit=2')).body);
    expect(all.links).toHaveLength(2);
    const rest = zLinkList.parse((await rig.get(`/v1/links?limit=2&after=${encodeURIComponent(all.next ?? '')}`)).body);
    expect([...all.links, ...rest.links].map(({ bevatelId, state }) => [bevatelId, state]).toSorted()).toEqual([['b1', 'paired'], ['b2', 'alone'], ['b3', 'erased']]);
    for (const [state, ids] of [['paired', ['b1']], ['alone', ['b2']], ['held', []], ['gone', []], ['erased', ['b3']]] as const) {
      expect(zLinkList.parse((await rig.get(`/v1/links?state=${state}`)).body).links.map(({ bevatelId }) => bevatelId)).toEqual(ids);
    }
  });

  it('I11: of duplicates: who shares a key on one side, page by page, with scores; neither list nor cursor tells the key', async () => {
    await store(bevatel('b1', 'محمد علي', 'a@acme.test'), bevatel('b2', 'Mohammed Ali', 'a@acme.test'), external('x1', 'Ali', 'a@acme.test'), bevatel('b3', 'Noura', 'n@acme.test'), bevatel('b4', 'Omar', 'n@acme.test'));
    const path = `/v1/duplicates?tenant=${TENANT}&integration=${INTEGRATION}&limit=1`;
    const first = await rig.get(path);
    const page = zDuplicateList.parse(first.body);
    expect(page.groups).toMatchObject([{ side: 'bevatel', kind: 'email', count: 2, records: [{ id: 'b1', score: null }, { id: 'b2', partnerId: null }] }]);
    expect(page.groups[0]?.records[1]?.score).toBeGreaterThan(0.8);
    const next = zDuplicateList.parse((await rig.get(`${path}&after=${encodeURIComponent(page.next ?? '')}`)).body);
    expect(next.groups).toMatchObject([{ records: [{ id: 'b3' }, { id: 'b4' }] }]);
    expect(next.groups[0]?.records[1]?.score).toBeLessThan(0.5);
    expect(next.next).toBeNull();
    expect(JSON.stringify(first.body)).not.toContain('acme.test');
    expect(await rig.get(`${path}&after=nobody%2Fbevatel%2Fx`)).toMatchObject({ status: 422 });
  });
});
