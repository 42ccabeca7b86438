/** History, what-if and undo over the API: pages, refusals, and what an order leaves behind in the rows. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { inTransaction } from '../../../runtime/database.ts';
import { zHistoryPage, zUndoLine, zWhatIfLine } from '../../../schemas/api-history.ts';
import type { UndoResult, WhatIfLine } from '../../../schemas/api-history.ts';
import type { ContactDecision, GroupVerdict } from '../../../schemas/decision.ts';
import { listAudit } from '../../../store/audit.ts';
import { readLink } from '../../../store/conflicts.ts';
import { decisionsOfLink, insertDecisions } from '../../../store/decisions.ts';
import { saveLinks } from '../../../store/links.ts';
import { API_KEY, INTEGRATION, openRig, TENANT } from '../../../tests/operate-rig.ts';
import type { Rig } from '../../../tests/operate-rig.ts';
import { isolatedStack } from '../../../tests/stack/fixture.ts';

const stack = await isolatedStack('operate-history');
const KEY = { tenantId: TENANT, integrationId: INTEGRATION };
const T = Date.now() - 3_600_000;
let rig: Rig;
beforeAll(async () => { rig = await openRig(stack); });
afterAll(async () => { await rig.close(); });
beforeEach(async () => {
  await rig.deps.pool.query('truncate links, decisions, audit');
  await rig.deps.pool.query('update integrations set history_since = null');
});

let made = 0;

/** A pair at rest whose company HubSpot had edited from `o` to `v`, written to Bevatel at `at`; gives the link's id. */
async function written(at: number, more: { readonly value?: string; readonly rule?: string } = {}): Promise<string> {
  made += 1;
  const value = more.value ?? 'v';
  const [linkId = ''] = await rig.store({
    bevatelId: `b${made}`, externalId: `x${made}`, bevatel: { contact_first_name: 'a', company_name: value, email: null }, external: { firstname: 'a', company: value, email: null },
    state: { groups: { contact_first_name: { base: [['a'], ['a']] }, company_name: { base: [[value], [value]] }, email: { base: [[null], [null]] } } },
  });
  const edit = { group: 'company_name', bevatel: ['o'], external: [value], bevatelAt: 1_000, externalAt: at - 100, bevatelActor: null, externalActor: 'userId:5', writeTo: 'bevatel', write: [value] } as const;
  await decide(linkId, at, { cause: 'change', verdict: 'propagate', groups: [{ ...edit, verdict: 'propagate', rule: more.rule ?? 'one_side_changed', base: [['o'], ['o']] }] });
  await decide(linkId, at + 1, { cause: 'answer', verdict: 'converged', groups: [{ ...edit, verdict: 'converged', rule: 'written', base: [[value], [value]], attempt: `a${made}`, sentAt: at }] });
  return linkId;
}

let decided = 0;

async function decide(linkId: string, decidedAt: number, more: Pick<ContactDecision, 'cause' | 'verdict' | 'groups'>): Promise<void> {
  decided += 1;
  const decision: ContactDecision = { decisionId: `d${String(decided).padStart(6, '0')}`, ...KEY, linkId, bevatelId: `b${made}`, externalId: `x${made}`, causeId: 'c', side: 'external', decidedAt, ...more };
  await inTransaction(rig.deps.pool, (transaction) => insertDecisions(transaction, [{ decision, source: null }]));
}

