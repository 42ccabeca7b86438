/** I1: verify over the API against both sandboxes: what agrees, what is explained, what is not. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { GroupState } from '../../../domain/link.ts';
import { UNKNOWN_TIME } from '../../../domain/link.ts';
import { zVerification } from '../../../schemas/verification.ts';
import type { Certificate, Verification } from '../../../schemas/verification.ts';
import { inTransaction } from '../../../runtime/database.ts';
import { zCertificate, zCertificateList, zFindingList } from '../../../schemas/verification.ts';
import { zStatus } from '../../../schemas/api.ts';
import { listAudit } from '../../../store/audit.ts';
import { setPaused } from '../../../store/integrations.ts';
import { insertDeadLetters } from '../../../store/quarantine.ts';
import { parkHints } from '../../../store/waiting-hints.ts';
import { until } from '../../../tests/flow/rig.ts';
import { isolatedStack } from '../../../tests/stack/fixture.ts';
import { INTEGRATION, openRig, TENANT } from '../../../tests/operate-rig.ts';
import type { Rig } from '../../../tests/operate-rig.ts';

const stack = await isolatedStack('operate-verify');
let rig: Rig;
beforeAll(async () => { rig = await openRig(stack); });
afterAll(async () => { await rig.close(); });
beforeEach(async () => {
  await rig.deps.pool.query('truncate links, verifications, verification_doubts, certificates, dead_letters, waiting_hints, audit');
  rig.hubspot.control.clearFaults();
  rig.hubspot.control.resetCounts();
  await rig.bevatel.control.sql('delete from contacts');
  for (const { id } of rig.hubspot.control.contacts()) rig.hubspot.control.archive(id);
});

interface Person {
  readonly company: readonly [string | null, string | null];
  readonly group?: GroupState;
  /** What was captured of the companies, when it is not what stands there. */
  readonly seen?: readonly [string | null, string | null];
  readonly wanted?: boolean;
}

/** The pair on both systems and its link. */
async function pair({ company, group = {}, seen = company }: Person): Promise<{ linkId: string; bevatelId: string; externalId: string }> {
  const [bevatelId = ''] = await rig.bevatel.control.seed(TENANT, [{ fields: { contact_first_name: 'Noura', company_name: company[0] } }]);
  const [externalId = ''] = rig.hubspot.control.seed([{ firstname: 'Noura', ...(company[1] === null ? {} : { company: company[1] }) }]);
  const [linkId = ''] = await rig.store({
    bevatelId, externalId, bevatel: { contact_first_name: 'Noura', company_name: seen[0], email: null }, external: { firstname: 'Noura', company: seen[1], email: null },
    state: { groups: { company_name: group } },
  });
  return { linkId, bevatelId, externalId };
}

