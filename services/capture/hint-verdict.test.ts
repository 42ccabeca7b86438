import { describe, expect, it } from 'vitest';
import type { Attempt, Seen } from '../../domain/link.ts';
import type { ContactHint } from '../../schemas/change.ts';
import type { HintFacts } from '../../store/hint-facts.ts';
import { verdictOnHint } from './hint-verdict.ts';

const RULES = { fields: new Set(['firstname', 'email']), referenceField: 'bevatel_contact_id' };
const WRITTEN_AT = 1_000;

function hint(more: Partial<ContactHint> = {}): ContactHint {
  return {
    hintId: 'h', tenantId: 't', side: 'external', integrationId: 'i', recordId: '55', lane: 'live', origin: 'webhook', event: 'changed',
    field: 'firstname', value: 'b', revision: null, occurredAt: WRITTEN_AT, receivedAt: 5_000, mergedInto: null, ...more,
  };
}
function seen(more: Partial<Seen> = {}): Seen {
  return {
    revision: '1000', values: { firstname: 'b', email: 'b@example.test' }, times: { firstname: { from: 1, to: 1, actor: null, applied: WRITTEN_AT } },
    observedFrom: 900, recordedAt: 1_100, modifiedAt: WRITTEN_AT, reference: 'c_1', ours: true, ...more,
  };
}
function attempt(sent: readonly string[], more: Partial<Attempt> = {}): Attempt {
  return {
    id: 'a', side: 'external', kind: 'update', groups: { name: { sent, source: sent, before: null, time: { from: null, to: null, actor: null } } },
    reference: null, condition: null, guard: null, sentAt: 900, deadline: 9_000, status: 'outstanding', ...more,
  };
}
function facts(more: Partial<HintFacts> = {}): HintFacts {
  return { externalId: '55', bevatelId: 'c_1', seen: seen(), attempts: [], ...more };
}

describe('I3, I5: our own write coming back', () => {
  it('is dropped when seen holds the answer to it', () => {
    expect(verdictOnHint(hint(), facts(), RULES)).toBe('own_write');
  });

  it('trace 10: our value written again after a foreign edit is read, because its event is later than our write', () => {
    expect(verdictOnHint(hint({ occurredAt: WRITTEN_AT + 1 }), facts(), RULES)).toBe('read');
  });

  it('another value at the very time of our write is read', () => {
    expect(verdictOnHint(hint({ value: 'c' }), facts(), RULES)).toBe('read');
  });

  it('an event without a time is read', () => {
    expect(verdictOnHint(hint({ occurredAt: null }), facts(), RULES)).toBe('read');
  });

  it('is read when seen is older than the event', () => {
    expect(verdictOnHint(hint(), facts({ seen: seen({ modifiedAt: WRITTEN_AT - 1, times: {} }) }), RULES)).toBe('read');
  });

  it('also the creation and the reference that came with it', () => {
    expect(verdictOnHint(hint({ event: 'created', field: null, value: null }), facts(), RULES)).toBe('own_write');
    expect(verdictOnHint(hint({ field: 'bevatel_contact_id', value: 'c_1' }), facts(), RULES)).toBe('own_write');
    expect(verdictOnHint(hint({ field: 'bevatel_contact_id', value: 'c_2' }), facts(), RULES)).toBe('read');
  });

  it('a cleared value matches a null one', () => {
    expect(verdictOnHint(hint({ value: null }), facts({ seen: seen({ values: { firstname: null } }) }), RULES)).toBe('own_write');
  });
});

describe('a notification that came twice', () => {
  it('needs no second read when seen shows its value and is no older', () => {
    const read = facts({ seen: seen({ modifiedAt: 3_000, times: { firstname: { from: 3_000, to: 3_000, actor: null } } }) });
    expect(verdictOnHint(hint({ occurredAt: 3_000 }), read, RULES)).toBe('seen_already');
    expect(verdictOnHint(hint({ occurredAt: 3_001 }), read, RULES)).toBe('read');
    expect(verdictOnHint(hint({ occurredAt: 2_000, value: 'c' }), read, RULES)).toBe('read');
  });
});

describe('a write under way', () => {
  it('is waited for when the event may tell of it, in whatever case the system wrote it', () => {
    expect(verdictOnHint(hint({ value: 'New', occurredAt: 2_000 }), facts({ attempts: [attempt(['new'])] }), RULES)).toBe('wait');
  });

  it('is not waited for when the event tells another value', () => {
    expect(verdictOnHint(hint({ value: 'c', occurredAt: 2_000 }), facts({ attempts: [attempt(['new'])] }), RULES)).toBe('read');
  });

  it('a record that we may just be creating is waited for', () => {
    const creating = facts({ externalId: null, seen: null, attempts: [attempt(['new'], { kind: 'create' })] });
    expect(verdictOnHint(hint({ value: 'anything' }), creating, RULES)).toBe('wait');
  });

  it('an unresolved one, and one towards Bevatel, are not', () => {
    expect(verdictOnHint(hint({ value: 'new', occurredAt: 2_000 }), facts({ attempts: [attempt(['new'], { status: 'unresolved' })] }), RULES)).toBe('read');
    expect(verdictOnHint(hint({ value: 'new', occurredAt: 2_000 }), facts({ attempts: [attempt(['new'], { side: 'bevatel' })] }), RULES)).toBe('read');
  });
});

describe('what needs no read, and what always does', () => {
  it('a field that is not mapped', () => {
    expect(verdictOnHint(hint({ field: 'lifecyclestage' }), undefined, RULES)).toBe('not_mapped');
  });

  it('a polled revision that is seen already', () => {
    const polled = { origin: 'poll', field: null, value: null } as const;
    expect(verdictOnHint(hint({ ...polled, revision: '1000' }), facts(), RULES)).toBe('seen_already');
    expect(verdictOnHint(hint({ ...polled, revision: '1001' }), facts(), RULES)).toBe('read');
    expect(verdictOnHint(hint({ ...polled, revision: '1001' }), facts({ attempts: [attempt(['x'])] }), RULES)).toBe('wait');
    expect(verdictOnHint(hint({ ...polled, revision: '1000' }), undefined, RULES)).toBe('read');
    expect(verdictOnHint(hint({ ...polled, revision: '1000' }), facts({ seen: seen({ partial: true }) }), RULES)).toBe('read');
  });

  it.each(['deleted', 'merged', 'restored'] as const)('I9: %s is read', (event) => {
    expect(verdictOnHint(hint({ event, field: null, value: null }), facts(), RULES)).toBe('read');
  });

  it('what an operator asks for, and what happened in Bevatel', () => {
    expect(verdictOnHint(hint({ origin: 'operator' }), facts(), RULES)).toBe('read');
    expect(verdictOnHint(hint({ side: 'bevatel' }), facts(), RULES)).toBe('read');
  });

  it('an unknown record', () => {
    expect(verdictOnHint(hint(), undefined, RULES)).toBe('read');
  });
});
