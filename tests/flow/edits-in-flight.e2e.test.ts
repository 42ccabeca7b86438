/** Edits while a write is under way, and edits of both sides at once (design §5, §6, §10). */
import { describe, expect, it } from 'vitest';
import { isolatedStack } from '../stack/fixture.ts';
import { Flow, until } from './rig.ts';

const TOLERANCE_MS = 300;
const flow = await Flow.open(await isolatedStack('in_flight'), {
  integration: {
    conflicts: { policy: 'latest_wins', toleranceMs: TOLERANCE_MS, fallback: 'manual' },
    fields: [
      { bevatel: 'contact_first_name', external: 'firstname' },
      { bevatel: 'contact_last_name', external: 'lastname' },
      { bevatel: 'phone_number', external: 'phone', lens: 'phone', region: 'SA' },
      { bevatel: 'email', external: 'email', lens: 'email' },
      { bevatel: 'company_name', external: 'company' },
      { bevatel: 'source_channel', external: 'jobtitle', policy: 'manual' },
    ],
  },
});
const { hubspot, bevatel } = flow;
const APP = `app ${hubspot.appId}`;
await flow.start();

async function companies(bevatelId: string): Promise<{ bevatel: unknown; hubspot: unknown }> {
  return { bevatel: (await flow.contact(bevatelId))?.fields['company_name'], hubspot: flow.hubspotOf(bevatelId)?.['company'] };
}

function both(value: string): { bevatel: string; hubspot: string } {
  return { bevatel: value, hubspot: value };
}

/** Waits until both sides show the value and nothing is on its way. */
async function untilBoth(bevatelId: string, value: string): Promise<void> {
  await until(`both sides show ${value}`, async () => {
    const shown = await companies(bevatelId);
    return shown.bevatel === value && shown.hubspot === value;
  });
  await flow.untilQuiet();
  expect(await companies(bevatelId)).toEqual(both(value));
}

/** The time that lies between two edits whose order is to be known. */
async function pastTolerance(since: number): Promise<void> {
  await until('the tolerance is over', () => Date.now() > since + TOLERANCE_MS + 100);
}

describe('an edit of the target while a write to HubSpot is under way', () => {
  it.each([['before', 0], ['after', 1]])('I2: beneath the write, seen %s its answer: held with both values', async (when, loss) => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: `Beneath ${when}`, email: `beneath.${when}@acme.test`, company_name: 'o' });
    hubspot.control.configureWebhooks({ loss });
    hubspot.control.addFault({ endpoint: 'contacts.batchUpdate', fault: { kind: 'hold_before' }, times: 1 });
    await flow.editContact(bevatelId, { company_name: 'A' });
    await until('the write is under way', () => hubspot.control.heldCount() === 1);
    hubspot.control.edit(externalId, { company: 'h' });
    if (loss === 0) await until('the edit is seen', async () => (await flow.linkOf(bevatelId)).state.seen.external?.values['company'] === 'h');
    hubspot.control.releaseHeld();
    await until('the conflict is held', async () => (await flow.heldOf(bevatelId, 'company_name')) !== undefined);
    await flow.untilQuiet();
    hubspot.control.configureWebhooks({ loss: 0 });
    expect(await flow.heldOf(bevatelId, 'company_name')).toMatchObject({ type: 'overwritten_in_flight', bevatel: ['A'], external: ['A'], overwritten: ['h'] });
    expect(flow.historyOf(externalId, 'company')).toEqual([`o by ${APP}`, 'h by a human', `A by ${APP}`]);
  });

  it('I2: on top of the write, seen before its answer: it is an edit like any other and goes to Bevatel', async () => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'On Top', email: 'on.top@acme.test', company_name: 'o' });
    hubspot.control.addFault({ endpoint: 'contacts.batchUpdate', fault: { kind: 'hold_after' }, times: 1 });
    await flow.editContact(bevatelId, { company_name: 'A' });
    await until('the write has landed', () => flow.hubspotOf(bevatelId)?.['company'] === 'A');
    hubspot.control.edit(externalId, { company: 'h' });
    await until('the edit is seen', async () => (await flow.linkOf(bevatelId)).state.seen.external?.values['company'] === 'h');
    hubspot.control.releaseHeld();
    await untilBoth(bevatelId, 'h');
    expect(await flow.heldOf(bevatelId, 'company_name')).toBeUndefined();
  });

  it('I2: on top of the write, seen after its answer', async () => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'After', email: 'after@acme.test', company_name: 'o' });
    hubspot.control.configureWebhooks({ loss: 1 });
    hubspot.control.addFault({ endpoint: 'contacts.batchUpdate', fault: { kind: 'hold_after' }, times: 1 });
    await flow.editContact(bevatelId, { company_name: 'A' });
    await until('the write has landed', () => flow.hubspotOf(bevatelId)?.['company'] === 'A');
    hubspot.control.edit(externalId, { company: 'h' });
    hubspot.control.releaseHeld();
    await untilBoth(bevatelId, 'h');
    hubspot.control.configureWebhooks({ loss: 0 });
    expect(await flow.heldOf(bevatelId, 'company_name')).toBeUndefined();
  });
});