/** The lines of a long answer; a refusal has one. */
async function lines(path: string, body: unknown): Promise<{ status: number; lines: unknown[] }> {
  const answer = await fetch(`${rig.url}${path}`, { method: 'POST', body: JSON.stringify(body), headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json', 'x-operator': 'mona' } });
  return { status: answer.status, lines: (await answer.text()).split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as unknown) };
}

describe('history', () => {
  const page = async (query: string) => zHistoryPage.parse((await rig.get(`/v1/history?${query}`)).body);

  it('is paged by key, the newest first, and narrowed by contact, field, rule, verdict and time', async () => {
    await written(T);
    const linkId = await written(T + 1_000, { rule: 'policy:latest_wins' });
    await decide(linkId, T + 5_000, { cause: 'change', verdict: 'echo', groups: [] });
    const ids: string[] = [];
    for (let next: string | null = ''; next !== null;) {
      const one = await page(`limit=2${next === '' ? '' : `&after=${encodeURIComponent(next)}`}`);
      ids.push(...one.decisions.map(({ id }) => id));
      next = one.next;
    }
    expect(ids).toEqual([...ids].sort().reverse());
    expect(ids).toHaveLength(5);
    const count = async (query: string): Promise<number> => (await page(query)).decisions.length;
    expect(await count(`contact=b${made}`)).toBe(3);
    expect(await count(`contact=x${made}`)).toBe(3);
    expect(await count(`contact=${linkId}`)).toBe(3);
    expect(await count('rule=policy')).toBe(1);
    expect(await count('rule=written')).toBe(2);
    expect(await count('group=company_name')).toBe(4);
    expect(await count('group=email')).toBe(0);
    expect(await count('verdict=echo')).toBe(1);
    expect(await count('verdict=propagate&group=company_name')).toBe(2);
    expect(await count(`since=${T + 1_000}&until=${T + 5_000}`)).toBe(2);
    expect(await count('tenant=another')).toBe(0);
    expect(await count(`tenant=${TENANT}&integration=${INTEGRATION}`)).toBe(5);
  });

  it('tells both values with their edits, the rule, and what was written', async () => {
    await written(T);
    const { decisions } = await page('limit=10');
    expect(decisions[0]).toMatchObject({
      integration: INTEGRATION, bevatelId: `b${made}`, cause: 'answer', groups: [{
        group: 'company_name', rule: 'written', bevatel: { values: ['o'] }, external: { values: ['v'], editedFrom: T - 100, editedTo: T - 100, actor: 'userId:5' },
        base: { bevatel: ['v'], external: ['v'] }, write: { side: 'bevatel', values: ['v'] }, attempt: `a${made}`, sentAt: T,
      }],
    });
  });

  it.each([['contact=nobody', 404, 'not_found'], ['after=nonsense', 422, 'change_malformed'], ['verdict=maybe', 422, 'change_malformed'], ['limit=0', 422, 'change_malformed']])('%s is refused', async (query, status, code) => {
    expect(await rig.get(`/v1/history?${query}`)).toMatchObject({ status, body: { error: { code } } });
  });
});

describe('what-if', () => {
  const ask = async (body: object): Promise<WhatIfLine[]> => (await lines('/v1/what-if', { tenant: TENANT, integration: INTEGRATION, since: T, ...body })).lines.map((line) => zWhatIfLine.parse(line));
  const conflict = (): GroupVerdict => ({
    group: 'company_name', verdict: 'conflict_held', rule: 'policy:manual', conflict: 'update_update_same_field', bevatel: ['b'], external: ['x'], base: [['o'], ['o']],
    bevatelAt: T, externalAt: T - 60_000, bevatelActor: null, externalActor: null,
  });

  it('lists what would differ, then the totals; memory holds a page', async () => {
    const linkId = await written(T);
    for (let index = 0; index < 600; index += 1) await decide(linkId, T + 10 + index, { cause: 'change', verdict: 'conflict_held', groups: [conflict()] });
    const told = await ask({ policies: { company_name: 'bevatel_wins' } });
    const differences = told.filter((line) => line.kind === 'difference');
    expect(differences).toHaveLength(600);
    expect(differences[0]).toMatchObject({
      linkId, bevatelId: `b${made}`, externalId: `x${made}`, group: 'company_name', difference: 'decided_now', decidedAt: T + 10,
      then: { effect: 'held', bevatel: ['b'], external: ['x'], rule: 'policy:manual' }, now: { effect: 'written', side: 'external', bevatel: ['b'], external: ['b'], rule: 'policy:bevatel_wins' },
    });
    expect(told.at(-1)).toMatchObject({ kind: 'totals', decisions: 602, compared: 601, differences: 600, byKind: { decided_now: 600 }, byGroup: { company_name: { decided_now: 600 } }, incomparable: {}, unrecorded: [] });
  });

  it('under the present configuration nothing differs', async () => {
    await written(T);
    const { config } = (await rig.get(`/v1/integrations/${TENANT}/${INTEGRATION}`)).body as { config: object };
    expect((await ask({ config })).at(-1)).toMatchObject({ kind: 'totals', decisions: 2, compared: 1, differences: 0 });
    expect((await ask({ since: T + 2, policies: { '*': 'manual' } })).at(-1)).toMatchObject({ decisions: 0 });
  });

  it.each<[string, object, string]>([
    ['a field that is not mapped', { policies: { nosuch: 'manual' } }, 'configuration_invalid'],
    ['a policy that is none', { policies: { company_name: 'loudest_wins' } }, 'change_malformed'],
    ['neither policies nor a mapping', {}, 'change_malformed'],
    ['a mapping with faults', { config: { integration: INTEGRATION, tenant: TENANT, fields: [] } }, 'configuration_invalid'],
    ['another integration\'s mapping', { config: 'of another' }, 'change_malformed'],
  ])('%s is refused', async (_what, body, code) => {
    const { status, lines: told } = await lines('/v1/what-if', { tenant: TENANT, integration: INTEGRATION, since: T, ...body });
    expect([status, told]).toMatchObject([422, [{ error: { code } }]]);
  });

  it('reaching beyond what is kept is refused, and says how far it goes', async () => {
    await rig.deps.pool.query('update integrations set history_since = $1', [T + 1]);
    const { status, lines: told } = await lines('/v1/what-if', { tenant: TENANT, integration: INTEGRATION, since: T, policies: { company_name: 'manual' } });
    expect([status, told]).toMatchObject([422, [{ error: { code: 'beyond_history', message: expect.stringContaining(new Date(T + 1).toISOString()) as unknown } }]]);
    expect((await ask({ since: T + 1, policies: { company_name: 'manual' } })).at(-1)).toMatchObject({ kind: 'totals' });
  });
});

describe('undo', () => {
  async function ask(body: object): Promise<UndoResult> {
    const told = (await lines('/v1/undo', body)).lines.map((line) => zUndoLine.parse(line)).at(-1);
    if (told?.kind !== 'undo') throw new Error(JSON.stringify(told));
    return told;
  }
  const groupOf = async (linkId: string) => (await readLink(rig.deps.pool, { ...KEY, linkId }))?.link.state.groups['company_name'];

  it('a preview changes nothing; the deed makes the old value wanted, with a decision, an audit entry and a wake-up', async () => {
    const linkId = await written(T);
    const preview = await ask({ since: T });
    expect(preview).toMatchObject({ undoId: null, tenant: TENANT, integrations: [INTEGRATION], fields: 1, links: 1, byGroup: { company_name: 1 }, bySide: { bevatel: 1 }, skipped: {}, moved: 0, created: {} });
    expect(preview.samples).toMatchObject([{ linkId, group: 'company_name', side: 'bevatel', present: ['v'], back: ['o'], rule: 'one_side_changed' }]);
    expect([await groupOf(linkId), await listAudit(rig.deps.pool, TENANT, 5)]).toEqual([{ base: [['v'], ['v']] }, []]);
    rig.woken.length = 0;
    const done = await ask({ token: preview.token });
    expect(done).toMatchObject({ token: null, fields: 1, links: 1, moved: 0 });
    expect((await groupOf(linkId))?.wanted).toEqual({ side: 'bevatel', values: ['o'] });
    const [decision] = await decisionsOfLink(rig.deps.pool, { ...KEY, linkId }, 1);
    expect(decision).toMatchObject({ cause: 'operator', causeId: done.undoId, verdict: 'undone', groups: [{ verdict: 'undone', rule: 'undo', writeTo: 'bevatel', write: ['o'] }] });
    expect((await listAudit(rig.deps.pool, TENANT, 5))[0]).toMatchObject({ auditId: done.undoId, actor: 'mona', action: 'undo', target: expect.stringContaining(new Date(T).toISOString()) as unknown });
    expect(rig.woken).toEqual([`${TENANT}/${INTEGRATION}`]);
    const { rows } = await rig.deps.pool.query('select due_kind, lane from links where link_id = $1', [linkId]);
    expect(rows).toEqual([{ due_kind: 'write', lane: 1 }]);
  });

  it('given twice it is done once; what moved since the preview is left alone and named', async () => {
    const untouched = await written(T);
    const touched = await written(T + 10);
    const preview = await ask({ since: T });
    expect(preview.fields).toBe(2);
    const stored = await readLink(rig.deps.pool, { ...KEY, linkId: touched });
    if (!stored) throw new Error('no link');
    const seen = stored.link.state.seen.bevatel;
    if (!seen) throw new Error('not seen');
    const moved = { ...stored.link, state: { ...stored.link.state, seen: { ...stored.link.state.seen, bevatel: { ...seen, values: { ...seen.values, company_name: 'human' } } } } };
    await inTransaction(rig.deps.pool, (transaction) => saveLinks(transaction, [], [{ link: moved, lane: null, lease: 'keep' }], Date.now()));
    await decide(touched, Date.now() + 1, { cause: 'change', verdict: 'propagate', groups: [{ group: 'company_name', verdict: 'propagate', rule: 'one_side_changed', bevatel: ['human'], external: ['v'], writeTo: 'external', write: ['human'] }] });
    const done = await ask({ token: preview.token });
    expect(done).toMatchObject({ fields: 1, moved: 1, movedFields: [{ linkId: touched, group: 'company_name', side: 'bevatel', reason: 'edited_since' }] });
    expect([(await groupOf(untouched))?.wanted?.values, (await groupOf(touched))?.wanted]).toEqual([['o'], undefined]);
    expect(await ask({ token: preview.token })).toMatchObject({ fields: 0, moved: 2 });
    expect((await decisionsOfLink(rig.deps.pool, { ...KEY, linkId: untouched }, 9)).filter(({ verdict }) => verdict === 'undone')).toHaveLength(1);
  });

  it('of more links than a page holds, each once, also where their writes lie pages apart', async () => {
    for (let index = 0; index < 130; index += 1) await written(T + index);
    const far = await written(T + 200);
    for (let index = 0; index < 600; index += 1) await decide(far, T + 300 + index, { cause: 'change', verdict: 'duplicate', groups: [] });
    await decide(far, T + 2_000, { cause: 'answer', verdict: 'converged', groups: [{ group: 'company_name', verdict: 'converged', rule: 'written', bevatel: ['v'], external: ['v2'], base: [['v2'], ['v2']], writeTo: 'bevatel', write: ['v2'], attempt: 'far-2', sentAt: T + 1_999 }] });
    const preview = await ask({ since: T, tenant: TENANT });
    expect([preview.fields, preview.links, preview.skipped, preview.samples.length]).toEqual([130, 130, { edited_since: 1 }, 20]);
    expect(await ask({ token: preview.token })).toMatchObject({ fields: 130, links: 130, moved: 0 });
  }, 120_000);

  it('by rule, field, contact and time', async () => {
    await written(T, { rule: 'policy:latest_wins' });
    const first = `b${made}`;
    await written(T + 1_000);
    const count = async (body: object): Promise<number> => (await ask({ since: T, ...body })).fields;
    expect([await count({}), await count({ rule: 'policy' }), await count({ rule: 'policy:manual' }), await count({ group: 'email' }), await count({ contact: first })]).toEqual([2, 1, 0, 0, 1]);
    expect([await count({ until: T + 500 }), await count({ since: T + 500 }), await count({ tenant: TENANT, integration: INTEGRATION })]).toEqual([1, 1, 2]);
  });

  it.each<[string, object, number, string]>([
    ['reaching beyond what is kept', { since: T - 1 }, 422, 'beyond_history'],
    ['no beginning', {}, 422, 'change_malformed'],
    ['an empty time span', { since: T, until: T }, 422, 'change_malformed'],
    ['an integration that is not there', { since: T, tenant: TENANT, integration: 'nosuch' }, 404, 'not_found'],
    ['an integration without its tenant', { since: T, integration: INTEGRATION }, 422, 'change_malformed'],
    ['a token that is none', { token: 'eyJhdCI6MX0.abcdefgh' }, 422, 'change_malformed'],
  ])('%s is refused', async (_what, body, status, code) => {
    await rig.deps.pool.query('update integrations set history_since = $1', [T]);
    expect(await lines('/v1/undo', body)).toMatchObject({ status, lines: [{ error: { code } }] });
  });

  it('a token of another scope than is named beside it is refused', async () => {
    await written(T);
    const { token } = await ask({ since: T, rule: 'policy' });
    expect(await lines('/v1/undo', { token, rule: 'direction' })).toMatchObject({ status: 422, lines: [{ error: { code: 'change_malformed' } }] });
    expect(await ask({ token, rule: 'policy' })).toMatchObject({ fields: 0 });
  });

  it('I4: records that were made are told of, and never deleted', async () => {
    const linkId = await written(T);
    await decide(linkId, T + 5, { cause: 'answer', verdict: 'created', groups: [] });
    expect(await ask({ since: T })).toMatchObject({ created: { external: 1 }, createdSamples: [{ linkId, side: 'external' }] });
  });
});
