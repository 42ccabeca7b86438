/** Notifications that lie, and values that do not stay as they were written (design §4, §10). */
import { describe, expect, it } from 'vitest';
import { isolatedStack } from '../stack/fixture.ts';
import { Flow, until } from './rig.ts';

/** HubSpot's clock can be made to stand still: a bulk edit stamps all its records alike. */
let frozenAt: number | null = null;
const flow = await Flow.open(await isolatedStack('notifications'), {
  hubspot: { now: () => frozenAt ?? Date.now() },
  integration: { poll: { everyMs: 300 }, oscillation: { flips: 2, withinMs: 600_000 } },
});
const { hubspot } = flow;
const APP = `app ${hubspot.appId}`;
await flow.start();

const HONEST = { loss: 0, duplication: 0, delayMs: 0, reorder: false, batchWindowMs: 5 };

/** Lets the edit go out in a webhook call of its own. */
async function nextWindow(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 10));
}

async function untilCompany(bevatelId: string, value: string | null): Promise<void> {
  await until(`Bevatel has ${value}`, async () => ((await flow.contact(bevatelId))?.fields['company_name'] ?? null) === value);
}

describe('webhooks', () => {
  it('I3, I7: doubled, late and in any order: the last value stands, and each is written at most once', async () => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'Unruly', email: 'unruly@acme.test', company_name: 'o' });
    const version = (await flow.contact(bevatelId))?.version ?? 0;
    hubspot.control.configureWebhooks({ duplication: 1, reorder: true, delayMs: 60, batchWindowMs: 1 });
    for (let edit = 1; edit <= 10; edit += 1) {
      hubspot.control.edit(externalId, { company: `v${edit}` });
      await nextWindow();
    }
    await untilCompany(bevatelId, 'v10');
    await flow.untilQuiet();
    hubspot.control.configureWebhooks(HONEST);
    const contact = await flow.contact(bevatelId);
    expect(contact?.fields['company_name']).toBe('v10');
    expect((contact?.version ?? 0) - version).toBeLessThanOrEqual(10);
    expect(flow.historyOf(externalId, 'company').filter((entry) => entry.includes('app'))).toEqual([`o by ${APP}`]);
    expect(await flow.heldOf(bevatelId, 'company_name')).toBeUndefined();
  });

  it('I3: an old notification that comes again changes nothing', async () => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'Again', email: 'again@acme.test', company_name: 'o' });
    hubspot.control.configureWebhooks({ delayMs: 700 });
    hubspot.control.edit(externalId, { company: 'late' });
    hubspot.control.configureWebhooks({ delayMs: 0 });
    hubspot.control.edit(externalId, { company: 'newest' });
    await untilCompany(bevatelId, 'newest');
    const version = (await flow.contact(bevatelId))?.version;
    await flow.untilQuiet();
    expect(await flow.contact(bevatelId)).toMatchObject({ version, fields: { company_name: 'newest' } });
  });

  it('I2: lost: the poll finds the edit, also when the search index lags', async () => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'Lost', email: 'lost@acme.test', company_name: 'o' });
    hubspot.control.configureWebhooks({ loss: 1 });
    hubspot.control.setIndexLagMs(1_500);
    hubspot.control.edit(externalId, { company: 'found' });
    await untilCompany(bevatelId, 'found');
    hubspot.control.setIndexLagMs(0);
    hubspot.control.configureWebhooks(HONEST);
    await flow.untilQuiet();
    expect(flow.historyOf(externalId, 'company')).toEqual([`o by ${APP}`, 'found by a human']);
  });

  it('I2: lost for a new record: the poll finds it, and it is created once', async () => {
    hubspot.control.configureWebhooks({ loss: 1 });
    const made = hubspot.control.create({ firstname: 'Unheard', email: 'unheard@acme.test' });
    await until('Bevatel has the contact', async () => (await flow.contacts()).some((one) => one.external_references['crm'] === made.id));
    hubspot.control.configureWebhooks(HONEST);
    await flow.untilQuiet();
    expect((await flow.contacts()).filter((one) => one.fields['email'] === 'unheard@acme.test')).toHaveLength(1);
  });
});

