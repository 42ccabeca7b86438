/** Comparing both sides takes from the quota of the systems; an edit that somebody waits for goes first (I10, design §4: lanes). */
import { describe, expect, it } from 'vitest';
import { zVerification } from '../../schemas/verification.ts';
import { isolatedStack } from '../stack/fixture.ts';
import { startOperator } from './operator.ts';
import { Flow, until } from './rig.ts';

/** Five calls in a second are all that HubSpot allows. */
const flow = await Flow.open(await isolatedStack('verify-load'), { integration: { poll: { everyMs: 3_600_000 }, sweep: { recordsPerHour: 0 } } });
Object.assign(flow.integration.connection, { callsPerTenSeconds: 60 });
const { hubspot } = flow;
await flow.start();
const operator = await startOperator(flow);

/** More comparisons than the quota lets through in the time that an edit takes. */
const AT_ONCE = 9;

async function compare(): Promise<readonly string[]> {
  const bodies = await Promise.all(Array.from({ length: AT_ONCE }, () => operator.call('POST', '/v1/verifications', { settleMs: 0 })));
  return bodies.map((body) => zVerification.parse(body).id);
}

async function states(ids: readonly string[]): Promise<readonly string[]> {
  return Promise.all(ids.map(async (id) => (await operator.run(id)).state));
}

describe('verify under load', () => {
  it('edits on both sides arrive while the comparisons that were ordered before them are still under way', async () => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'Busy', email: 'busy@acme.test', company_name: 'o' });
    const ids = await compare();
    hubspot.control.edit(externalId, { company: 'from HubSpot' });
    await until('the edit is in Bevatel', async () => (await flow.contact(bevatelId))?.fields['company_name'] === 'from HubSpot');
    await flow.editContact(bevatelId, { company_name: 'from Bevatel' });
    await until('the edit is in HubSpot', () => hubspot.control.contact(externalId)?.properties['company'] === 'from Bevatel');
    expect(await states(ids)).toContain('running');
    await until('they have all ended', async () => (await states(ids)).every((state) => state === 'done'));
    expect(await operator.verify()).toMatchObject({ ok: true, pairs: 1, equal: 1 });
  });
});
