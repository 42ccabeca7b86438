/** The connector keeps the promises of the port against a server that behaves as the fact sheet says. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CreateOp, ReadResult, RemoveOp, UpdateOp, WriteOp, WriteOutcome } from '../connector.ts';
import type { Image } from '../../schemas/value.ts';
import type { ConnectorOnSandbox } from './sandbox/fixture.ts';
import { connectorOnSandbox, REFERENCE_PROPERTY } from './sandbox/fixture.ts';

let at: ConnectorOnSandbox;
let nowMs: number;

beforeEach(async () => {
  nowMs = 1_767_225_600_000;
  at = await connectorOnSandbox({ now: () => nowMs });
});
afterEach(async () => at.sandbox.stop());

const fields = ['firstname', 'email', 'phone'];
const create = (reference: string, values: Image): CreateOp => ({ kind: 'create', attemptId: `try-${reference}`, reference, values });
const update = (id: string, values: Image, reference: string | null = null): UpdateOp =>
  ({ kind: 'update', attemptId: `try-${id}`, id, values, condition: null, reference });
const write = (...operations: WriteOp[]): Promise<readonly WriteOutcome[]> => at.connector.write(operations, { fields }, at.options);
const read = (ids: readonly string[], histories = false): Promise<readonly ReadResult[]> => at.connector.read(ids, { fields, histories }, at.options);
const stored = (id: string): Readonly<Record<string, string>> | undefined => at.sandbox.control.contact(id)?.properties;
const seed = (...rows: Record<string, string>[]): string[] => at.sandbox.control.seed(rows);

describe('list and read', () => {
  it('lists all contacts once, in pages of 100, with their reference', async () => {
    const ids = seed(...Array.from({ length: 250 }, (_, index) => ({ firstname: `n${index}`, [REFERENCE_PROPERTY]: `b${index}` })));
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof at.connector.list>> = await at.connector.list({ cursor, fields }, at.options);
      for (const record of page.records) {
        seen.push(record.id);
        expect(record.references['bevatel']).toBe(`b${seen.length - 1}`);
      }
      cursor = page.next;
    } while (cursor !== null);
    expect(seen).toEqual(ids);
    expect(at.sandbox.control.counts()['contacts.list']).toBe(3);
  });

  it('gives cleared fields as null and leaves out fields that the account does not have', async () => {
    const [id = ''] = seed({ firstname: 'a' });
    const [result] = await at.connector.read([id], { fields: ['firstname', 'phone'], histories: false }, at.options);
    expect(result).toMatchObject({ kind: 'found', record: { id, revision: String(nowMs), modifiedAt: nowMs, values: { firstname: 'a', phone: null }, fieldTimes: {}, histories: {} } });
  });

  it('tells when and by whom each field changed, and which entries are ours', async () => {
    const [id = ''] = seed({ firstname: 'imported' });
    nowMs += 10;
    at.sandbox.control.edit(id, { firstname: 'human' });
    nowMs += 10;
    await write(update(id, { firstname: 'ours', phone: '1' }));
    const [result] = await read([id], true);
    const at20 = nowMs;
    expect(result).toMatchObject({ kind: 'found', record: {
      fieldTimes: { firstname: { at: at20, actor: `INTEGRATION:${at.sandbox.appId}` }, phone: { at: at20 } },
      histories: { firstname: [
        { value: 'ours', at: at20, ours: true },
        { value: 'human', at: at20 - 10, actor: 'user:55', ours: false },
        { value: 'imported', at: at20 - 20, ours: false },
      ] },
    } });
  });

  it('does not claim to know whose app writes are without an app id, nor another app\'s', async () => {
    const other = await connectorOnSandbox({}, { appId: undefined });
    try {
      const [id = ''] = other.sandbox.control.seed([{ firstname: 'a' }]);
      await other.connector.write([update(id, { firstname: 'b' })], { fields }, other.options);
      const [result] = await other.connector.read([id], { fields, histories: true }, other.options);
      expect(result).toMatchObject({ record: { histories: { firstname: [{ value: 'b', ours: null }, { value: 'a', ours: false }] } } });
    } finally {
      await other.sandbox.stop();
    }
  });

  it('splits reads with histories at the documented 50', async () => {
    const ids = seed(...Array.from({ length: 100 }, (_, index) => ({ firstname: `n${index}` })));
    expect(await read(ids, true)).toHaveLength(100);
    expect(at.sandbox.control.counts()['contacts.batchRead']).toBe(2);
    expect(await read(ids)).toHaveLength(100);
    expect(at.sandbox.control.counts()['contacts.batchRead']).toBe(3);
  });

  it.each([[false, false], [true, false], [false, true]])(
    'I9: tells merged, archived and never-there ids apart (third id minted: %s, merged reads show the survivor: %s)', async (mintId, showSurvivor) => {
      at.sandbox.control.setMergedReadsShowSurvivor(showSurvivor);
      const [primary = '', secondary = '', archived = '', live = ''] = seed({ firstname: 'p' }, { firstname: 's' }, { firstname: 'a' }, { firstname: 'l' });
      const survivor = at.sandbox.control.merge(primary, secondary, { mintId }).id;
      at.sandbox.control.archive(archived);
      const results = new Map((await read([primary, secondary, archived, live, '999'])).map((result) => [result.id, result]));
      expect(results.get(secondary)).toEqual({ kind: 'merged', id: secondary, mergedInto: survivor });
      expect(results.get(primary)).toMatchObject(mintId ? { kind: 'merged', mergedInto: survivor } : { kind: 'found', record: { mergedIds: [secondary] } });
      expect(results.get(archived)).toEqual({ kind: 'gone', id: archived, how: 'deleted' });
      expect(results.get('999')).toEqual({ kind: 'gone', id: '999', how: 'not_found' });
      expect(results.get(live)?.kind).toBe('found');
    });

  it('finds records by Bevatel id without search', async () => {
    const [id = ''] = seed({ firstname: 'a', [REFERENCE_PROPERTY]: 'b-1' });
    const found = await at.connector.findByReference(['b-1', 'b-2'], { fields }, at.options);
    expect([...found].map(([reference, record]) => [reference, record.id])).toEqual([['b-1', id]]);
    expect(at.sandbox.control.counts()).toEqual({ 'contacts.batchRead': 1 });
  });
});

describe('write', () => {
  it('creates and updates a hundred records in one call each and answers with what was stored', async () => {
    const references = Array.from({ length: 100 }, (_, index) => `b-${index}`);
    const created = await write(...references.map((reference, index) => create(reference, { firstname: 'محمد', email: `N${index}@X.test` })));
    expect(created.every(({ kind }) => kind === 'applied')).toBe(true);
    expect(created[0]).toMatchObject({ kind: 'applied', record: { revision: String(nowMs), references: { bevatel: 'b-0' }, values: { firstname: 'محمد', email: 'n0@x.test' } } });
    const ids = created.map((outcome) => (outcome.kind === 'applied' ? outcome.record.id : ''));
    const updated = await write(...ids.map((id) => update(id, { firstname: null })));
    expect(updated[0]).toMatchObject({ kind: 'applied', record: { values: { firstname: null } } });
    expect(at.sandbox.control.counts()).toEqual({ 'contacts.batchUpsert': 1, 'contacts.batchUpdate': 1 });
  });

  it('I4: a create whose answer was lost makes no second record when it is repeated', async () => {
    at.sandbox.control.addFault({ endpoint: 'contacts.batchUpsert', fault: { kind: 'drop_after' }, times: 1 });
    const operation = create('b-1', { firstname: 'a', email: 'a@x.test' });
    expect(await write(operation)).toMatchObject([{ kind: 'unknown', error: { code: 'write_unanswered' } }]);
    const found = await at.connector.findByReference(['b-1'], { fields }, at.options);
    const [again] = await write(operation);
    expect(again).toMatchObject({ kind: 'applied', record: { id: found.get('b-1')?.id } });
    expect(at.sandbox.control.contactCount()).toBe(1);
  });

  it('I8: each row of a batch has its own outcome; a bad one stops only itself', async () => {
    const [taken = '', target = ''] = seed({ email: 'taken@x.test' }, { firstname: 't', email: 't@x.test' });
    const outcomes = await write(
      create('b-ok', { firstname: 'ok' }), create('b-taken', { email: 'TAKEN@x.test' }),
      create('b-bad', { firstname: 'x', email: 'no address' }), create('b-unknown', { firstname: 'x', nosuch: '1' }),
    );
    expect(outcomes.map(({ kind }) => kind)).toEqual(['applied', 'exists', 'rejected', 'rejected']);
    expect(outcomes[1]).toMatchObject({ id: taken, byReference: false });
    expect(outcomes[2]).toMatchObject({ fields: ['email'], error: { code: 'value_rejected' } });
    expect(outcomes[3]).toMatchObject({ fields: ['nosuch'] });
    const updates = await write(update(target, { email: 'taken@x.test' }), update(taken, { firstname: 'fine' }));
    expect(updates).toMatchObject([{ kind: 'rejected', fields: ['email'], error: { code: 'unique_taken' } }, { kind: 'applied' }]);
  });

  it('I8: halves a batch that is refused as a whole until the bad row stands alone', async () => {
    const ids = seed({ firstname: 'a' }, { firstname: 'b' }, { firstname: 'c' }, { firstname: 'd' });
    at.sandbox.control.addFault({ endpoint: 'contacts.batchUpdate', fault: { kind: 'status', status: 400, category: 'VALIDATION_ERROR' }, times: 3 });
    const outcomes = await write(...ids.map((id) => update(id, { phone: '1' })));
    expect(outcomes.map(({ kind }) => kind)).toEqual(['rejected', 'applied', 'applied', 'applied']);
  });

  it('adopts by the conflicting id when one row alone is refused with 409', async () => {
    at.sandbox.control.addFault({ endpoint: 'contacts.batchUpsert', times: 1, fault: { kind: 'status', status: 409, category: 'CONFLICT', message: 'Contact already exists. Existing ID: 777' } });
    expect(await write(create('b-1', { email: 'a@x.test' }))).toMatchObject([{ kind: 'exists', id: '777', byReference: false }]);
  });

  it('stores the reference with an update, and refuses one that another record has', async () => {
    const [first = '', second = ''] = seed({ firstname: 'a' }, { firstname: 'b' });
    expect(await write(update(first, {}, 'b-1'))).toMatchObject([{ kind: 'applied', record: { references: { bevatel: 'b-1' } } }]);
    expect(await write(update(second, { firstname: 'c' }, 'b-1'))).toMatchObject([{ kind: 'rejected', fields: [REFERENCE_PROPERTY] }]);
    expect(stored(second)).toMatchObject({ firstname: 'b' });
  });

  it('tells where a record went that is not there to be written', async () => {
    const [primary = '', secondary = '', archived = ''] = seed({ firstname: 'p' }, { firstname: 's' }, { firstname: 'a' });
    at.sandbox.control.merge(primary, secondary);
    at.sandbox.control.archive(archived);
    const outcomes = await write(...[primary, secondary, archived, '999'].map((id) => update(id, { phone: '1' })));
    expect(outcomes).toMatchObject([
      { kind: 'applied' },
      { kind: 'gone', how: 'merged', mergedInto: primary },
      { kind: 'gone', how: 'deleted', mergedInto: null },
      { kind: 'gone', how: 'not_found', mergedInto: null },
    ]);
  });

  it('sets a lifecycle stage back, which HubSpot otherwise keeps without a word', async () => {
    const [id = '', other = ''] = seed({ firstname: 'a', lifecyclestage: 'customer' }, { firstname: 'b', lifecyclestage: 'lead' });
    const outcomes = await write(update(id, { lifecyclestage: 'lead' }), update(other, { lifecyclestage: 'customer' }));
    expect(outcomes).toMatchObject([{ kind: 'applied', record: { values: { lifecyclestage: 'lead' } } }, { kind: 'applied' }]);
    expect([stored(id)?.['lifecyclestage'], stored(other)?.['lifecyclestage']]).toEqual(['lead', 'customer']);
    expect(at.sandbox.control.counts()['contacts.batchUpdate']).toBe(3);
  });

  it.each([
    ['failed', 'rate_limited', { kind: 'status', status: 429 }],
    ['failed', 'unauthorised', { kind: 'status', status: 401 }],
    ['failed', 'missing_scope', { kind: 'status', status: 403 }],
    ['failed', 'record_locked', { kind: 'status', status: 423 }],
    ['failed', 'account_migrating', { kind: 'status', status: 477, headers: { 'retry-after': '60' } }],
    ['unknown', 'write_unanswered', { kind: 'status', status: 500 }],
    ['unknown', 'write_unanswered', { kind: 'status', status: 503 }],
    ['unknown', 'write_unanswered', { kind: 'drop_before' }],
  ] as const)('answers %s (%s) to %o and writes nothing', async (kind, code, fault) => {
    const [id = ''] = seed({ firstname: 'a' });
    at.sandbox.control.addFault({ fault, times: 1 });
    expect(await write(update(id, { firstname: 'b' }))).toMatchObject([{ kind, error: { code } }]);
    expect(stored(id)).toMatchObject({ firstname: 'a' });
  });

  it('I10: honours Retry-After and otherwise waits as long as the policy says', async () => {
    const [id = ''] = seed({ firstname: 'a' });
    const pauseOf = async (fault: { readonly policyName?: string; readonly headers?: Record<string, string> }): Promise<unknown> => {
      at.sandbox.control.addFault({ fault: { kind: 'status', status: 429, ...fault }, times: 1 });
      const [outcome] = await write(update(id, { firstname: 'b' }));
      expect(at.feedback.at(-1)).toEqual(['calls', { pauseMs: outcome?.kind === 'failed' ? outcome.error.facts.retryAfterMs : undefined }]);
      return at.feedback.at(-1)?.[1].pauseMs;
    };
    expect(await pauseOf({ headers: { 'retry-after': '7' } })).toBe(7_000);
    expect(await pauseOf({ policyName: 'SECONDLY' })).toBe(1_000);
    expect(await pauseOf({ policyName: 'TEN_SECONDLY_ROLLING' })).toBe(10_000);
    expect(await pauseOf({ policyName: 'DAILY' })).toBe(900_000);
  });

  it('leaves a hanging write as unknown at its deadline; it may land later', async () => {
    const [id = ''] = seed({ firstname: 'a' });
    at.sandbox.control.addFault({ endpoint: 'contacts.batchUpdate', fault: { kind: 'hold_before' }, times: 1 });
    const deadline = new AbortController();
    const written = at.connector.write([update(id, { firstname: 'late' })], { fields }, { ...at.options, signal: deadline.signal });
    await vi.waitFor(() => expect(at.sandbox.control.heldCount()).toBe(1));
    deadline.abort();
    expect(await written).toMatchObject([{ kind: 'unknown', error: { code: 'write_unanswered' } }]);
    at.sandbox.control.releaseHeld();
    await vi.waitFor(() => expect(stored(id)).toMatchObject({ firstname: 'late' }));
  });

  it('does not send a write whose time is over', async () => {
    const [id = ''] = seed({ firstname: 'a' });
    const outcomes = await at.connector.write([update(id, { firstname: 'b' })], { fields }, { ...at.options, signal: AbortSignal.abort() });
    expect(outcomes).toMatchObject([{ kind: 'failed' }]);
    expect(at.sandbox.control.counts()).toEqual({});
  });

  it('a refused connection proves that nothing was written', async () => {
    await at.sandbox.stop();
    expect(await write(create('b-1', { firstname: 'a' }))).toMatchObject([{ kind: 'failed', error: { code: 'system_unavailable' } }]);
    at = await connectorOnSandbox();
  });
});

describe('remove', () => {
  const removal = (id: string, way: RemoveOp['way'] = 'archive'): RemoveOp => ({ kind: 'remove', attemptId: `drop-${id}`, id, way, condition: null });
  const remove = (...operations: RemoveOp[]): Promise<readonly WriteOutcome[]> => at.connector.remove(operations, { fields }, at.options);
  const kinds = async (outcomes: Promise<readonly WriteOutcome[]>): Promise<Record<string, string>> => Object.fromEntries((await outcomes).map(({ attemptId, kind }) => [attemptId, kind]));

  it('archives a hundred records in one call; again changes nothing, and a read tells', async () => {
    const ids = seed(...Array.from({ length: 100 }, (_, index) => ({ firstname: `n${index}` })));
    expect(new Set((await remove(...ids.map((id) => removal(id)))).map(({ kind }) => kind))).toEqual(new Set(['removed']));
    expect(at.sandbox.control.counts()['contacts.batchArchive']).toBe(1);
    expect(await kinds(remove(removal(ids[0] ?? '')))).toEqual({ [`drop-${ids[0]}`]: 'removed' });
    expect(await read([ids[0] ?? ''])).toEqual([{ kind: 'gone', id: ids[0], how: 'deleted' }]);
  });

  it('erases for privacy, archived records too, and tells apart what is not there', async () => {
    const [live = '', archived = '', primary = '', second = ''] = seed({ firstname: 'a' }, { firstname: 'b' }, { firstname: 'c' }, { firstname: 'd' });
    at.sandbox.control.archive(archived);
    const survivor = at.sandbox.control.merge(primary, second, { mintId: false });
    const outcomes = await remove(...[live, archived, '999999', second].map((id) => removal(id, 'erase')));
    expect(outcomes.map(({ kind }) => kind)).toEqual(['removed', 'removed', 'gone', 'gone']);
    expect(outcomes.slice(2)).toMatchObject([{ how: 'not_found', mergedInto: null }, { how: 'merged', mergedInto: survivor.id }]);
    expect([stored(live), stored(archived)]).toEqual([undefined, undefined]);
  });

  it('deletes nothing for good but for privacy', async () => {
    const [id = ''] = seed({ firstname: 'a' });
    expect(await remove(removal(id, 'delete'))).toMatchObject([{ kind: 'rejected', error: { code: 'value_rejected' } }]);
    expect(stored(id)).toBeDefined();
  });

  it.each(['archive', 'erase'] as const)('I9: an answer that did not come leaves it unknown (%s)', async (way) => {
    const [id = ''] = seed({ firstname: 'a' });
    at.sandbox.control.addFault({ endpoint: way === 'archive' ? 'contacts.batchArchive' : 'contacts.erase', fault: { kind: 'drop_after' }, times: 1 });
    expect(await remove(removal(id, way))).toMatchObject([{ kind: 'unknown', error: { class: 'unknown_outcome' } }]);
  });

  it('I10: throttled, it is tried again', async () => {
    const [id = ''] = seed({ firstname: 'a' });
    at.sandbox.control.addFault({ endpoint: 'contacts.batchArchive', fault: { kind: 'status', status: 429, policyName: 'SECONDLY' }, times: 1 });
    expect(await remove(removal(id))).toMatchObject([{ kind: 'failed', error: { code: 'rate_limited' } }]);
    expect(at.sandbox.control.contact(id)?.archived).toBe(false);
  });
});

describe('limits and errors', () => {
  it('takes a place for each call, search apart, and passes on what the headers tell', async () => {
    at.sandbox.control.setLimits({ perTenSeconds: 100, perDay: 1_000 });
    await read(['999']);
    expect(at.taken).toEqual(['calls', 'calls', 'search']);
    expect(at.feedback).toEqual([
      ['calls', { remaining: 99, resetMs: 10_000, dailyRemaining: 999 }], ['calls', { remaining: 98, resetMs: 10_000, dailyRemaining: 998 }],
    ]);
    expect(at.calls).toEqual([{ operation: 'batch_read', outcome: '2xx' }, { operation: 'batch_read', outcome: '2xx' }, { operation: 'search_merged', outcome: '2xx' }]);
  });

  it('a read that times out, fails or cannot be parsed is a classified error', async () => {
    const [id = ''] = seed({ firstname: 'a' });
    at.sandbox.control.addFault({ fault: { kind: 'status', status: 502 }, times: 1 });
    await expect(read([id])).rejects.toMatchObject({ code: 'system_unavailable', class: 'retry' });
    at.sandbox.control.addFault({ fault: { kind: 'drop_after' }, times: 1 });
    await expect(read([id])).rejects.toMatchObject({ code: 'system_unavailable' });
    at.sandbox.control.addFault({ fault: { kind: 'hold_before' }, times: 1 });
    const deadline = new AbortController();
    const held = at.connector.read([id], { fields, histories: false }, { ...at.options, signal: deadline.signal });
    await vi.waitFor(() => expect(at.sandbox.control.heldCount()).toBe(1));
    deadline.abort();
    await expect(held).rejects.toMatchObject({ code: 'system_timeout' });
    at.sandbox.control.releaseHeld();
  });

  it('a call that outlasts the connector\'s own deadline ends by itself', async () => {
    const short = await connectorOnSandbox({}, { timeoutMs: 20 });
    try {
      short.sandbox.control.addFault({ fault: { kind: 'hold_before' } });
      await expect(short.connector.read(['1'], { fields, histories: false }, short.options)).rejects.toMatchObject({ code: 'system_timeout' });
    } finally {
      await short.sandbox.stop();
    }
  });

  it('I11: no value and no token reaches an error', async () => {
    const [id = ''] = seed({ email: 'mona@secret.test' });
    const [taken] = await write(update(seed({ firstname: 'x' })[0] ?? '', { email: 'mona@secret.test' }));
    const [bad] = await write(update(id, { email: 'mona at secret.test' }));
    const text = [taken, bad].map((outcome) => (outcome?.kind === 'rejected' ? outcome.error.message + JSON.stringify(outcome.error.facts) : 'not rejected')).join();
    expect(text).not.toMatch(/secret|mona|not rejected|pat-na1/);
    expect(text).toContain('INVALID_EMAIL');
  });

  it('links to the record in the user interface', () => {
    expect(at.connector.recordUrl('12')).toBe('https://app.hubspot.com/contacts/4242/record/0-1/12');
  });
});
