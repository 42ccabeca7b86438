/** Repair without the rest of the service: what it asks for, what it decides anew, and what it leaves alone. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { GroupState } from '../../../domain/link.ts';
import { zVerification } from '../../../schemas/verification.ts';
import type { Certificate, RepairBody } from '../../../schemas/verification.ts';
import { listAudit } from '../../../store/audit.ts';
import { readLinks } from '../../../store/conflicts.ts';
import { decisionsOfLink } from '../../../store/decisions.ts';
import { dueHints } from '../../../store/waiting-hints.ts';
import { until } from '../../../tests/flow/rig.ts';
import { INTEGRATION, openRig, TENANT } from '../../../tests/operate-rig.ts';
import type { Rig } from '../../../tests/operate-rig.ts';
import { isolatedStack } from '../../../tests/stack/fixture.ts';

const KEY = { tenantId: TENANT, integrationId: INTEGRATION };

const stack = await isolatedStack('operate-repair');
let rig: Rig;
beforeAll(async () => { rig = await openRig(stack); });
afterAll(async () => { await rig.close(); });
beforeEach(async () => {
  await rig.deps.pool.query('truncate links, decisions, verifications, verification_doubts, certificates, waiting_hints, audit');
  await rig.bevatel.control.sql('delete from contacts');
  for (const { id } of rig.hubspot.control.contacts()) rig.hubspot.control.archive(id);
  rig.woken.length = 0;
});

interface Ids {
  readonly linkId: string;
  readonly bevatelId: string;
  readonly externalId: string;
}

/** A pair on both systems, with its link; `seen` is what was captured of the companies. */
async function pair(company: readonly [string, string], seen: readonly [string, string], group: GroupState): Promise<Ids> {
  const [bevatelId = ''] = await rig.bevatel.control.seed(TENANT, [{ fields: { contact_first_name: 'Noura', company_name: company[0] } }]);
  const [externalId = ''] = rig.hubspot.control.seed([{ firstname: 'Noura', company: company[1] }]);
  const [linkId = ''] = await rig.store({
    bevatelId, externalId, bevatel: { contact_first_name: 'Noura', company_name: seen[0], email: null }, external: { firstname: 'Noura', company: seen[1], email: null }, state: { groups: { company_name: group } },
  });
  return { linkId, bevatelId, externalId };
}

async function repair(order: Partial<RepairBody> = {}): Promise<Certificate> {
  const { id } = zVerification.parse((await rig.post('/v1/repairs', { tenant: TENANT, integration: INTEGRATION, ...order })).body);
  const run = async () => zVerification.parse((await rig.get(`/v1/verifications/${id}`)).body);
  await until('it has ended', async () => (await run()).state !== 'running');
  const { certificate, error } = await run();
  if (!certificate) throw new Error(JSON.stringify(error));
  return certificate;
}

async function hints(): Promise<readonly string[]> {
  return (await dueHints(rig.deps.pool, KEY, Date.now(), 100)).map(({ hint: { side, recordId, lane, origin } }) => `${lane} ${origin} ${side} ${recordId}`).sort();
}

async function stateOf(linkId: string) {
  return (await readLinks(rig.deps.pool, KEY, [linkId]))[0];
}

const AGREED: GroupState = { base: [['o'], ['o']] };

