/** A file that is applied again takes effect on what is there, not only on what comes: held conflicts, new fields. */
import { expect, it } from 'vitest';
import { zIntegration } from '../../schemas/integration.ts';
import { applyIntegration } from '../../store/apply-integration.ts';
import { isolatedStack } from '../stack/fixture.ts';
import { Flow, until } from './rig.ts';

const flow = await Flow.open(await isolatedStack('flow-applied-anew'), { integration: { conflicts: { policy: 'manual' } } });
await flow.start();

async function apply(changed: Record<string, unknown>): ReturnType<typeof applyIntegration> {
  return applyIntegration(flow.deps.pool, zIntegration.parse({ ...flow.integration, ...changed }), { now: flow.deps.clock(), newId: flow.deps.newId });
}

it('I1: a held conflict is decided by the policy that is applied, without another edit', async () => {
  const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'Noura', email: 'noura@acme.test', company_name: 'o' });
  await flow.withoutDelivery(async () => {
    await flow.editContact(bevatelId, { company_name: 'Bevatel' });
    flow.hubspot.control.edit(externalId, { company: 'HubSpot' });
    await until('the conflict is held', async () => (await flow.heldOf(bevatelId, 'company_name'))?.type === 'update_update_same_field');
  });
  expect(await apply({ conflicts: { policy: 'external_wins' } })).toEqual({ outcome: 'CHANGED', listed: [] });
  await until('the external value is in Bevatel', async () => (await flow.contact(bevatelId))?.fields['company_name'] === 'HubSpot');
  await until('the pair agrees', async () => (await flow.verdicts(bevatelId, 'company_name')).at(-1)?.verdict === 'converged');
  expect((await flow.decisions(bevatelId)).find(({ cause }) => cause === 'operator')?.groups).toMatchObject([{ rule: 'policy:external_wins', conflict: 'update_update_same_field' }]);
});

it('a field that is mapped now is filled for the contacts that are there', async () => {
  const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'Fahad', email: 'fahad@acme.test', company_name: 'o', custom: { city: 'Jeddah' } });
  await apply({ fields: [...flow.integration.fields, { bevatel: 'custom.city', external: 'city' }] });
  await until('the city is in HubSpot', () => flow.hubspot.control.contact(externalId)?.properties['city'] === 'Jeddah');
  expect(flow.historyOf(externalId, 'city')).toHaveLength(1);
  await flow.untilQuiet();
  expect((await flow.linkOf(bevatelId)).state.groups['custom.city']?.base).toEqual([['Jeddah'], ['Jeddah']]);
});
