/** Deletions that go over, both ways: behind a guard, with proof, against edits, and back again (I9). */
import { describe, expect, it } from 'vitest';
import { isolatedStack } from '../stack/fixture.ts';
import { Flow, HASTY, SETTLE_MS, until } from './rig.ts';
import type { Pair } from './rig.ts';

const flow = await Flow.open(await isolatedStack('deletes'), {
  integration: { deletes: { to_external: 'archive', to_bevatel: 'delete', settleMs: SETTLE_MS }, poll: { everyMs: 500 } }, deliver: HASTY,
});
const { hubspot } = flow;
await flow.start();

const isArchived = ({ externalId }: Pair): boolean => hubspot.control.contact(externalId)?.archived === true;
const isDeleted = async ({ bevatelId }: Pair): Promise<boolean> => (await flow.contact(bevatelId)) === null;
const archives = (): number => hubspot.control.counts()['contacts.batchArchive'] ?? 0;
const deletes = (): number => flow.bevatel.control.counters().delete.calls;

/** The answer to our call and the system's own news of it race: either may be the first to tell. */
const REMOVED: unknown = expect.stringMatching(/^removed (written|proven)$/);

async function whole(bevatelId: string): Promise<string[]> {
  return (await flow.verdicts(bevatelId, '*')).map(({ verdict, rule, conflict }) => [verdict, rule, conflict ?? ''].join(' ').trim());
}

describe('a deletion goes over', () => {
  it('I3 I9: deleted in Bevatel, archived in HubSpot by one call, and our own archive is told back without effect', async () => {
    const pair = await flow.pair({ contact_first_name: 'Gone Here', email: 'gone.here@acme.test', company_name: 'o' });
    const before = archives();
    await flow.deleteContact(pair.bevatelId);
    await until('it is archived', () => isArchived(pair));
    await flow.untilQuiet();
    expect(archives()).toBe(before + 1);
    const { state } = await flow.linkOf(pair.bevatelId);
    expect(state).toMatchObject({ attempts: [], gone: { bevatel: { how: 'deleted' }, external: { ours: true } }, seen: { external: { values: { company: 'o' } } } });
    expect(await whole(pair.bevatelId)).toEqual(['propagate deletes:archive', REMOVED]);
  });

  it('I3 I9: archived in HubSpot, deleted in Bevatel by one conditional call, and change data capture tells it back without effect', async () => {
    const pair = await flow.pair({ contact_first_name: 'Gone There', email: 'gone.there@acme.test', company_name: 'o' });
    const before = deletes();
    hubspot.control.archive(pair.externalId);
    await until('it is deleted', () => isDeleted(pair));
    await flow.untilQuiet();
    expect(deletes()).toBe(before + 1);
    await until('our own deletion was told', async () => (await flow.decisions(pair.bevatelId)).some(({ verdict }) => verdict === 'echo'));
    expect(await whole(pair.bevatelId)).toEqual(['propagate deletes:delete', REMOVED]);
  });

  it('I9: a merge is none, also when it looked like one at first: nobody was told, and the index lags', async () => {
    const pair = await flow.pair({ contact_first_name: 'Merged', email: 'merged.away@acme.test', company_name: 'o' });
    hubspot.control.configureWebhooks({ loss: 1 });
    const other = hubspot.control.create({ firstname: 'Merged Too', email: 'merged.too@acme.test' });
    hubspot.control.setIndexLagMs(SETTLE_MS / 2);
    const survivor = hubspot.control.merge(pair.externalId, other.id, { mintId: true });
    await flow.editContact(pair.bevatelId, { company_name: 'after' });
    await until('the survivor has it', () => hubspot.control.contact(survivor.id)?.properties['company'] === 'after');
    hubspot.control.setIndexLagMs(0);
    hubspot.control.configureWebhooks({ loss: 0 });
    await flow.untilQuiet();
    expect((await flow.linkOf(pair.bevatelId)).externalId).toBe(survivor.id);
    expect(hubspot.control.contact(survivor.id)?.archived).toBe(false);
  });

  it('I9: a deletion that was taken back before the settle time ended has no effect', async () => {
    const pair = await flow.pair({ contact_first_name: 'Taken Back', email: 'taken.back@acme.test', company_name: 'o' });
    await flow.withoutDelivery(async () => {
      hubspot.control.archive(pair.externalId);
      await until('it is known', async () => (await flow.linkOf(pair.bevatelId)).state.gone?.external !== undefined);
      hubspot.control.restore(pair.externalId);
    });
    await until('it is there again', async () => (await flow.linkOf(pair.bevatelId)).state.gone === undefined);
    await flow.untilQuiet();
    expect([await isDeleted(pair), isArchived(pair)]).toEqual([false, false]);
    expect(await whole(pair.bevatelId)).toContain('restored shown_by:external restore');
  });

  it('I9: a lost answer to a removal is looked up, and nothing is removed twice', async () => {
    const pair = await flow.pair({ contact_first_name: 'Lost Answer', email: 'lost.answer@acme.test', company_name: 'o' });
    hubspot.control.addFault({ endpoint: 'contacts.batchArchive', fault: { kind: 'drop_after' }, times: 1 });
    await flow.deleteContact(pair.bevatelId);
    await until('it is archived and known', async () => isArchived(pair) && (await flow.linkOf(pair.bevatelId)).state.gone?.external !== undefined);
    await flow.untilQuiet();
    expect((await flow.linkOf(pair.bevatelId)).state).toMatchObject({ attempts: [], gone: { external: { ours: true } } });
  });

  it('I9: likewise towards Bevatel', async () => {
    const pair = await flow.pair({ contact_first_name: 'Lost Answer Too', email: 'lost.answer.too@acme.test', company_name: 'o' });
    flow.bevatel.control.fault({ endpoint: 'delete', kind: 'dropAnswer' });
    const before = deletes();
    hubspot.control.archive(pair.externalId);
    await until('it is deleted and known', async () => (await isDeleted(pair)) && (await flow.linkOf(pair.bevatelId)).state.gone?.bevatel !== undefined);
    await flow.untilQuiet();
    expect(deletes()).toBe(before + 1);
    expect((await flow.linkOf(pair.bevatelId)).state).toMatchObject({ attempts: [], gone: { bevatel: { ours: true } } });
  });
});

