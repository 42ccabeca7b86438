/** One-command restore on the stack: of pairs, of what was parted, and of a contact that two integrations share (I4, I9). */
import { describe, expect, it } from 'vitest';
import { listDeleted, showDeleted } from '../../services/operate/deletes/list-deleted.ts';
import { restoreContact } from '../../services/operate/deletes/restore-contact.ts';
import { listAudit } from '../../store/audit.ts';
import { IntegrationBook } from '../../store/integration-book.ts';
import { isolatedStack } from '../stack/fixture.ts';
import { Flow, HASTY, SETTLE_MS, TENANT, until } from './rig.ts';

const DELETES = { to_external: 'archive', to_bevatel: 'delete', settleMs: SETTLE_MS };
const flow = await Flow.open(await isolatedStack('restore'), { integration: { deletes: DELETES, poll: { everyMs: 500 } }, deliver: HASTY });
const second = await flow.addHubSpot('crm2', { portalId: 5_151, appId: 9_500 }, { deletes: DELETES, poll: { everyMs: 500 } });
const { hubspot, deps } = flow;
await flow.start();

const restoreDeps = { ...deps, book: new IntegrationBook(deps.pool) };
const order = (contact: string, dryRun = false) => restoreContact(restoreDeps, { contact, dryRun }, 'mona');
const inSecond = (bevatelId: string) => second.control.findBy('bevatel_contact_id', bevatelId);

async function shared(name: string): Promise<{ readonly bevatelId: string; readonly first: string; readonly second: string }> {
  const email = `${name.toLowerCase()}@acme.test`;
  const { bevatelId, externalId } = await flow.pair({ contact_first_name: name, email, company_name: 'o', phone_number: '+966501230001' });
  await until('the second HubSpot has it too', () => inSecond(bevatelId) !== undefined);
  await flow.untilQuiet();
  return { bevatelId, first: externalId, second: inSecond(bevatelId)?.id ?? '' };
}

describe('a contact that two integrations share', () => {
  it('I4 I9: deleted in one HubSpot, it goes everywhere; restored by one command, it comes back everywhere, once', async () => {
    const ids = await shared('Hub');
    hubspot.control.archive(ids.first);
    await until('it is gone from Bevatel and the other HubSpot', async () => (await flow.contact(ids.bevatelId)) === null && second.control.contact(ids.second)?.archived === true);
    await flow.untilQuiet();
    expect((await listDeleted(deps.pool, { limit: 10 })).deleted.filter(({ bevatelId }) => bevatelId === ids.bevatelId)).toMatchObject([{ state: 'deleted' }, { state: 'deleted' }]);
    const [shown] = (await showDeleted(deps.pool, { contact: ids.first })).links;
    expect(shown?.images).toContainEqual({ side: 'external', isGone: true, image: expect.objectContaining({ company: 'o' }) });

    const preview = await order(ids.bevatelId, true);
    expect(preview.links.map(({ sides }) => sides.map(({ side }) => side))).toEqual([['bevatel', 'external'], ['bevatel', 'external']]);
    expect((await flow.linkOf(ids.bevatelId)).state.restoring).toBeUndefined();

    await order(ids.bevatelId);
    const made = async () => (await flow.contacts()).filter(({ fields }) => fields['email'] === 'hub@acme.test');
    await until('it is back everywhere', async () => {
      const [contact] = await made();
      return contact !== undefined && flow.hubspotOf(contact.id) !== null && inSecond(contact.id) !== undefined;
    });
    await flow.untilQuiet();
    const contacts = await made();
    expect(contacts).toHaveLength(1);
    expect(contacts[0]?.fields).toMatchObject({ contact_first_name: 'Hub', phone_number: '+966501230001', company_name: 'o' });
    const links = (await flow.links()).filter(({ bevatelId }) => bevatelId === contacts[0]?.id);
    expect(links.map(({ integrationId, state }) => [integrationId, state.gone, state.hold]).toSorted()).toEqual([['crm', undefined, undefined], ['crm2', undefined, undefined]]);
    expect(contacts[0]?.external_references).toEqual({ crm: flow.hubspotOf(contacts[0]?.id ?? '')?.id, crm2: inSecond(contacts[0]?.id ?? '')?.id });
    expect((await listAudit(deps.pool, TENANT, 10)).filter(({ action }) => action === 'contact.restore')).toMatchObject([{ actor: 'mona' }]);
    await expect(order(contacts[0]?.id ?? '')).rejects.toMatchObject({ code: 'not_restorable' });
  });

  it('I4 I9: restored in one HubSpot by a person, it comes back everywhere, once', async () => {
    const ids = await shared('Spoke');
    hubspot.control.archive(ids.first);
    await until('it is gone from Bevatel and the other HubSpot', async () => (await flow.contact(ids.bevatelId)) === null && second.control.contact(ids.second)?.archived === true);
    await flow.untilQuiet();
    hubspot.control.restore(ids.first);
    const made = async () => (await flow.contacts()).filter(({ fields }) => fields['email'] === 'spoke@acme.test');
    await until('it is back everywhere', async () => inSecond((await made())[0]?.id ?? '-') !== undefined);
    await flow.untilQuiet();
    const contacts = await made();
    expect(contacts).toHaveLength(1);
    expect(flow.hubspotOf(contacts[0]?.id ?? '')?.id).toBe(ids.first);
    expect((await flow.links()).filter(({ bevatelId }) => bevatelId === contacts[0]?.id)).toHaveLength(2);
    expect(second.control.contacts().filter(({ properties }) => properties['email'] === 'spoke@acme.test')).toHaveLength(1);
  });
});
