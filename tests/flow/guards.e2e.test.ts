/** The guards on the stack: floods are held as change-sets and decided as shown; the canary asks; a dry run writes nothing (I9). */
import { afterAll, describe, expect, it } from 'vitest';
import { zIntegration } from '../../schemas/integration.ts';
import { changeSetDetail, changeSetList, decideChangeSet } from '../../services/operate/change-sets.ts';
import { applyIntegration } from '../../store/apply-integration.ts';
import { IntegrationBook } from '../../store/integration-book.ts';
import { readIntegration } from '../../store/integrations.ts';
import { isolatedStack } from '../stack/fixture.ts';
import { Flow, INTEGRATION, SETTLE_MS, TENANT, until } from './rig.ts';
import type { Pair } from './rig.ts';

const GUARDS = { deletes: { count: 3 }, blankings: { count: 3 }, sameValue: { count: 3 }, creates: { count: 40 } };
const flow = await Flow.open(await isolatedStack('flow-guards'), { integration: { guards: GUARDS, deletes: { to_external: 'archive', to_bevatel: 'delete', settleMs: SETTLE_MS } } });
await flow.start();
const operator = { ...flow.deps, book: new IntegrationBook(flow.deps.pool) };

async function openSet(kind: string) {
  const { changeSets } = await changeSetList(flow.deps.pool, { tenant: TENANT, state: 'open', limit: 10 });
  return changeSets.find((one) => one.kind === kind);
}

async function people(count: number, name: string): Promise<Pair[]> {
  return flow.pairs(Array.from({ length: count }, (_, index) => ({ contact_first_name: name, email: `${name}.${index}@acme.test`, company_name: `${name} ${index}` })));
}

async function companies(pairs: readonly Pair[]): Promise<unknown[]> {
  return Promise.all(pairs.map(async ({ bevatelId }) => (await flow.contact(bevatelId))?.fields['company_name']));
}

describe('a flood of deletions', () => {
  const archived = (pairs: readonly Pair[]): number => pairs.filter(({ externalId }) => flow.hubspot.control.contact(externalId)?.archived === true).length;

  /** Each settles at its own time: no more go than are allowed, the others are held. */
  async function deleteAll(pairs: readonly Pair[]): Promise<number> {
    for (const { bevatelId } of pairs) await flow.deleteContact(bevatelId);
    await until('the others are held', async () => ((await openSet('delete'))?.records ?? 0) + archived(pairs) === pairs.length);
    await flow.untilQuiet();
    expect(archived(pairs)).toBeLessThanOrEqual(GUARDS.deletes.count);
    return archived(pairs);
  }
  async function decide(decision: 'approve' | 'reject'): Promise<void> {
    const set = await openSet('delete');
    await decideChangeSet(operator, set?.id ?? '', { decision, token: set?.token ?? '', dryRun: false }, 'mona');
  }

  it('I9: is held as one change-set; rejected, the records stay, and their deletions are ignored from then on', async () => {
    const pairs = await people(6, 'keep');
    const gone = await deleteAll(pairs);
    await decide('reject');
    await flow.untilQuiet();
    expect(archived(pairs)).toBe(gone);
    const ignored = (await flow.links()).filter(({ bevatelId, state }) => state.gone?.bevatel?.ignored === true && pairs.some((pair) => pair.bevatelId === bevatelId));
    expect(ignored).toHaveLength(pairs.length - gone);
  });

  it('I9: approved, it goes out', async () => {
    const pairs = await people(5, 'remove');
    await deleteAll(pairs);
    await decide('approve');
    await until('all are archived', () => archived(pairs) === pairs.length);
    await flow.untilQuiet();
  });
});

describe('a flood of blankings', () => {
  it('I9: is held as one change-set; what else was edited goes on; approved it goes out', async () => {
    const pairs = await people(6, 'blank');
    await flow.withoutDelivery(async () => {
      for (const [index, { externalId }] of pairs.entries()) flow.hubspot.control.edit(externalId, { company: '', firstname: `edited ${index}` });
      await until('all are wanted', async () => (await flow.links()).filter(({ state }) => state.groups['company_name']?.wanted?.side === 'bevatel').length === pairs.length);
    });
    await until('the other field is written', async () => (await Promise.all(pairs.map(async ({ bevatelId }) => (await flow.contact(bevatelId))?.fields['contact_first_name']))).every((name, index) => name === `edited ${index}`));
    const set = await openSet('blanking');
    expect(set).toMatchObject({ side: 'bevatel', group: 'company_name', records: 6, counted: 6, allowed: 3 });
    expect(await companies(pairs)).toEqual(pairs.map((_, index) => `blank ${index}`));
    const detail = await changeSetDetail(operator, set?.id ?? '', { limit: 50 });
    expect(detail.items.map(({ before, after, isWanted }) => [before?.length, after, isWanted])).toEqual(pairs.map(() => [1, [null], true]));
    expect(await decideChangeSet(operator, set?.id ?? '', { decision: 'approve', token: set?.token ?? '', dryRun: true }, 'mona')).toMatchObject({ dryRun: true, records: 6 });
    expect(await decideChangeSet(operator, set?.id ?? '', { decision: 'approve', token: set?.token ?? '', dryRun: false }, 'mona')).toMatchObject({ records: 6 });
    await until('they are blank in Bevatel', async () => (await companies(pairs)).every((company) => company === null));
    expect(await openSet('blanking')).toBeUndefined();
  });

  it('I2: rejected it leaves both sides as they are; a set that grew since it was shown is not decided', async () => {
    const pairs = await people(5, 'reject');
    const more = await people(1, 'more');
    const blank = async (some: readonly Pair[]): Promise<void> => {
      for (const { externalId } of some) flow.hubspot.control.edit(externalId, { company: '' });
    };
    await flow.withoutDelivery(async () => {
      await blank(pairs);
      await until('all are wanted', async () => (await flow.links()).filter(({ state }) => state.groups['company_name']?.wanted?.side === 'bevatel').length === pairs.length);
    });
    await until('they are held', async () => (await openSet('blanking'))?.records === 5);
    const shown = await openSet('blanking');
    await blank(more);
    await until('one more is held', async () => (await openSet('blanking'))?.records === 6);
    await expect(decideChangeSet(operator, shown?.id ?? '', { decision: 'reject', token: shown?.token ?? '', dryRun: false }, 'mona')).rejects.toMatchObject({ code: 'state_moved', message: 'it was 5 records when it was shown and is 6 now; look again' });
    const now = await openSet('blanking');
    await decideChangeSet(operator, now?.id ?? '', { decision: 'reject', token: now?.token ?? '', dryRun: false }, 'mona');
    await flow.untilQuiet();
    expect(await companies([...pairs, ...more])).toEqual([...pairs.map((_, index) => `reject ${index}`), 'more 0']);
    flow.hubspot.control.edit(pairs[0]?.externalId ?? '', { company: 'a later edit' });
    await until('a later edit goes its way', async () => (await companies(pairs))[0] === 'a later edit');
  });
});

