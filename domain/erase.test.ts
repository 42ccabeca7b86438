/** Erasure: what is left of a link, what is still to be done, and what ends it (I9, I11). */
import { describe, expect, it } from 'vitest';
import { SyncError } from '../schemas/errors.ts';
import type { ReadResult, WriteOutcome } from '../schemas/record.ts';
import { dueOf } from './due.ts';
import { afterErasing, erasedThere, eraseForOperator } from './erase.ts';
import type { Link } from './link.ts';
import { personKeys, personKeysOfLink } from './match.ts';
import { attemptOf, planWork } from './plan-work.ts';
import { deleted } from './testing/deletions.ts';
import { START, Story } from './testing/story.ts';

const FIELDS = [{ bevatel: 'company_name', external: 'company' }, { bevatel: 'email', external: 'email', lens: 'email' }, { bevatel: 'phone_number', external: 'phone', lens: 'phone', region: 'SA' }];

describe('an erased link', () => {
  it('I11: keeps the ids and the erasure, nothing else', () => {
    const link = eraseForOperator(new Story().agreed().link, 'e1', []);
    expect(link).toMatchObject({ erased: true, bevatelId: 'B1', externalId: 'X1' });
    expect(link.state).toEqual({ seen: {}, groups: {}, attempts: [], erasure: 'e1' });
    expect(dueOf(link, START)).toBeNull();
  });

  it('has its records erased in their systems one by one, whatever they hold by now', () => {
    const { context, link: before } = new Story().agreed();
    let link = eraseForOperator(before, 'e1', ['bevatel', 'external']);
    for (const side of ['bevatel', 'external'] as const) {
      expect(dueOf(link, START)).toEqual({ at: START, kind: 'write' });
      const work = planWork(link, context, START, `to-${side}`);
      expect(work).toMatchObject({ kind: 'remove', side, op: { way: 'erase', condition: null } });
      if (work.kind !== 'remove') return;
      link = { ...link, state: { ...link.state, attempts: [attemptOf(work, { sentAt: START, deadline: START + 10, guard: null })] } };
      expect(planWork(link, context, START + 11, 'x')).toEqual({ kind: 'read', side, id: side === 'bevatel' ? 'B1' : 'X1' });
      link = afterErasing(link, side, `to-${side}`, { kind: 'done' });
    }
    expect([link.state.erasing, planWork(link, context, START, 'x').kind]).toEqual([undefined, 'none']);
  });

  it('erased before, it stays with its erasure, and only its systems are asked', () => {
    const first = eraseForOperator(new Story().agreed().link, 'e1', []);
    expect(eraseForOperator(first, 'e2', ['external']).state).toEqual({ seen: {}, groups: {}, attempts: [], erasure: 'e1', erasing: ['external'] });
  });

  const attempted = (): Link => {
    const link = eraseForOperator(new Story().agreed().link, 'e1', ['external']);
    return { ...link, state: { ...link.state, retry: { at: 1, count: 1 } } };
  };
  const error = new SyncError('value_rejected', 'no');
  it.each<[string, WriteOutcome | ReadResult, string, readonly string[] | undefined]>([
    ['removed', { attemptId: 'a', kind: 'removed' }, 'done', undefined],
    ['erased before', { kind: 'gone', id: 'X1', how: 'erased' }, 'done', undefined],
    ['nothing there', { kind: 'gone', id: 'X1', how: 'not_found' }, 'done', undefined],
    ['deleted, which holds the person still', { kind: 'gone', id: 'X1', how: 'deleted' }, 'again', ['external']],
    ['there still', { attemptId: 'a', kind: 'moved', record: null }, 'again', ['external']],
    ['merged into another record', { kind: 'merged', id: 'X1', mergedInto: 'X9' }, 'refused', undefined],
    ['refused', { attemptId: 'a', kind: 'rejected', error, fields: [] }, 'refused', undefined],
  ])('%s', (_what, outcome, kind, erasing) => {
    const there = erasedThere(outcome);
    expect(there.kind).toBe(kind);
    expect(afterErasing(attempted(), 'external', 'a', there).state.erasing).toEqual(erasing);
  });
});

describe('the keys of a person', () => {
  it('are those of every mapped phone and address, whatever the integration matches by', () => {
    const { context } = new Story({ fields: FIELDS });
    expect(personKeys(context.mapping, 'external', { company: 'o', email: ' A@B.de', phone: '050 123 4567' })).toEqual(['email:a@b.de', 'phone:+966501234567']);
    expect(personKeys(context.mapping, 'bevatel', { email: 'no address', phone_number: null })).toEqual([]);
  });

  it('are those of both sides, and of a record that was parted', () => {
    const story = deleted('external', { to_bevatel: 'unlink' }, { fields: FIELDS });
    const link: Link = { ...story.link, state: { ...story.link.state, seen: { bevatel: { revision: '1', values: { email: 'new@b.de' }, times: {}, observedFrom: 1, recordedAt: 1, modifiedAt: null, reference: null } }, apart: [{ side: 'external', id: 'X1', at: 1, by: 'x', image: { email: 'old@b.de' } }] } };
    expect(personKeysOfLink(story.context.mapping, link)).toEqual(['email:new@b.de', 'email:old@b.de']);
  });
});
