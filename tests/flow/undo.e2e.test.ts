/** Writes taken back over the whole flow, in a hub with two HubSpots: what stands in the systems, and that nothing follows. */
import { afterAll, describe, expect, it } from 'vitest';
import { createMetrics } from '../../runtime/metrics.ts';
import { zExplainAnswer, zIntegrationDetail } from '../../schemas/api.ts';
import { zUndoLine, zWhatIfLine } from '../../schemas/api-history.ts';
import type { UndoResult } from '../../schemas/api-history.ts';
import { zVerification } from '../../schemas/verification.ts';
import type { Certificate } from '../../schemas/verification.ts';
import { startOperate } from '../../services/operate/main.ts';
import { isolatedStack } from '../stack/fixture.ts';
import { Flow, INTEGRATION, TENANT, until } from './rig.ts';

const flow = await Flow.open(await isolatedStack('undo'));
const { hubspot } = flow;
const second = await flow.addHubSpot('crm2', { portalId: 5_151, appId: 9_500 });
await flow.start();
const operate = await startOperate({ ...flow.deps, metrics: createMetrics('undo') });
afterAll(() => operate.stop());

async function call(path: string, body?: unknown): Promise<string> {
  const headers = { authorization: `Bearer ${flow.deps.config.apiKey ?? ''}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
  return (await fetch(`${operate.url}${path}`, { headers, ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }) })).text();
}

async function ask(body: object): Promise<UndoResult> {
  const told = zUndoLine.parse(JSON.parse((await call('/v1/undo', body)).trim().split('\n').at(-1) ?? '{}'));
  if (told.kind !== 'undo') throw new Error(JSON.stringify(told));
  return told;
}

/** Previews and does it. */
async function undo(scope: object): Promise<UndoResult> {
  const { token } = await ask(scope);
  return ask({ token });
}

async function verified(integration: string): Promise<Certificate> {
  let run = zVerification.parse(JSON.parse(await call('/v1/verifications', { tenant: TENANT, integration, settleMs: 10_000 })));
  await until('the comparison has ended', async () => {
    run = zVerification.parse(JSON.parse(await call(`/v1/verifications/${run.id}`)));
    return run.state !== 'running';
  });
  if (!run.certificate) throw new Error('no certificate');
  return run.certificate;
}

interface Ids {
  readonly bevatelId: string;
  readonly first: string;
  readonly second: string;
}

async function contact(name: string): Promise<Ids> {
  const { bevatelId, externalId } = await flow.pair({ contact_first_name: name, email: `${name.toLowerCase()}@acme.test`, company_name: 'o' });
  await until('the second HubSpot has it too', () => second.control.findBy('bevatel_contact_id', bevatelId) !== undefined);
  await flow.untilQuiet();
  return { bevatelId, first: externalId, second: second.control.findBy('bevatel_contact_id', bevatelId)?.id ?? '' };
}

/** Bevatel, the first and the second HubSpot. */
async function companies(ids: Ids): Promise<(string | undefined)[]> {
  const own = (await flow.contact(ids.bevatelId))?.fields['company_name'];
  return [own === undefined ? undefined : String(own), hubspot.control.contact(ids.first)?.properties['company'], second.control.contact(ids.second)?.properties['company']];
}

async function untilCompanies(ids: Ids, ...expected: readonly string[]): Promise<void> {
  await until(`the companies are ${expected.join(', ')}`, async () => JSON.stringify(await companies(ids)) === JSON.stringify(expected));
  await flow.untilQuiet();
  expect(await companies(ids)).toEqual(expected);
}

/** What was edited in the first HubSpot has reached Bevatel and the second. */
async function editedInFirst(name: string): Promise<Ids & { readonly since: number }> {
  const ids = await contact(name);
  const since = flow.deps.clock();
  hubspot.control.edit(ids.first, { company: 'wrong' });
  await untilCompanies(ids, 'wrong', 'wrong', 'wrong');
  return { ...ids, since };
}

describe('undo', () => {
  it('I3: of one integration: its write into Bevatel is taken back, its own record keeps the edit, and what hangs on Bevatel follows as always', async () => {
    const ids = await editedInFirst('Hub');
    const { since } = ids;
    const preview = await ask({ since, tenant: TENANT, integration: INTEGRATION, contact: ids.bevatelId });
    expect(preview).toMatchObject({ fields: 1, bySide: { bevatel: 1 }, samples: [{ group: 'company_name', present: ['wrong'], back: ['o'], rule: 'one_side_changed' }] });
    expect(await companies(ids)).toEqual(['wrong', 'wrong', 'wrong']);
    await ask({ token: preview.token });
    await untilCompanies(ids, 'o', 'wrong', 'o');
    expect(flow.historyOf(ids.first, 'company')).toEqual(['o by app 9000', 'wrong by a human']);
    const certificate = await verified(INTEGRATION);
    expect([certificate.ok, certificate.byReason]).toMatchObject([true, expect.objectContaining({ 'skipped:undone': 1 })]);
    expect((await verified('crm2')).ok).toBe(true);
  });

  it('a later edit on either side goes on as always', async () => {
    const ids = await editedInFirst('Later');
    await undo({ since: ids.since, tenant: TENANT, integration: INTEGRATION, contact: ids.bevatelId });
    await untilCompanies(ids, 'o', 'wrong', 'o');
    hubspot.control.edit(ids.first, { company: 'right' });
    await untilCompanies(ids, 'right', 'right', 'right');
    await flow.editContact(ids.bevatelId, { company_name: 'better' });
    await untilCompanies(ids, 'better', 'better', 'better');
  });

  it('of the whole hub: every system that was written is taken back, the edited one is not touched; and again', async () => {
    const ids = await editedInFirst('Whole');
    expect(await undo({ since: ids.since, contact: ids.bevatelId })).toMatchObject({ fields: 2, integrations: [INTEGRATION, 'crm2'] });
    await untilCompanies(ids, 'o', 'wrong', 'o');
    const redo = await undo({ since: ids.since, rule: 'undo', contact: ids.bevatelId });
    expect(redo.byGroup).toEqual({ company_name: redo.fields });
    await untilCompanies(ids, 'wrong', 'wrong', 'wrong');
    expect(flow.historyOf(ids.first, 'company')).toEqual(['o by app 9000', 'wrong by a human']);
  });

  it('I2: what a person edited since is left alone, and named', async () => {
    const ids = await editedInFirst('Touched');
    await flow.editContact(ids.bevatelId, { company_name: 'by hand' });
    await untilCompanies(ids, 'by hand', 'by hand', 'by hand');
    const { fields, samples, skipped } = await ask({ since: ids.since, contact: ids.bevatelId, group: 'company_name' });
    // The person's edit went out to both HubSpots: those writes can be taken back, the person's own value cannot.
    expect([fields, samples.map(({ side }) => side), skipped]).toEqual([2, ['external', 'external'], { edited_since: 1 }]);
  });

  it('I2: an edit that came between preview and deed is left alone, and named', async () => {
    const ids = await editedInFirst('Between');
    const { token, fields } = await ask({ since: ids.since, tenant: TENANT, integration: INTEGRATION, contact: ids.bevatelId });
    expect(fields).toBe(1);
    await flow.editContact(ids.bevatelId, { company_name: 'by hand' });
    await untilCompanies(ids, 'by hand', 'by hand', 'by hand');
    expect(await ask({ token })).toMatchObject({ fields: 0, moved: 1, movedFields: [{ bevatelId: ids.bevatelId, group: 'company_name', side: 'bevatel', reason: 'edited_since' }] });
    await untilCompanies(ids, 'by hand', 'by hand', 'by hand');
  });
});

describe('what-if', () => {
  it('of all that happened here, nothing would have been decided otherwise under the present configuration', async () => {
    for (const integration of [INTEGRATION, 'crm2']) {
      const { config } = zIntegrationDetail.parse(JSON.parse(await call(`/v1/integrations/${TENANT}/${integration}`)));
      const totals = zWhatIfLine.parse(JSON.parse((await call('/v1/what-if', { tenant: TENANT, integration, config, since: 0 })).trim().split('\n').at(-1) ?? '{}'));
      expect(totals).toMatchObject({ kind: 'totals', differences: 0, unrecorded: [] });
      expect(totals.kind === 'totals' && totals.compared).toBeGreaterThan(10);
    }
  });
});

describe('explain', () => {
  it('leads from a value in the second HubSpot through Bevatel to the edit in the first, and on through an undo', async () => {
    const ids = await editedInFirst('Chain');
    const chainOf = async () => {
      const { links } = zExplainAnswer.parse(JSON.parse(await call(`/v1/explain?contact=${ids.second}&integration=crm2`)));
      return links[0]?.fields.find(({ group }) => group === 'company_name')?.chain.map(({ integration, decision, edit, write }) => [integration, decision.rule, edit?.side, edit?.actor, write?.side, write?.landed !== null]);
    };
    expect(await chainOf()).toEqual([
      [INTEGRATION, 'one_side_changed', 'external', 'user:55', 'bevatel', true], ['crm2', 'one_side_changed', 'bevatel', 'user:55', 'external', true],
    ]);
    await undo({ since: ids.since, tenant: TENANT, integration: 'crm2', contact: ids.bevatelId });
    await untilCompanies(ids, 'wrong', 'wrong', 'o');
    expect((await chainOf())?.at(-1)).toEqual(['crm2', 'undo', undefined, undefined, 'external', true]);
  });
});