describe('repair', () => {
  it('asks for both records of what is unseen, in lane repair, writes to neither side, and is audited', async () => {
    const { bevatelId, externalId } = await pair(['new', 'o'], ['o', 'o'], AGREED);
    await pair(['A', 'A'], ['A', 'A'], { base: [['A'], ['A']] });
    expect(await repair()).toMatchObject({ ok: true, pairs: 2, equal: 1, inFlight: 1, repair: { dryRun: false, drift: { unseen: 1 }, reads: { bevatel: 1, external: 1 }, decided: 0, deferred: {} } });
    expect(await hints()).toEqual([`repair operator bevatel ${bevatelId}`, `repair operator external ${externalId}`]);
    expect(rig.bevatel.control.counters()).toMatchObject({ update: { calls: 0 }, create: { calls: 0 }, batchWrite: { calls: 0 } });
    expect(Object.keys(rig.hubspot.control.counts()).filter((name) => /Update|Create|Upsert/.test(name) && rig.hubspot.control.counts()[name] !== 0)).toEqual([]);
    expect(await listAudit(rig.deps.pool, TENANT, 10)).toMatchObject([{ actor: 'mona', action: 'repair', target: INTEGRATION }]);
  });

  it('decides a link anew whose state explains nothing, records that, and wakes delivery', async () => {
    const { linkId } = await pair(['new', 'o'], ['new', 'o'], AGREED);
    const told = await repair();
    expect(told).toMatchObject({ ok: true, inFlight: 1, differing: 0, repair: { drift: { differing: 1 }, reads: { bevatel: 0, external: 0 }, decided: 1 }, byReason: { 'in_flight:decided_anew': 1 } });
    const stored = await stateOf(linkId);
    expect(stored).toMatchObject({ lane: 'repair', link: { state: { groups: { company_name: { wanted: { side: 'external', values: ['new'] } } } } } });
    expect(await decisionsOfLink(rig.deps.pool, { ...KEY, linkId }, 10)).toMatchObject([{ cause: 'operator', causeId: told.id, verdict: 'propagate', groups: expect.arrayContaining([expect.objectContaining({ group: 'company_name', verdict: 'propagate', rule: 'one_side_changed' })]) }]);
    expect(rig.woken).toEqual([`${TENANT}/${INTEGRATION}`]);
    expect(await hints()).toEqual([]);
  });

  it('a dry run asks for nothing and decides nothing', async () => {
    await pair(['new', 'o'], ['o', 'o'], AGREED);
    const { linkId } = await pair(['new', 'o'], ['new', 'o'], AGREED);
    expect(await repair({ dryRun: true })).toMatchObject({ ok: false, unseen: 1, differing: 1, repair: { dryRun: true, drift: { unseen: 1, differing: 1 }, reads: { bevatel: 1, external: 1 }, decided: 1 } });
    expect(await hints()).toEqual([]);
    expect((await stateOf(linkId))?.link.state.groups['company_name']).toEqual(AGREED);
    expect(await listAudit(rig.deps.pool, TENANT, 10)).toMatchObject([{ action: 'repair.dry-run' }]);
  });

  it('I4: creates no partner while the other side shows records without a link', async () => {
    const [bevatelId = ''] = await rig.bevatel.control.seed(TENANT, [{ fields: { contact_first_name: 'Alone' } }]);
    const [linkId = ''] = await rig.store({ bevatelId, externalId: null, bevatel: { contact_first_name: 'Alone', company_name: null, email: null } });
    const [stray = ''] = rig.hubspot.control.seed([{ firstname: 'Alone' }]);
    const first = await repair();
    expect(first).toMatchObject({ ok: false, oneSided: { unlinked: 1 }, repair: { drift: { stray: 1, unlinked: 1 }, reads: { external: 1 }, decided: 0, deferred: { strays_first: 1 } } });
    expect((await stateOf(linkId))?.link.state.create).toBeUndefined();
    rig.hubspot.control.archive(stray);
    expect(await repair({ contact: bevatelId })).toMatchObject({ repair: { decided: 0, deferred: { not_listed: 1 } } });
    expect(await repair({ certificate: first.id })).toMatchObject({ ok: true, repair: { decided: 1, deferred: {} } });
    expect((await stateOf(linkId))?.link.state.create).toBe('external');
  });

  it('refuses a certificate that is not there', async () => {
    expect(await rig.post('/v1/repairs', { tenant: TENANT, integration: INTEGRATION, certificate: 'nosuch' })).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } });
    expect(await rig.post('/v1/repairs', { tenant: TENANT, integration: INTEGRATION, certificate: 'a', contact: 'b' })).toMatchObject({ status: 422 });
  });

  it('does not crowd out reads that people wait for: they stand before it, and what does not fit is asked for in the next round', async () => {
    const { externalId } = await pair(['o', 'new'], ['o', 'o'], AGREED);
    await rig.deps.pool.query(
      `insert into waiting_hints (tenant_id, integration_id, side, record_id, hint, lane, parked_at, due_at)
       select $1, $2, 'external', 'x' || n, jsonb_build_object('recordId', 'x' || n), 1, 1, 1 from generate_series(1, 5000) as n`, [TENANT, INTEGRATION]);
    const repairing = repair();
    await until('it is settling', async () => (await rig.deps.pool.query("select from verifications where (settling->>'round')::int >= 1 and (settling->>'backlog')::int >= 0")).rowCount === 1);
    await rig.deps.pool.query("delete from waiting_hints where record_id like 'x%'");
    expect(await repairing).toMatchObject({ ok: true, repair: { reads: { external: 1 } } });
    expect(await hints()).toContain(`repair operator external ${externalId}`);
  });
});
