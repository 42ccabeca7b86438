/** What can become of records: unusable, archived, restored, merged, erased, gone (design §5, §10). */
import { describe, expect, it } from 'vitest';
import { changesTopic } from '../../schemas/topics.ts';
import { listDeadLetters, readDeadLetter } from '../../store/dead-letters.ts';
import type { StoredDeadLetter } from '../../store/dead-letters.ts';
import { isolatedStack } from '../stack/fixture.ts';
import { Flow, TENANT, until } from './rig.ts';
import type { Pair } from './rig.ts';

const flow = await Flow.open(await isolatedStack('records'), { integration: { invalid: 'quarantine', poll: { everyMs: 500 } } });
const { hubspot, deps } = flow;
const APP = `app ${hubspot.appId}`;
await flow.start();

async function lettersOf(recordId: string): Promise<StoredDeadLetter[]> {
  const all = await listDeadLetters(deps.pool, { tenantId: TENANT, integrationId: null, status: null, code: null }, { limit: 100, after: null });
  return all.filter((letter) => letter.recordId === recordId);
}

async function bevatelField(bevatelId: string, field: string): Promise<unknown> {
  return (await flow.contact(bevatelId))?.fields[field];
}

async function howGone({ bevatelId }: Pair, side: 'bevatel' | 'external'): Promise<string | undefined> {
  return (await flow.linkOf(bevatelId)).state.gone?.[side]?.how;
}

/** An edit that makes its way while others wait: the flow is alive. */
async function showAlive({ bevatelId }: Pair, value: string): Promise<void> {
  await flow.editContact(bevatelId, { company_name: value });
  await until('another contact goes on', () => flow.hubspotOf(bevatelId)?.['company'] === value);
}

describe('an invalid value', () => {
  it('I8: its change is quarantined with its bytes, others go on, an edit meanwhile is kept, and a valid image mends it', async () => {
    const [bad, other] = await flow.pairs([
      { contact_first_name: 'Bad Phone', email: 'bad.phone@acme.test', phone_number: '+966501112233' },
      { contact_first_name: 'Other', email: 'other@acme.test' },
    ]) as [Pair, Pair];
    hubspot.control.edit(bad.externalId, { phone: 'call me' });
    await until('it is quarantined', async () => (await lettersOf(bad.externalId)).length > 0);
    const [letter] = await lettersOf(bad.externalId);
    expect(letter).toMatchObject({ code: 'value_invalid', status: 'open', stage: 'reconcile', integrationId: 'crm' });
    expect(letter?.detail).toMatch(/^phone:/);
    expect(letter?.detail).not.toContain('call me');
    const bytes = (await readDeadLetter(deps.pool, letter?.deadLetterId ?? ''))?.bytes ?? Buffer.alloc(0);
    expect((await deps.codec.changes.decode(bytes)).image['phone']).toBe('call me');
    await showAlive(other, 'goes on');

    hubspot.control.edit(bad.externalId, { company: 'while in quarantine' });
    await until('that is quarantined too', async () => (await lettersOf(bad.externalId)).length > 1);
    expect(await bevatelField(bad.bevatelId, 'phone_number')).toBe('+966501112233');

    hubspot.control.edit(bad.externalId, { phone: '050 444 5566' });
    await until('both edits are in Bevatel', async () => (await bevatelField(bad.bevatelId, 'phone_number')) === '+966504445566' && (await bevatelField(bad.bevatelId, 'company_name')) === 'while in quarantine');
    await flow.untilQuiet();
    expect((await lettersOf(bad.externalId)).map(({ status }) => status)).toEqual((await lettersOf(bad.externalId)).map(() => 'superseded'));
  });
});

