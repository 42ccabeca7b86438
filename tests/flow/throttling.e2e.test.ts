/** HubSpot says no: throttled, token revoked (design §6; I10). Nothing is lost, nothing is written twice. */
import { describe, expect, it } from 'vitest';
import { isolatedStack } from '../stack/fixture.ts';
import { Flow, SECRETS, until } from './rig.ts';

const flow = await Flow.open(await isolatedStack('throttling'), { integration: { poll: { everyMs: 1_000 } } });
const { hubspot } = flow;
const APP = `app ${hubspot.appId}`;
await flow.start();

async function noneHeld(bevatelId: string): Promise<boolean> {
  const { state } = await flow.linkOf(bevatelId);
  return state.hold === undefined && Object.values(state.groups).every(({ held }) => held === undefined);
}

describe('I10: a storm of 429', () => {
  it.each([
    ['with Retry-After', { headers: { 'retry-after': '1' } }],
    ['without Retry-After', { policyName: 'SECONDLY' }],
  ])('%s: converges without a failure, and ten edits meanwhile are one write', async (name, more) => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'Storm', email: `storm.${name.length}@acme.test`, company_name: 'o' });
    hubspot.control.addFault({ fault: { kind: 'status', status: 429, ...more } });
    for (let edit = 1; edit <= 10; edit += 1) await flow.editContact(bevatelId, { company_name: `v${edit}` });
    await until('the last edit is seen and the storm was felt', async () => {
      const { state } = await flow.linkOf(bevatelId);
      return state.seen.bevatel?.values['company_name'] === 'v10' && state.retry !== undefined;
    });
    hubspot.control.clearFaults();
    await until('the last edit arrived', () => flow.hubspotOf(bevatelId)?.['company'] === 'v10');
    await flow.untilQuiet();
    expect(flow.historyOf(externalId, 'company')).toEqual([`o by ${APP}`, `v10 by ${APP}`]);
    expect(await noneHeld(bevatelId)).toBe(true);
    expect((await flow.linkOf(bevatelId)).state.retry).toBeUndefined();
  });

  it('towards capture: the edits in HubSpot are read when it is over', async () => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'Storm There', email: 'storm.there@acme.test' });
    hubspot.control.addFault({ fault: { kind: 'status', status: 429, policyName: 'SECONDLY' } });
    hubspot.control.edit(externalId, { company: 'edited in the storm' });
    await until('the read waits', async () => (await flow.deps.pool.query('select 1 from waiting_hints')).rowCount !== 0);
    hubspot.control.clearFaults();
    await until('the edit arrived', async () => (await flow.contact(bevatelId))?.fields['company_name'] === 'edited in the storm');
    await flow.untilQuiet();
  });
});

describe('a revoked token', () => {
  it('stops the writes with an error that says so; restored, everything goes on', async () => {
    const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'Token', email: 'token@acme.test', company_name: 'o' });
    hubspot.control.revokeToken(SECRETS.HUBSPOT_TOKEN);
    await flow.editContact(bevatelId, { company_name: 'meanwhile' });
    await until('the operator is told', async () => (await flow.lastError())?.code === 'unauthorised');
    await until('the write was refused', async () => (await flow.linkOf(bevatelId)).state.retry !== undefined);
    expect(await noneHeld(bevatelId)).toBe(true);
    hubspot.control.addApp(SECRETS.HUBSPOT_TOKEN, hubspot.appId);
    await until('the edit arrived', () => flow.hubspotOf(bevatelId)?.['company'] === 'meanwhile');
    hubspot.control.edit(externalId, { lastname: 'afterwards' });
    await until('the other direction goes on', async () => (await flow.contact(bevatelId))?.fields['contact_last_name'] === 'afterwards');
    await flow.untilQuiet();
    expect(flow.historyOf(externalId, 'company')).toEqual([`o by ${APP}`, `meanwhile by ${APP}`]);
  });
});