describe('an edit of the source while a write is under way', () => {
  it('I1: towards HubSpot: the newer value is written after the answer', async () => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'Source', email: 'source@acme.test', company_name: 'o' });
    hubspot.control.addFault({ endpoint: 'contacts.batchUpdate', fault: { kind: 'hold_before' }, times: 1 });
    await flow.editContact(bevatelId, { company_name: 'A' });
    await until('the write is under way', () => hubspot.control.heldCount() === 1);
    await flow.editContact(bevatelId, { company_name: 'b' });
    await until('the edit is seen', async () => (await flow.linkOf(bevatelId)).state.seen.bevatel?.values['company_name'] === 'b');
    hubspot.control.releaseHeld();
    await untilBoth(bevatelId, 'b');
    expect(flow.historyOf(externalId, 'company')).toEqual([`o by ${APP}`, `A by ${APP}`, `b by ${APP}`]);
  });

  it('I3: edited and edited back (A → B → A): the second write takes it back, and no more', async () => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'To And Fro', email: 'to.and.fro@acme.test', company_name: 'A' });
    hubspot.control.addFault({ endpoint: 'contacts.batchUpdate', fault: { kind: 'hold_before' }, times: 1 });
    await flow.editContact(bevatelId, { company_name: 'B' });
    await until('the write is under way', () => hubspot.control.heldCount() === 1);
    await flow.editContact(bevatelId, { company_name: 'A' });
    await until('the edit is seen', async () => (await flow.linkOf(bevatelId)).state.seen.bevatel?.values['company_name'] === 'A');
    hubspot.control.releaseHeld();
    await until('it is taken back', () => flow.historyOf(externalId, 'company').length === 3);
    await flow.untilQuiet();
    expect(flow.historyOf(externalId, 'company')).toEqual([`A by ${APP}`, `B by ${APP}`, `A by ${APP}`]);
    expect(await companies(bevatelId)).toEqual(both('A'));
  });

  it('I3: edited and edited back before anything was sent: nothing is written', async () => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'Unsent', email: 'unsent@acme.test', company_name: 'A' });
    await flow.withoutDelivery(async () => {
      await flow.editContact(bevatelId, { company_name: 'B' });
      await until('B is wanted', async () => (await flow.linkOf(bevatelId)).state.groups['company_name']?.wanted !== undefined);
      await flow.editContact(bevatelId, { company_name: 'A' });
      await until('nothing is wanted', async () => (await flow.linkOf(bevatelId)).state.groups['company_name']?.wanted === undefined);
    });
    await flow.editContact(bevatelId, { contact_last_name: 'later' });
    await until('the later edit arrived', () => flow.hubspotOf(bevatelId)?.['lastname'] === 'later');
    await flow.untilQuiet();
    expect(flow.historyOf(externalId, 'company')).toEqual([`A by ${APP}`]);
  });
});

describe('an edit in Bevatel while a write to Bevatel is under way', () => {
  it('I2: the condition refuses the write, and the conflict is held with both values', async () => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'Condition', email: 'condition@acme.test', company_name: 'o' });
    bevatel.control.fault({ kind: 'delay', ms: 5_000, endpoint: 'batchWrite' });
    const writes = bevatel.control.counters().batchWrite.calls;
    hubspot.control.edit(externalId, { company: 'X' });
    await until('the write is under way', () => bevatel.control.counters().batchWrite.calls === writes + 1);
    await flow.editContact(bevatelId, { company_name: 'B' });
    await until('the conflict is held', async () => (await flow.heldOf(bevatelId, 'company_name')) !== undefined);
    await flow.untilQuiet();
    expect((await flow.verdicts(bevatelId, 'company_name')).find(({ conflict }) => conflict === 'update_update_same_field'))
      .toMatchObject({ verdict: 'conflict_held', bevatel: ['B'], external: ['X'], base: [['o'], ['o']] });
    expect(await companies(bevatelId)).toEqual({ bevatel: 'B', hubspot: 'X' });
  });
});

