/** I1: verify over the API against both sandboxes: what agrees, what is explained, what is not. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { GroupState } from '../../domain/link.ts';
import { UNKNOWN_TIME } from '../../domain/link.ts';
import { zVerification } from '../../schemas/verification.ts';
import type { Certificate, Verification } from '../../schemas/verification.ts';
import { setPaused } from '../../store/integrations.ts';
import { isolatedStack } from '../../tests/stack/fixture.ts';
import { INTEGRATION, openRig, TENANT } from '../../tests/operate-rig.ts';
import type { Rig } from '../../tests/operate-rig.ts';

const stack = await isolatedStack('operate-verify');
let rig: Rig;
beforeAll(async () => { rig = await openRig(stack); });
afterAll(async () => { await rig.close(); });
beforeEach(async () => {
  await rig.deps.pool.query('delete from links');
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