describe('a deletion meets an edit', () => {
  it('I2: archived in HubSpot while an edit waited: the record is made again with it, and linked', async () => {
    const pair = await flow.pair({ contact_first_name: 'Edited', email: 'edited@acme.test', company_name: 'o' });
    await flow.withoutDelivery(async () => {
      hubspot.control.archive(pair.externalId);
      await flow.editContact(pair.bevatelId, { company_name: 'kept' });
      await until('both are known', async () => {
        const { state } = await flow.linkOf(pair.bevatelId);
        return state.gone?.external !== undefined && state.seen.bevatel?.values['company_name'] === 'kept';
      });
    });
    await until('it is there again', () => flow.hubspotOf(pair.bevatelId)?.['company'] === 'kept');
    await flow.untilQuiet();
    const made = flow.hubspotOf(pair.bevatelId);
    expect(made).toMatchObject({ firstname: 'Edited', email: 'edited@acme.test' });
    expect(made?.id).not.toBe(pair.externalId);
    expect(await flow.linkOf(pair.bevatelId)).toMatchObject({ externalId: made?.id, state: { attempts: [] } });
    expect((await flow.contact(pair.bevatelId))?.external_references['crm']).toBe(made?.id);
    expect(await whole(pair.bevatelId)).toContain('conflict_resolved deletes:edit_wins delete_recently_updated');
    hubspot.control.edit(made?.id ?? '', { lastname: 'goes on' });
    await until('it goes on', async () => (await flow.contact(pair.bevatelId))?.fields['contact_last_name'] === 'goes on');
  });

  it('I2: edited in HubSpot after the decision and before the call: the guard read finds it, and the contact is made again in Bevatel', async () => {
    const pair = await flow.pair({ contact_first_name: 'Raced', email: 'raced.delete@acme.test', company_name: 'o' });
    hubspot.control.configureWebhooks({ loss: 1 });
    await flow.withoutDelivery(async () => {
      await flow.deleteContact(pair.bevatelId);
      await until('it is known', async () => (await flow.linkOf(pair.bevatelId)).state.gone?.bevatel !== undefined);
      hubspot.control.edit(pair.externalId, { company: 'human' });
    });
    await until('it is made again', async () => (await flow.contacts()).some(({ fields }) => fields['company_name'] === 'human'));
    hubspot.control.configureWebhooks({ loss: 0 });
    await flow.untilQuiet();
    const made = (await flow.contacts()).filter(({ fields }) => fields['email'] === 'raced.delete@acme.test');
    expect(made).toHaveLength(1);
    expect(isArchived(pair)).toBe(false);
    expect(await flow.linkOf(made[0]?.id ?? '')).toMatchObject({ externalId: pair.externalId });
    expect(hubspot.control.contact(pair.externalId)?.properties['bevatel_contact_id']).toBe(made[0]?.id);
  });

  it('I9: a privacy deletion wins over an edit and is never made good', async () => {
    const pair = await flow.pair({ contact_first_name: 'Private', email: 'private.one@acme.test', company_name: 'o' });
    await flow.withoutDelivery(async () => {
      await flow.editContact(pair.bevatelId, { company_name: 'edited' });
      hubspot.control.erase(pair.externalId);
      await until('it is known', async () => (await flow.linkOf(pair.bevatelId)).erased);
    });
    const count = hubspot.control.contactCount();
    await flow.editContact(pair.bevatelId, { company_name: 'edited again' });
    await flow.untilQuiet();
    expect(hubspot.control.contactCount()).toBe(count);
    expect(await isDeleted(pair)).toBe(false);
  });
});