describe('poison bytes on the topic of changes', () => {
  it('I8: become a dead letter with their bytes, in the table and on its topic, and their partition goes on', async () => {
    const pair = await flow.pair({ contact_first_name: 'After Poison', email: 'after.poison@acme.test' });
    const topic = `${flow.stack.topicPrefix}${changesTopic('live')}`;
    const poison = Buffer.from([0, 255, 255, 255, 255, 7, 7]);
    const publisher = deps.kafka.publisher();
    await publisher.publish((await deps.kafka.ranges([topic])).map(({ partition }) => ({ topic, key: 'poison', value: poison, partition })));
    await publisher.close();
    const letters = (): Promise<readonly StoredDeadLetter[]> => listDeadLetters(deps.pool, { tenantId: null, integrationId: null, status: 'open', code: 'undecodable' }, { limit: 10, after: null });
    await until('one dead letter per partition', async () => (await letters()).length === 3);
    const [letter] = await letters();
    expect(letter).toMatchObject({ topic, tenantId: null, recordId: null });
    expect((await readDeadLetter(deps.pool, letter?.deadLetterId ?? ''))?.bytes).toEqual(poison);
    await showAlive(pair, 'goes on');
    hubspot.control.edit(pair.externalId, { lastname: 'goes on too' });
    await until('the other direction goes on', async () => (await bevatelField(pair.bevatelId, 'contact_last_name')) === 'goes on too');
    await until('the topic of dead letters has them', async () => {
      const told = await deps.codec.deadLetters.decodeAll((await flow.topic('contact.dead-letters')).map(({ value }) => value));
      return told.filter((one) => one.ok && one.value.code === 'undecodable' && Buffer.from(one.value.bytes).equals(poison)).length >= 3;
    });
  });
});

describe('an archived record', () => {
  it('I9: holds its link; an edit in Bevatel waits, nothing is written or created, and a restore resumes', async () => {
    const pair = await flow.pair({ contact_first_name: 'Archived', email: 'archived@acme.test', company_name: 'o' });
    hubspot.control.archive(pair.externalId);
    await until('the link knows', async () => (await howGone(pair, 'external')) === 'deleted');
    const count = hubspot.control.contactCount();
    await flow.editContact(pair.bevatelId, { company_name: 'waits' });
    await until('the edit is seen', async () => (await flow.linkOf(pair.bevatelId)).state.seen.bevatel?.values['company_name'] === 'waits');
    await flow.untilQuiet();
    expect(hubspot.control.contactCount()).toBe(count);
    expect(flow.historyOf(pair.externalId, 'company')).toEqual([`o by ${APP}`]);
    hubspot.control.restore(pair.externalId);
    await until('the edit arrived', () => flow.hubspotOf(pair.bevatelId)?.['company'] === 'waits');
    await flow.untilQuiet();
    expect((await flow.linkOf(pair.bevatelId)).state.gone).toBeUndefined();
    expect(await flow.contact(pair.bevatelId)).toMatchObject({ fields: { company_name: 'waits' } });
  });

  it('I9: archived while a write is under way: the refusal is probed, the link is held, the edit is kept', async () => {
    const pair = await flow.pair({ contact_first_name: 'Race', email: 'race@acme.test', company_name: 'o' });
    hubspot.control.configureWebhooks({ loss: 1 });
    hubspot.control.addFault({ endpoint: 'contacts.batchUpdate', fault: { kind: 'hold_before' }, times: 1 });
    await flow.editContact(pair.bevatelId, { company_name: 'raced' });
    await until('the write is under way', () => hubspot.control.heldCount() === 1);
    hubspot.control.archive(pair.externalId);
    hubspot.control.releaseHeld();
    await until('the link knows', async () => (await howGone(pair, 'external')) === 'deleted');
    hubspot.control.configureWebhooks({ loss: 0 });
    await flow.untilQuiet();
    expect(flow.hubspotOf(pair.bevatelId)).toBeNull();
    expect(await flow.contact(pair.bevatelId)).toMatchObject({ fields: { company_name: 'raced' } });
    hubspot.control.restore(pair.externalId);
    await until('the edit arrived', () => flow.hubspotOf(pair.bevatelId)?.['company'] === 'raced');
    await flow.untilQuiet();
  });

  it('I9: deleted in Bevatel: the link is held, and the record in HubSpot stays', async () => {
    const pair = await flow.pair({ contact_first_name: 'Deleted Here', email: 'deleted.here@acme.test', company_name: 'o' });
    await flow.deleteContact(pair.bevatelId);
    await until('the link knows', async () => (await howGone(pair, 'bevatel')) === 'deleted');
    const contacts = (await flow.contacts()).length;
    hubspot.control.edit(pair.externalId, { company: 'still here' });
    await until('the edit is seen', async () => (await flow.linkOf(pair.bevatelId)).state.seen.external?.values['company'] === 'still here');
    await flow.untilQuiet();
    expect(hubspot.control.contact(pair.externalId)?.archived).toBe(false);
    expect(await flow.contacts()).toHaveLength(contacts);
  });
});