it('I9: one value over many others is held, a run of different ones is not', async () => {
  const pairs = await people(8, 'same');
  for (const [index, { externalId }] of pairs.entries()) flow.hubspot.control.edit(externalId, { company: `different ${index}` });
  await until('different values go their way', async () => (await companies(pairs)).every((company, index) => company === `different ${index}`));
  await flow.withoutDelivery(async () => {
    for (const { externalId } of pairs) flow.hubspot.control.edit(externalId, { company: 'Everybody Inc' });
    await until('all are wanted', async () => (await flow.links()).filter(({ state }) => state.groups['company_name']?.wanted?.values[0] === 'Everybody Inc').length === pairs.length);
  });
  await until('they are held', async () => (await openSet('same_value')) !== undefined);
  const set = await openSet('same_value');
  expect(set?.group).toBe('company_name');
  await decideChangeSet(operator, set?.id ?? '', { decision: 'approve', token: set?.token ?? '', dryRun: false }, 'mona');
  await until('they are in Bevatel', async () => (await companies(pairs)).every((company) => company === 'Everybody Inc'));
});

describe('another configuration', () => {
  const apply = (changed: Record<string, unknown>): Promise<unknown> => applyIntegration(flow.deps.pool, zIntegration.parse({ ...flow.integration, ...changed }), { now: flow.deps.clock(), newId: flow.deps.newId });
  afterAll(async () => { await apply({}); });

  it('with a canary: the first records are written, then it stops and asks', async () => {
    const pairs = await people(5, 'canary');
    await apply({ canary: 2 });
    await flow.withoutDelivery(async () => {
      for (const [index, { externalId }] of pairs.entries()) flow.hubspot.control.edit(externalId, { company: `sings ${index}` });
      await until('all are wanted', async () => (await flow.links()).filter(({ state }) => String(state.groups['company_name']?.wanted?.values[0]).startsWith('sings')).length === pairs.length);
    });
    await until('it asks', async () => (await openSet('canary')) !== undefined);
    const written = async (): Promise<number> => (await companies(pairs)).filter((company) => String(company).startsWith('sings')).length;
    await until('two are written', async () => (await written()) === 2);
    const set = await openSet('canary');
    await decideChangeSet(operator, set?.id ?? '', { decision: 'approve', token: set?.token ?? '', dryRun: false }, 'mona');
    await until('all are written', async () => (await written()) === pairs.length);
    expect(await openSet('canary')).toBeUndefined();
  });

  it('as a dry run: everything is decided, nothing is written', async () => {
    const [pair] = await people(1, 'dry');
    await apply({ dryRun: true });
    const calls = flow.historyOf(pair?.externalId ?? '', 'company').length;
    await flow.withoutDelivery(async () => {
      await flow.editContact(pair?.bevatelId ?? '', { company_name: 'only decided' });
      await until('it is decided', async () => (await flow.linkOf(pair?.bevatelId ?? '')).state.groups['company_name']?.wanted?.values[0] === 'only decided');
    });
    await until('delivery has put it off', async () => {
      const { rows } = await flow.deps.pool.query<{ later: boolean }>('select due_at > $2 as later from links where bevatel_id = $1', [pair?.bevatelId, flow.deps.clock() + 10_000]);
      return rows[0]?.later === true;
    });
    expect(flow.historyOf(pair?.externalId ?? '', 'company')).toHaveLength(calls);
  });

  it('with requiredMissing: halt: the first record that lacks a required value pauses everything, and says so', async () => {
    await apply({ requiredMissing: 'halt', fields: flow.integration.fields.map((field) => ('bevatel' in field && field.bevatel === 'company_name' ? { ...field, required: true } : field)) });
    await flow.createContact({ contact_first_name: 'Halting', email: 'halting@acme.test' });
    await until('the integration is paused', async () => (await readIntegration(flow.deps.pool, { tenantId: TENANT, integrationId: INTEGRATION }))?.paused === true);
    expect(await flow.lastError()).toMatchObject({ code: 'required_missing' });
  });
});
