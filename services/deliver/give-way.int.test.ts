/** I4, hub and spoke, on PostgreSQL: of two integrations that come at the same time, one makes the Bevatel contact. */
import { beforeEach, describe, expect, it } from 'vitest';
import { buildContext } from '../../domain/context.ts';
import { PATIENCE_MS } from '../../domain/give-way.ts';
import type { Attempt, Link, LinkState } from '../../domain/link.ts';
import { CROWD } from '../../domain/pairing.ts';
import { inTransaction } from '../../runtime/database.ts';
import type { Transaction } from '../../runtime/database.ts';
import { zIntegration } from '../../schemas/integration.ts';
import type { KnownIntegration } from '../../store/integration-book.ts';
import { saveLinks } from '../../store/links.ts';
import { keyMovesOf, moveKeys } from '../../store/match-keys.ts';
import { openTestDeps } from '../../tests/stack/deps.ts';
import { isolatedStack } from '../../tests/stack/fixture.ts';
import { givingWay } from './give-way.ts';

const { pool } = await openTestDeps(await isolatedStack('give_way'));
const NOW = 1_000_000;
const crm = known('crm', ['crm2']);
const crm2 = known('crm2', ['crm']);

function known(integrationId: string, others: readonly string[]): KnownIntegration {
  const integration = zIntegration.parse({
    integration: integrationId, tenant: 'acme', system: 'hubspot', connection: { tokenEnv: 'T' }, bevatel: { baseUrl: 'http://127.0.0.1', keyEnv: 'K' },
    fields: [{ bevatel: 'phone_number', external: 'phone', lens: 'phone', region: 'SA' }, { bevatel: 'email', external: 'email', lens: 'email' }],
  });
  return { tenantId: 'acme', integrationId, others, integration, context: buildContext(integration), isPaused: false, isMatched: true, appliedAt: 1, canaryFor: null };
}

beforeEach(async () => {
  await pool.query('truncate links, match_keys, match_queue');
});

/** A record of this phone number that has no Bevatel contact, or had one. */
function record(integrationId: string, name: string, phone: string, changed: Partial<Link> = {}, state: Partial<LinkState> = {}): Link {
  const seen = { revision: '1', values: { phone, email: null }, times: {}, observedFrom: NOW, recordedAt: NOW, modifiedAt: null, reference: null };
  return { tenantId: 'acme', integrationId, linkId: `l-${name}`, bevatelId: null, externalId: name, erased: false, state: { seen: { external: seen }, groups: {}, attempts: [], create: 'bevatel', ...state }, ...changed };
}

function making(link: Link): Link {
  const attempt: Attempt = { id: `a-${link.linkId}`, side: 'bevatel', kind: 'create', groups: {}, reference: link.externalId, condition: null, guard: null, sentAt: NOW, deadline: NOW + 1_000, status: 'outstanding' };
  return { ...link, state: { ...link.state, attempts: [attempt] } };
}

function made(link: Link, bevatelId: string, phone: string): Link {
  const { create: _create, ...state } = link.state;
  const seen = { revision: '1', values: { phone_number: phone, email: null }, times: {}, observedFrom: NOW, recordedAt: NOW, modifiedAt: null, reference: null };
  return { ...link, bevatelId, state: { ...state, seen: { ...state.seen, bevatel: seen } } };
}

function insert(...links: readonly Link[]): Promise<void> {
  return inTransaction(pool, (transaction) => {
    saveLinks(transaction, links.map((link) => ({ link, lane: 'live', lease: 'keep' })), [], NOW);
    moveKeys(transaction, keyMovesOf(crm.context.mapping, links.map((after) => ({ before: null, after }))), NOW);
    return Promise.resolve();
  });
}

function waitsFor(integration: KnownIntegration, links: readonly Link[], now = NOW): Promise<readonly string[]> {
  return inTransaction(pool, async (transaction) => [...await givingWay(transaction, integration, links, now)]);
}