describe('edits that share a stamp', () => {
  it('I2: of many records: none is missed by webhook or poll', async () => {
    const pairs = await flow.pairs(Array.from({ length: 12 }, (_, index) => ({ contact_first_name: `Bulk ${index}`, email: `bulk${index}@acme.test` })));
    hubspot.control.configureWebhooks({ loss: 0.5 });
    frozenAt = Date.now();
    for (const { externalId } of pairs) hubspot.control.edit(externalId, { company: 'bulk' });
    frozenAt = null;
    await until('all are in Bevatel', async () => (await flow.contacts()).filter((one) => one.fields['company_name'] === 'bulk').length === pairs.length);
    hubspot.control.configureWebhooks(HONEST);
    await flow.untilQuiet();
  });

  it('I2: of one record: both are folded, and it comes to rest (trace 4)', async () => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'Tick', email: 'tick@acme.test', company_name: 'o' });
    frozenAt = Date.now();
    hubspot.control.edit(externalId, { company: 'first' });
    await untilCompany(bevatelId, 'first');
    hubspot.control.edit(externalId, { company: 'second' });
    frozenAt = null;
    await untilCompany(bevatelId, 'second');
    await flow.untilQuiet();
    expect((await flow.linkOf(bevatelId)).state.readDue).toBeUndefined();
    expect(await flow.heldOf(bevatelId, 'company_name')).toBeUndefined();
  });
});

describe('a value that its system writes otherwise', () => {
  it('I3: an e-mail that HubSpot lower-cases causes no second write, and Bevatel keeps its spelling', async () => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'Case', email: 'Case.Of.Mail@ACME.test' });
    expect(hubspot.control.contact(externalId)?.properties['email']).toBe('case.of.mail@acme.test');
    await flow.editContact(bevatelId, { email: 'Other.Case@ACME.test' });
    await until('HubSpot has it', () => hubspot.control.contact(externalId)?.properties['email'] === 'other.case@acme.test');
    await flow.untilQuiet();
    expect(flow.historyOf(externalId, 'email')).toEqual([`case.of.mail@acme.test by ${APP}`, `other.case@acme.test by ${APP}`]);
    expect((await flow.contact(bevatelId))?.fields['email']).toBe('Other.Case@ACME.test');
    hubspot.control.edit(externalId, { firstname: 'Case again' });
    await until('the later edit arrived', async () => (await flow.contact(bevatelId))?.fields['contact_first_name'] === 'Case again');
    await flow.untilQuiet();
    expect((await flow.contact(bevatelId))?.fields['email']).toBe('Other.Case@ACME.test');
  });
});

describe('a third party that rewrites our value', () => {
  it('I3: the field is held when it keeps coming back, the actor is named, and writes stop', async () => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'Tug', email: 'tug@acme.test', company_name: 'theirs' });
    hubspot.control.addApp('pat-of-another-app', 777);
    const ours = async (): Promise<void> => flow.editContact(bevatelId, { company_name: 'ours' });
    const rewrite = async (): Promise<void> => {
      const answer = await fetch(`${hubspot.url}/crm/v3/objects/contacts/${externalId}`, {
        method: 'PATCH', headers: { authorization: 'Bearer pat-of-another-app', 'content-type': 'application/json' }, body: JSON.stringify({ properties: { company: 'theirs' } }),
      });
      expect(answer.status).toBe(200);
    };
    // An automation on each side insists on its own value.
    const held = async (): Promise<boolean> => (await flow.heldOf(bevatelId, 'company_name')) !== undefined;
    for (let round = 0; round < 8 && !(await held()); round += 1) {
      await ours();
      await until('ours is in HubSpot, or held', async () => hubspot.control.contact(externalId)?.properties['company'] === 'ours' || held());
      if (await held()) break;
      await rewrite();
      await until('theirs is in Bevatel, or held', async () => (await flow.contact(bevatelId))?.fields['company_name'] === 'theirs' || held());
    }
    expect(await flow.heldOf(bevatelId, 'company_name')).toMatchObject({ type: 'oscillation' });
    await flow.untilQuiet();
    const before = { written: flow.historyOf(externalId, 'company').length, version: (await flow.contact(bevatelId))?.version };
    await flow.editContact(bevatelId, { contact_last_name: 'goes on' });
    await until('the other fields go on', () => flow.hubspotOf(bevatelId)?.['lastname'] === 'goes on');
    await flow.untilQuiet();
    expect(flow.historyOf(externalId, 'company')).toHaveLength(before.written);
    expect((await flow.contact(bevatelId))?.version).toBe((before.version ?? 0) + 1);
    const said = (await flow.verdicts(bevatelId, 'company_name')).filter(({ conflict }) => conflict === 'oscillation');
    expect(said).toHaveLength(1);
    expect(said[0]?.rule).toBe('oscillation_breaker');
    expect([said[0]?.externalActor, (await flow.heldOf(bevatelId, 'company_name'))?.detail]).toContain('INTEGRATION:777');
  });
});