describe('a restore', () => {
  it('I9: in HubSpot, after the deletion went over: the contact is made again in Bevatel from its last image, under a new id', async () => {
    const pair = await flow.pair({ contact_first_name: 'Phoenix', email: 'phoenix@acme.test', company_name: 'o', phone_number: '+966501231231' });
    hubspot.control.archive(pair.externalId);
    await until('it is deleted', () => isDeleted(pair));
    await flow.untilQuiet();
    hubspot.control.restore(pair.externalId);
    const found = async () => (await flow.contacts()).find(({ fields }) => fields['email'] === 'phoenix@acme.test');
    await until('it is there again', async () => (await found()) !== undefined);
    await flow.untilQuiet();
    const made = await found();
    expect(made?.fields).toMatchObject({ contact_first_name: 'Phoenix', phone_number: '+966501231231', company_name: 'o' });
    expect(hubspot.control.contact(pair.externalId)?.properties['bevatel_contact_id']).toBe(made?.id);
    expect((await flow.linkOf(made?.id ?? '')).state.gone).toBeUndefined();
    expect(await whole(pair.bevatelId)).toContain('conflict_resolved restored_in:external restore');
  });

  it('I9: in Bevatel, after the deletion went over: the record is made again in HubSpot, the archived one stays archived', async () => {
    const pair = await flow.pair({ contact_first_name: 'Lazarus', email: 'lazarus@acme.test', company_name: 'o' });
    await flow.deleteContact(pair.bevatelId);
    await until('it is archived', () => isArchived(pair));
    await flow.untilQuiet();
    await flow.undeleteContact(pair.bevatelId);
    await until('it is there again', () => flow.hubspotOf(pair.bevatelId) !== null);
    await flow.untilQuiet();
    expect(flow.hubspotOf(pair.bevatelId)).toMatchObject({ firstname: 'Lazarus', company: 'o' });
    expect([isArchived(pair), (await flow.linkOf(pair.bevatelId)).externalId]).toEqual([true, flow.hubspotOf(pair.bevatelId)?.id]);
  });
});
