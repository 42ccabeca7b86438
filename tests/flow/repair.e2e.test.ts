/** Repair: what was lost on its way is found by comparing both sides, and mended by the decisions of every day. */
import { describe, expect, it } from 'vitest';
import type { RepairBody } from '../../schemas/verification.ts';
import { isolatedStack } from '../stack/fixture.ts';
import { startOperator } from './operator.ts';
import { Flow, TENANT, until } from './rig.ts';

/** No poll within the test finds what a webhook did not tell, and no sweep mends it. */
const flow = await Flow.open(await isolatedStack('repair'), { integration: { poll: { everyMs: 3_600_000 }, sweep: { recordsPerHour: 0 } } });
const { hubspot, bevatel } = flow;
await flow.start();
const operator = await startOperator(flow);

const WAIT: Partial<RepairBody> = { settleMs: 30_000 };

async function withoutWebhooks(work: () => void): Promise<void> {
  hubspot.control.configureWebhooks({ loss: 1 });
  work();
  await until('the webhooks are lost', () => hubspot.control.webhooksIdle());
  hubspot.control.configureWebhooks({ loss: 0 });
}

/** As somebody with access to Bevatel's tables does, past everything that tells of it. */
async function editTable(bevatelId: string, company: string): Promise<void> {
  await flow.withoutCdc(async () => {
    await bevatel.control.sql(`update contacts set company_name = $2, version = version + 1, updated_at = now() where id = $1`, [bevatelId, company]);
  });
}

describe('repair', () => {
  it('I1: mends an edit whose webhook was lost, and one that change capture did not see', async () => {
    const [one, two] = await flow.pairs([
      { contact_first_name: 'Lost', email: 'lost@acme.test', company_name: 'o' }, { contact_first_name: 'Unseen', email: 'unseen@acme.test', company_name: 'o' },
    ]);
    if (!one || !two) throw new Error('two pairs are needed');
    await withoutWebhooks(() => { hubspot.control.edit(one.externalId, { company: 'from HubSpot' }); });
    await editTable(two.bevatelId, 'from Bevatel');
    expect(await operator.verify()).toMatchObject({ ok: false, unseen: 2, unexplained: 2, byReason: { 'unseen:external': 1, 'unseen:bevatel': 1 } });
    expect(await operator.repair(WAIT)).toMatchObject({ ok: true, unseen: 0, repair: { drift: { unseen: 2 }, reads: { bevatel: 2, external: 2 } } });
    expect((await flow.contact(one.bevatelId))?.fields['company_name']).toBe('from HubSpot');
    expect(hubspot.control.contact(two.externalId)?.properties['company']).toBe('from Bevatel');
    expect(await operator.verify()).toMatchObject({ ok: true });
  });

  it('a dry run says what would be asked for, and asks for nothing', async () => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'Dry', email: 'dry@acme.test', company_name: 'o' });
    await withoutWebhooks(() => { hubspot.control.edit(externalId, { company: 'new' }); });
    expect(await operator.repair({ dryRun: true })).toMatchObject({ ok: false, unseen: 1, repair: { dryRun: true, drift: { unseen: 1 }, reads: { bevatel: 1, external: 1 } } });
    expect((await flow.deps.pool.query('select from waiting_hints')).rowCount).toBe(0);
    const { id } = await operator.verify();
    expect(await operator.repair({ certificate: id, ...WAIT })).toMatchObject({ ok: true, pairs: 1, equal: 1, scope: `certificate:${id}`, calls: { list: 0 } });
    expect((await flow.contact(bevatelId))?.fields['company_name']).toBe('new');
  });

  it('of one contact by either of its ids, and of a record without a link', async () => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'Single', email: 'single@acme.test', company_name: 'o' });
    let stray = '';
    await withoutWebhooks(() => {
      hubspot.control.edit(externalId, { company: 'new' });
      stray = hubspot.control.create({ firstname: 'Stray', email: 'single.stray@acme.test' }).id;
    });
    expect(await operator.repair({ contact: bevatelId, ...WAIT })).toMatchObject({ ok: true, pairs: 1, equal: 1, scope: 'contact', unlinked: { external: 0 } });
    expect((await flow.contact(bevatelId))?.fields['company_name']).toBe('new');
    await operator.repair({ contact: stray, ...WAIT });
    await until('the stray has its contact', async () => (await flow.contacts()).some((one) => one.external_references['crm'] === stray));
    expect(await operator.repair({ contact: externalId, ...WAIT })).toMatchObject({ pairs: 1, equal: 1, repair: { reads: { bevatel: 0, external: 0 } } });
  });

  it('I4: finds strays on both sides, and makes one link of those that are one person', async () => {
    let external: string[] = [];
    let contacts: string[] = [];
    await withoutWebhooks(() => {
      external = ['both@acme.test', 'outside@acme.test'].map((email) => hubspot.control.create({ firstname: 'Stray', email }).id);
    });
    await flow.withoutCdc(async () => {
      contacts = await bevatel.control.seed(TENANT, ['both@acme.test', 'inside@acme.test'].map((email) => ({ fields: { contact_first_name: 'Stray', email } })));
    });
    expect(await operator.verify()).toMatchObject({ ok: false, unlinked: { bevatel: 2, external: 2 } });
    expect(await operator.repair(WAIT)).toMatchObject({ ok: true, unlinked: { bevatel: 0, external: 0 }, oneSided: { unlinked: 0 }, repair: { drift: { stray: 4 } } });
    await flow.untilQuiet();
    expect((await flow.linkOf(contacts[0] ?? '')).externalId).toBe(external[0]);
    for (const email of ['both@acme.test', 'outside@acme.test', 'inside@acme.test']) {
      expect((await flow.contacts()).filter((one) => one.fields['email'] === email), email).toHaveLength(1);
      expect(hubspot.control.contacts().filter(({ properties }) => properties['email'] === email), email).toHaveLength(1);
    }
  });

  it('I9: a record that vanished unnoticed is proven gone by its id, and held', async () => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'Gone', email: 'gone@acme.test' });
    await withoutWebhooks(() => { hubspot.control.archive(externalId); });
    expect(await operator.repair(WAIT)).toMatchObject({ ok: true, held: 1, repair: { drift: { gone: 1 } } });
    expect((await flow.linkOf(bevatelId)).state.gone?.external?.how).toBe('deleted');
    expect(await flow.contact(bevatelId)).not.toBeNull();
  });

  it('I9: a truncated table is named; its records are asked for only at a word, and nothing is deleted elsewhere', async () => {
    await flow.pairs(Array.from({ length: 25 }, (_, index) => ({ contact_first_name: `Many ${index}`, email: `many${index}@acme.test` })));
    const before = hubspot.control.contactCount();
    await bevatel.control.sql('truncate contacts');
    const left = await operator.repair();
    const gone = left.repair?.drift.gone ?? 0;
    expect(gone).toBeGreaterThan(25);
    expect(left).toMatchObject({ ok: false, repair: { reads: { bevatel: 0, external: 0 }, deferred: { mass_absence: gone } } });
    expect(left.byReason['unseen:bevatel_not_found']).toBe(gone);
    expect(await operator.repair({ includeGone: true, certificate: left.id, ...WAIT })).toMatchObject({ ok: true, repair: { drift: { gone }, reads: { bevatel: gone } } });
    await flow.untilQuiet();
    expect((await flow.links()).filter(({ bevatelId, state }) => bevatelId !== null && !state.gone)).toEqual([]);
    expect(hubspot.control.contactCount()).toBe(before);
  });
});

