/** `merges: merge`: where two linked records are merged, so are their partners, and one pair is left (I4, I9). */
import { expect, it } from 'vitest';
import type { Link } from '../../domain/link.ts';
import { isolatedStack } from '../stack/fixture.ts';
import { Flow, HASTY, until } from './rig.ts';

const flow = await Flow.open(await isolatedStack('merged-partners'), {
  deliver: HASTY, integration: { merges: { to_bevatel: 'merge', to_external: 'merge' }, guards: { merges: 'off' }, poll: { everyMs: 500 } },
});
const { hubspot } = flow;
await flow.start();

it.each(['bevatel', 'external'] as const)('to_%s: the partners are merged at once', async (side) => {
  const [one, two] = await flow.pairs(['one', 'two'].map((which) => ({ contact_first_name: `${which} ${side}`, email: `${which}.${side}@merges.test`, company_name: which })));
  if (!one || !two) throw new Error('no pairs');
  const links = async (): Promise<Link[]> => (await flow.links()).filter(({ bevatelId }) => bevatelId === one.bevatelId || bevatelId === two.bevatelId);
  if (side === 'bevatel') hubspot.control.merge(one.externalId, two.externalId, { mintId: true });
  else await flow.mergeContacts(two.bevatelId, one.bevatelId);
  await until('one link is left, and nothing is under way', async () => {
    const all = await links();
    return all.length === 1 && all.every(({ state }) => state.attempts.length === 0 && !state.hold && !state.absorbed);
  });
  await flow.untilQuiet();
  const [link] = await links();
  // Where HubSpot mints an id for the two, both went into it, and whose news comes first is the one that stays.
  const kept = link?.bevatelId ?? '';
  expect(side === 'bevatel' ? [one.bevatelId, two.bevatelId] : [one.bevatelId]).toContain(kept);
  expect(hubspot.control.contact(link?.externalId ?? '')?.properties['bevatel_contact_id']).toBe(kept);
  expect(await flow.contact(kept === one.bevatelId ? two.bevatelId : one.bevatelId)).toBeNull();
  expect(hubspot.control.contacts().filter(({ properties }) => properties['firstname']?.endsWith(` ${side}`))).toHaveLength(1);
});