describe('both sides edit the same field', () => {
  it('I2, latest_wins: HubSpot edited later: its value goes over Bevatel\'s, by a verdict with both values and times', async () => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'Later There', email: 'later.there@acme.test', company_name: 'o' });
    await flow.withoutDelivery(async () => {
      await flow.editContact(bevatelId, { company_name: 'B' });
      await until('Bevatel\'s edit is seen', async () => (await flow.linkOf(bevatelId)).state.seen.bevatel?.values['company_name'] === 'B');
      await pastTolerance(Date.now());
      hubspot.control.edit(externalId, { company: 'X' });
    });
    await untilBoth(bevatelId, 'X');
    const said = (await flow.verdicts(bevatelId, 'company_name')).find(({ verdict }) => verdict === 'conflict_resolved');
    expect(said).toMatchObject({ rule: 'policy:latest_wins', conflict: 'update_update_same_field', bevatel: ['B'], external: ['X'], writeTo: 'bevatel', externalActor: 'user:55' });
    expect((said?.externalAt ?? 0) - (said?.bevatelAt ?? 0)).toBeGreaterThan(TOLERANCE_MS);
  });

  it('I2, latest_wins: Bevatel edited later: its value goes over HubSpot\'s', async () => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'Later Here', email: 'later.here@acme.test', company_name: 'o' });
    await flow.withoutDelivery(async () => {
      hubspot.control.edit(externalId, { company: 'X' });
      await pastTolerance(Date.now());
      // Bevatel gives no time per field: an image between the two edits bounds it.
      await flow.editContact(bevatelId, { contact_last_name: 'between' });
      await until('the image between is seen', async () => (await flow.linkOf(bevatelId)).state.seen.bevatel?.values['contact_last_name'] === 'between');
      await flow.editContact(bevatelId, { company_name: 'B' });
      await until('Bevatel\'s edit is seen', async () => (await flow.linkOf(bevatelId)).state.seen.bevatel?.values['company_name'] === 'B');
    });
    await untilBoth(bevatelId, 'B');
    const said = (await flow.verdicts(bevatelId, 'company_name')).find(({ verdict }) => verdict === 'conflict_resolved');
    expect(said).toMatchObject({ rule: 'policy:latest_wins', bevatel: ['B'], external: ['X'], writeTo: 'external' });
  });

  it('I2, I5: latest_wins with edits of unknown order: held, both values stay where they are', async () => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'Unknown Order', email: 'unknown.order@acme.test', company_name: 'o' });
    await flow.withoutDelivery(async () => {
      hubspot.control.edit(externalId, { company: 'X' });
      await flow.editContact(bevatelId, { company_name: 'B' });
    });
    await until('the conflict is held', async () => (await flow.heldOf(bevatelId, 'company_name')) !== undefined);
    await flow.untilQuiet();
    expect(await companies(bevatelId)).toEqual({ bevatel: 'B', hubspot: 'X' });
    expect((await flow.verdicts(bevatelId, 'company_name')).find(({ verdict }) => verdict === 'conflict_held')?.rule).toBe('policy:latest_wins:unknown_order:manual');
  });

  it('I2, manual: the field is held, and the other fields of the contact go on', async () => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'Manual', email: 'manual@acme.test', source_channel: 'o' });
    await flow.withoutDelivery(async () => {
      hubspot.control.edit(externalId, { jobtitle: 'X' });
      await flow.editContact(bevatelId, { source_channel: 'B' });
    });
    await until('the conflict is held', async () => (await flow.heldOf(bevatelId, 'source_channel')) !== undefined);
    await flow.editContact(bevatelId, { company_name: 'goes on' });
    hubspot.control.edit(externalId, { lastname: 'goes on too' });
    await until('the other fields arrived', async () => flow.hubspotOf(bevatelId)?.['company'] === 'goes on' && (await flow.contact(bevatelId))?.fields['contact_last_name'] === 'goes on too');
    await flow.untilQuiet();
    expect(flow.hubspotOf(bevatelId)?.['jobtitle']).toBe('X');
    expect((await flow.contact(bevatelId))?.fields['source_channel']).toBe('B');
    expect((await flow.verdicts(bevatelId, 'source_channel')).filter(({ verdict }) => verdict === 'conflict_held')).toHaveLength(1);
  });

  it('I1: both made the same edit: converged, and nothing is written', async () => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'Same', email: 'same@acme.test', company_name: 'o' });
    const version = (await flow.contact(bevatelId))?.version ?? 0;
    await flow.withoutDelivery(async () => {
      hubspot.control.edit(externalId, { company: 'S' });
      await flow.editContact(bevatelId, { company_name: 'S' });
    });
    await until('they agree', async () => (await flow.linkOf(bevatelId)).state.groups['company_name']?.base?.[0][0] === 'S');
    await flow.untilQuiet();
    expect(flow.historyOf(externalId, 'company')).toEqual([`o by ${APP}`, 'S by a human']);
    expect((await flow.contact(bevatelId))?.version).toBe(version + 1);
  });
});