describe('a privacy deletion', () => {
  it('I9: ends all writes, leaves no value behind in the link, and forbids re-creation', async () => {
    const pair = await flow.pair({ contact_first_name: 'Forget', email: 'forget@acme.test', phone_number: '+966507778899' });
    hubspot.control.erase(pair.externalId);
    await until('the link is erased', async () => (await flow.linkOf(pair.bevatelId)).erased);
    const count = hubspot.control.contactCount();
    hubspot.control.resetCounts();
    await flow.editContact(pair.bevatelId, { company_name: 'edited later' });
    await flow.editContact(pair.bevatelId, { email: 'forget.again@acme.test' });
    const other = await flow.pair({ contact_first_name: 'Not Forgotten', email: 'not.forgotten@acme.test' });
    expect(other.externalId).not.toBe('');
    await flow.untilQuiet();
    expect(hubspot.control.contactCount()).toBe(count + 1);
    expect(flow.hubspotOf(pair.bevatelId)).toBeNull();
    const link = await flow.linkOf(pair.bevatelId);
    expect(JSON.stringify(link)).not.toMatch(/Forget|forget|7778899|edited later/);
    expect(link.state.seen).toEqual({});
  });
});

describe('a merge in HubSpot', () => {
  it('I9: that mints a new id: the survivor has the link, and edits go both ways', async () => {
    const pair = await flow.pair({ contact_first_name: 'Primary', email: 'primary@acme.test', company_name: 'o' });
    const second = hubspot.control.create({ firstname: 'Secondary', email: 'secondary@acme.test' });
    const survivor = hubspot.control.merge(pair.externalId, second.id, { mintId: true });
    await until('the link follows', async () => (await flow.linkOf(pair.bevatelId)).externalId === survivor.id);
    await flow.editContact(pair.bevatelId, { company_name: 'from Bevatel' });
    await until('HubSpot has it', () => hubspot.control.contact(survivor.id)?.properties['company'] === 'from Bevatel');
    hubspot.control.edit(survivor.id, { lastname: 'from HubSpot' });
    await until('Bevatel has it', async () => (await bevatelField(pair.bevatelId, 'contact_last_name')) === 'from HubSpot');
    await flow.untilQuiet();
    expect((await flow.contacts()).filter(({ fields }) => String(fields['email']).includes('secondary'))).toEqual([]);
    expect((await flow.links()).filter((link) => link.externalId === survivor.id)).toHaveLength(1);
  });

  it('I9: whose webhook was lost is found by the write, which goes to the survivor', async () => {
    const pair = await flow.pair({ contact_first_name: 'Unheard Merge', email: 'unheard.merge@acme.test', company_name: 'o' });
    hubspot.control.configureWebhooks({ loss: 1 });
    const second = hubspot.control.create({ firstname: 'Unheard Second', email: 'unheard.second@acme.test' });
    const survivor = hubspot.control.merge(pair.externalId, second.id, { mintId: true });
    await flow.editContact(pair.bevatelId, { company_name: 'after' });
    await until('the survivor has it', () => hubspot.control.contact(survivor.id)?.properties['company'] === 'after');
    hubspot.control.configureWebhooks({ loss: 0 });
    await flow.untilQuiet();
    expect((await flow.linkOf(pair.bevatelId)).externalId).toBe(survivor.id);
  });

  it('I4: of two linked records: one link has the survivor, the other is held until somebody says what becomes of its contact', async () => {
    const [one, two] = await flow.pairs([{ contact_first_name: 'Twin', email: 'twin.one@acme.test' }, { contact_first_name: 'Twin', email: 'twin.two@acme.test' }]) as [Pair, Pair];
    const contacts = (await flow.contacts()).length;
    const survivor = hubspot.control.merge(one.externalId, two.externalId, { mintId: true });
    const links = async () => (await flow.links()).filter((link) => link.bevatelId === one.bevatelId || link.bevatelId === two.bevatelId);
    await until('both links know', async () => (await links()).some(({ externalId }) => externalId === survivor.id) && (await links()).some(({ state }) => state.hold?.kind === 'partner_merged'));
    await flow.untilQuiet();
    expect((await links()).filter(({ externalId }) => externalId === survivor.id)).toHaveLength(1);
    expect(await flow.contacts()).toHaveLength(contacts);
  });
});