const EACH_FIRST: readonly (readonly [KnownIntegration, KnownIntegration])[] = [[crm, crm2], [crm2, crm]];

describe.each(EACH_FIRST)('$integrationId comes first', (first, second) => {
  const [one, other] = [record(first.integrationId, 'one', '0501234567'), record(second.integrationId, 'other', '+966 50 123 4567')];

  it('the second looks when the first has recorded its attempt, and waits', async () => {
    await insert(one, other);
    const [hasLooked, mayRecord] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const goes = inTransaction(pool, async (transaction: Transaction) => {
      const waiting = await givingWay(transaction, first, [one], NOW);
      hasLooked.resolve();
      await mayRecord.promise;
      saveLinks(transaction, [], [{ link: making(one), lane: null, lease: 'keep' }], NOW);
      return waiting.size;
    });
    await hasLooked.promise;
    const waits = waitsFor(second, [other]);
    mayRecord.resolve();
    expect(await goes).toBe(0);
    expect(await waits).toEqual(['l-other']);
  });

  it('goes on waiting until the contact is matched here', async () => {
    const contact = made(one, 'b1', '+966501234567');
    await insert(contact, other);
    expect(await waitsFor(second, [other])).toEqual(['l-other']);
    expect(await waitsFor(second, [other], NOW + PATIENCE_MS + 1)).toEqual([]);
    await insert({ ...made(record(second.integrationId, 'here', '0501234567'), 'b1', '+966501234567'), externalId: null, state: { seen: {}, groups: {}, attempts: [], unmatched: true } });
    expect(await waitsFor(second, [other])).toEqual(['l-other']);
    await pool.query(`update links set state = '{"seen":{},"groups":{},"attempts":[]}' where link_id = 'l-here'`);
    expect(await waitsFor(second, [other])).toEqual([]);
  });

  it('goes on when the creation was refused, or its own contact is another', async () => {
    await insert({ ...one, state: { ...one.state, hold: { kind: 'rejected', since: NOW, detail: 'value_rejected' } } }, making(record(first.integrationId, 'stranger', '0509999999')), other);
    expect(await waitsFor(second, [other])).toEqual([]);
  });

  it('waits for the contact that both had and that is being made again', async () => {
    const gone = { gone: { bevatel: { how: 'deleted', at: NOW, settledAt: NOW } } } as const;
    const [led, follower] = [record(first.integrationId, 'one', '0501111111', { bevatelId: 'b1' }, gone), record(second.integrationId, 'other', '0502222222', { bevatelId: 'b1' }, gone)];
    await insert(making(led), follower);
    expect(await waitsFor(second, [follower])).toEqual(['l-other']);
    expect(await waitsFor(first, [led])).toEqual([]);
  });

  it('a number that a crowd has makes nobody wait', async () => {
    const crowd = Array.from({ length: CROWD + 1 }, (_, index) => making(record(first.integrationId, `c${index}`, '0501234567')));
    await insert(...crowd.slice(1), other);
    expect(await waitsFor(second, [other])).toEqual(['l-other']);
    await insert(crowd[0] as Link);
    expect(await waitsFor(second, [other])).toEqual([]);
  });
});

it('integrations of other tenants, and the own one, are nobody to wait for', async () => {
  const own = record('crm', 'own', '0501234567');
  await insert(own, making(record('crm', 'beside', '0501234567')), { ...making(record('crm2', 'foreign', '0501234567')), tenantId: 'other' });
  expect(await waitsFor(crm, [own])).toEqual([]);
});

it('a tenant with one integration asks the database nothing', async () => {
  const transaction = { send: () => { throw new Error('asked'); }, query: () => Promise.reject(new Error('asked')) } as Pick<Transaction, 'send' | 'query'> as Transaction;
  expect(await givingWay(transaction, known('crm', []), [record('crm', 'one', '0501234567')], NOW)).toEqual(new Set());
});