async function run(settleMs = 0, name = INTEGRATION): Promise<Verification> {
  const started = await rig.post('/v1/verifications', { tenant: TENANT, integration: name, settleMs });
  expect(started.status).toBe(202);
  const { id } = zVerification.parse(started.body);
  for (;;) {
    const { body } = await rig.get(`/v1/verifications/${id}`);
    const seen = zVerification.parse(body);
    if (seen.state !== 'running') return seen;
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
}

async function certificate(settleMs = 0): Promise<Certificate> {
  const { certificate: told, error } = await run(settleMs);
  if (!told) throw new Error(JSON.stringify(error));
  return told;
}

const OLD: GroupState = { base: [['old'], ['old']] };
const HELD: GroupState = { held: { type: 'create_create', since: 1, bevatel: ['A'], external: ['B'], bevatelTime: UNKNOWN_TIME, externalTime: UNKNOWN_TIME } };

describe('verify', () => {
  it('certifies what agrees and what is explained, and counts each pair once', async () => {
    await pair({ company: ['A', ' A '] });
    await pair({ company: ['A long name', 'A long'], group: { base: [['A long name'], ['A long']] } });
    await pair({ company: ['A', 'B'], group: HELD });
    await pair({ company: ['A', 'B'], group: { skipped: 'direction' } });
    await pair({ company: ['A', 'B'], group: { wanted: { side: 'external', values: ['A'] } } });
    expect(await certificate()).toMatchObject({
      ok: true, pairs: 5, equal: 1, normalised: 1, held: 1, skipped: 1, inFlight: 1, differing: 0, unseen: 0, unlinked: { bevatel: 0, external: 0 },
      byReason: { 'held:create_create': 1, 'skipped:direction': 1, 'in_flight:wanted': 1, 'normalised:agreed_base': 1 },
    });
  });

  it('finds a difference that nothing explains, and names the pair and field but no value (I11)', async () => {
    const { linkId, bevatelId, externalId } = await pair({ company: ['Secret One', 'Secret Two'], group: { base: [['o'], ['o']] } });
    const told = await certificate();
    expect(told).toMatchObject({ ok: false, pairs: 1, differing: 1, samples: [{ linkId, bevatelId, externalId, kind: 'differing', group: 'company_name', reason: 'no_verdict' }] });
    expect(JSON.stringify(told)).not.toContain('Secret');
  });

  it('finds an edit that was never captured', async () => {
    await pair({ company: ['new', 'old'], seen: ['old', 'old'], group: { base: [['old'], ['old']] } });
    expect(await certificate()).toMatchObject({ ok: false, unseen: 1, byReason: { 'unseen:bevatel': 1 } });
  });

  it('looks again at what is on its way: an edit that arrives meanwhile is no difference', async () => {
    const { externalId } = await pair({ company: ['new', 'old'], seen: ['new', 'old'], group: { base: [['old'], ['old']], wanted: { side: 'external', values: ['new'] } } });
    const verifying = certificate(60_000);
    const { linkId } = (await rig.deps.pool.query<{ linkId: string }>('select link_id as "linkId" from links')).rows[0] ?? { linkId: '' };
    rig.hubspot.control.edit(externalId, { company: 'new' });
    await rig.deps.pool.query(`update links set state = jsonb_set(jsonb_set(state::jsonb, '{groups,company_name}', '{"base": [["new"], ["new"]]}'), '{seen,external,values,company}', '"new"') where link_id = $1`, [linkId]);
    expect(await verifying).toMatchObject({ ok: true, pairs: 1, equal: 1, inFlight: 0 });
  });

  it('I9: a record that is gone on one side without our knowledge is a difference', async () => {
    const { externalId } = await pair({ company: ['A', 'A'] });
    rig.hubspot.control.archive(externalId);
    expect(await certificate()).toMatchObject({ ok: false, unseen: 1 });
  });

  it('finds records that no link knows, on both sides', async () => {
    await pair({ company: ['A', 'A'] });
    const [stranger = ''] = await rig.bevatel.control.seed(TENANT, [{ fields: { contact_first_name: 'X' } }]);
    rig.hubspot.control.seed([{ firstname: 'Y' }, { firstname: 'Z' }]);
    const told = await certificate();
    expect(told).toMatchObject({ ok: false, pairs: 1, equal: 1, unlinked: { bevatel: 1, external: 2 } });
    expect(told.samples).toContainEqual({ linkId: null, bevatelId: stranger, externalId: null, kind: 'unlinked', group: null, reason: 'no_link:bevatel' });
  });

  it('tells one-sided links that wait with a reason from those without', async () => {
    const [bevatelId = '', other = ''] = await rig.bevatel.control.seed(TENANT, [{ fields: {} }, { fields: {} }]);
    await rig.store({ bevatelId, externalId: null, bevatel: {}, state: { hold: { kind: 'multi_match', since: 1, candidates: [] } } });
    expect(await certificate()).toMatchObject({ oneSided: { explained: 1, unlinked: 0 }, unlinked: { bevatel: 1, external: 0 } });
    await rig.store({ bevatelId: other, externalId: null, bevatel: {} });
    expect(await certificate()).toMatchObject({ ok: false, oneSided: { explained: 1, unlinked: 1 }, unlinked: { bevatel: 0, external: 0 } });
  });

  it('reads in batches of the documented sizes', async () => {
    const ids = await rig.bevatel.control.seed(TENANT, Array.from({ length: 250 }, () => ({ fields: { contact_first_name: 'a' } })));
    const externals = rig.hubspot.control.seed(Array.from({ length: 250 }, () => ({ firstname: 'a' })));
    await rig.store(...ids.map((bevatelId, index) => ({
      bevatelId, externalId: externals[index] ?? '', bevatel: { contact_first_name: 'a', company_name: null, email: null }, external: { firstname: 'a', company: null, email: null },
    })));
    expect(await certificate()).toMatchObject({ ok: true, pairs: 250, equal: 250, calls: { read: 6 } });
  });

  it('looks at everything again that is in doubt, however much it is, and holds a page of it at a time', async () => {
    const ids = await rig.bevatel.control.seed(TENANT, Array.from({ length: 250 }, () => ({ fields: { contact_first_name: 'new' } })));
    const externals = rig.hubspot.control.seed(Array.from({ length: 250 }, () => ({ firstname: 'old' })));
    await rig.store(...ids.map((bevatelId, index) => ({
      bevatelId, externalId: externals[index] ?? '', bevatel: { contact_first_name: 'old', company_name: null, email: null }, external: { firstname: 'old', company: null, email: null },
      state: { groups: { contact_first_name: OLD } },
    })));
    expect(await certificate()).toMatchObject({ ok: false, unseen: 250, unexplained: 250, calls: { read: 12 }, samples: { length: 150 } });
  });

  it('explains what waits in quarantine or for its read (I8)', async () => {
    const quarantined = await pair({ company: ['A', 'new'], seen: ['A', 'A'], group: { base: [['A'], ['A']] } });
    const waiting = await pair({ company: ['new', 'A'], seen: ['A', 'A'], group: { base: [['A'], ['A']] } });
    const [stray = ''] = rig.hubspot.control.seed([{ firstname: 'Y' }]);
    const at = { tenantId: TENANT, integrationId: INTEGRATION };
    await inTransaction(rig.deps.pool, (client) => insertDeadLetters(client, [quarantined.externalId, stray].map((recordId) => ({
      ...at, deadLetterId: recordId, side: 'external', recordId, code: 'value_invalid', detail: null, stage: 'reconcile', topic: 't', partition: 0, offset: recordId, key: null, bytes: Buffer.alloc(0), deadAt: 1,
    }))));
    await parkHints(rig.deps.pool, [{
      ...at, hintId: 'h', side: 'bevatel', recordId: waiting.bevatelId, lane: 'repair', origin: 'operator', event: 'changed', field: null, value: null, revision: null, occurredAt: null, receivedAt: 1, mergedInto: null,
    }], 1, 1);
    expect(await certificate()).toMatchObject({ ok: true, held: 1, inFlight: 1, oneSided: { explained: 1 }, byReason: { 'held:dead_letter:value_invalid': 2, 'in_flight:read_asked': 1 } });
  });

  it('keeps its certificates: listed, shown whole, with all that is open, and alike when nothing moved', async () => {
    const { linkId, externalId } = await pair({ company: ['A', 'B'], group: { base: [['o'], ['o']] } });
    await pair({ company: ['A', 'A'] });
    const [one, two] = [await certificate(), await certificate()];
    expect(two).toMatchObject({ digest: one.digest, rules: one.rules, kind: 'verify', scope: 'integration', requestedBy: 'mona' });
    rig.hubspot.control.edit(externalId, { company: 'A' });
    const three = await certificate();
    expect(three.digest).not.toBe(one.digest);
    const page = zCertificateList.parse((await rig.get('/v1/certificates?limit=2')).body);
    expect(page).toMatchObject({ certificates: [{ id: three.id, ok: true }, { id: two.id, ok: false, unexplained: 1 }], next: two.id });
    expect(zCertificateList.parse((await rig.get(`/v1/certificates?limit=2&after=${page.next}`)).body)).toMatchObject({ certificates: [{ id: one.id }], next: null });
    expect(zCertificate.parse((await rig.get(`/v1/certificates/${one.id}`)).body)).toEqual(one);
    expect(zFindingList.parse((await rig.get(`/v1/certificates/${one.id}/findings`)).body)).toMatchObject({ findings: [{ side: null, linkId, externalId, groups: [{ kind: 'differing', group: 'company_name', reason: 'no_verdict' }], asked: null }], next: null });
    expect(await rig.get('/v1/certificates/nosuch')).toMatchObject({ status: 404 });
  });

  it('I8: one record that its system refuses to show stops only itself', async () => {
    for (let count = 0; count < 3; count += 1) await pair({ company: ['A', 'A'] });
    const refuse = (times?: number) => rig.hubspot.control.addFault({ endpoint: 'contacts.batchRead', fault: { kind: 'status', status: 400, category: 'VALIDATION_ERROR' }, ...(times === undefined ? {} : { times }) });
    refuse(3);
    expect(await certificate()).toMatchObject({ ok: true, equal: 3, byReason: {} });
    refuse();
    expect(await run()).toMatchObject({ state: 'failed', certificate: null, error: { code: expect.any(String) as string } });
  });

  it('is cancelled at a word, which is audited; a second word is refused', async () => {
    rig.hubspot.control.addFault({ endpoint: 'contacts.list', fault: { kind: 'hold_before' } });
    const { id } = zVerification.parse((await rig.post('/v1/verifications', { tenant: TENANT, integration: INTEGRATION })).body);
    await until('the listing is held', () => rig.hubspot.control.heldCount() === 1);
    expect(zStatus.parse((await rig.get('/v1/status')).body).integrations[0]?.verifications).toMatchObject([{ id, kind: 'verify', phase: 'external', waiting: null }]);
    expect(await rig.post(`/v1/verifications/${id}/cancel`, {})).toMatchObject({ status: 200, body: { id, state: 'cancelled', certificate: null } });
    expect(await rig.post(`/v1/verifications/${id}/cancel`, {})).toMatchObject({ status: 409, body: { error: { code: 'state_moved' } } });
    expect((await listAudit(rig.deps.pool, TENANT, 10)).map(({ actor, action }) => `${actor} ${action}`)).toEqual(['mona verify.cancel', 'mona verify']);
    rig.hubspot.control.releaseHeld();
    await until('its lock is free', async () => (await rig.deps.pool.query("select from pg_locks l join pg_database d on d.oid = l.database where l.locktype = 'advisory' and d.datname = current_database()")).rowCount === 0);
    expect(await rig.get(`/v1/verifications/${id}`)).toMatchObject({ body: { state: 'cancelled' } });
  });

  it('I10: waits for a system that throttles or is away, says so, and is no failure', async () => {
    await pair({ company: ['A', 'A'] });
    rig.hubspot.control.addFault({ endpoint: 'contacts.list', fault: { kind: 'status', status: 429, policyName: 'TEN_SECONDLY_ROLLING', headers: { 'retry-after': '3' } }, times: 1 });
    rig.hubspot.control.addFault({ endpoint: 'contacts.batchRead', fault: { kind: 'status', status: 503 }, times: 2 });
    const started = zVerification.parse((await rig.post('/v1/verifications', { tenant: TENANT, integration: INTEGRATION, settleMs: 0 })).body);
    const now = async (): Promise<Verification> => zVerification.parse((await rig.get(`/v1/verifications/${started.id}`)).body);
    await until('it says that it is throttled', async () => (await now()).waiting?.code === 'rate_limited');
    expect((await now()).waiting?.until).toBeGreaterThan(Date.now());
    await until('it says that the system is away', async () => (await now()).waiting?.code === 'system_unavailable');
    await until('it has ended', async () => (await now()).state === 'done');
    expect(await now()).toMatchObject({ state: 'done', waiting: null, etaMs: null, certificate: { ok: true, equal: 1 } });
  });

  it('does not outlive the rules that it compares by', async () => {
    rig.hubspot.control.addFault({ endpoint: 'contacts.list', fault: { kind: 'hold_before' } });
    const { id } = zVerification.parse((await rig.post('/v1/verifications', { tenant: TENANT, integration: INTEGRATION })).body);
    await until('the listing is held', () => rig.hubspot.control.heldCount() === 1);
    await rig.deps.pool.query(`update integrations set config = jsonb_set(config, '{direction}', '"to_bevatel"'), applied_at = applied_at + 1`);
    rig.hubspot.control.releaseHeld();
    await until('it has ended', async () => zVerification.parse((await rig.get(`/v1/verifications/${id}`)).body).state === 'failed');
    expect(await rig.get(`/v1/verifications/${id}`)).toMatchObject({ body: { error: { code: 'state_moved' } } });
    await rig.deps.pool.query(`update integrations set config = jsonb_set(config, '{direction}', '"both"'), applied_at = applied_at + 1`);
  });

  it('works while the integration is paused, and is refused for one that is not there', async () => {
    await setPaused(rig.deps.pool, { tenantId: TENANT, integrationId: INTEGRATION }, true);
    await pair({ company: ['A', 'A'] });
    expect(await certificate()).toMatchObject({ ok: true, equal: 1 });
    await setPaused(rig.deps.pool, { tenantId: TENANT, integrationId: INTEGRATION }, false);
    expect(await rig.post('/v1/verifications', { tenant: TENANT, integration: 'nosuch' })).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } });
    expect(await rig.get('/v1/verifications/nosuch')).toMatchObject({ status: 404 });
  });

  it('fails by the code of the system when its token is refused', async () => {
    rig.hubspot.control.revokeToken('pat-na1-sandbox');
    await pair({ company: ['A', 'A'] });
    expect(await run()).toMatchObject({ state: 'failed', certificate: null, error: { code: 'unauthorised' } });
  });
});
