/** The fold table: what moves *seen*, and what each field's edit time becomes (design §4; I5, I6). */
import { describe, expect, it } from 'vitest';
import type { Capabilities } from '../schemas/system.ts';
import { NO_OWN_TIMES } from './context.ts';
import type { OwnTimes } from './context.ts';
import { foldImage } from './fold.ts';
import type { Fold, FoldOutcome, SideImage } from './fold.ts';
import type { Seen } from './link.ts';
import { compareRevisions, isNextRevision } from './revision.ts';
import { HISTORY, NONE, STRICT } from './testing/context.ts';
import { exactly } from './time.ts';

const RECORDED = 5_000;
const seen = (more: Partial<Pick<Seen, 'values' | 'times'>> = {}): Seen => ({ revision: '10', values: { company: 'o' }, times: {}, observedFrom: 4_000, recordedAt: RECORDED, modifiedAt: null, reference: 'B1', ...more });
const image = (more: Partial<SideImage> = {}): SideImage => ({
  side: 'external', revision: '10', image: { company: 'o' }, fieldTimes: {}, histories: {}, modifiedAt: null,
  observedFrom: RECORDED + 1, observedTo: RECORDED + 50, readById: false, reference: 'B1', ...more,
});
const fold = (capabilities: Capabilities, before: Seen | undefined, next: SideImage, ownTimes: OwnTimes = NO_OWN_TIMES): Fold => foldImage(before, next, capabilities, ownTimes, 9_000);

describe('foldImage: order', () => {
  const byId = { readById: true };
  const early = { readById: true, observedFrom: RECORDED };
  it.each<[string, Capabilities, Partial<SideImage>, FoldOutcome]>([
    ['strict, newer', STRICT, { revision: '11', image: { company: 'x' } }, 'folded'],
    ['strict, newer, same values', STRICT, { revision: '11' }, 'folded'],
    ['strict, newer by length', STRICT, { revision: '100', image: { company: 'x' } }, 'folded'],
    ['strict, equal, same values', STRICT, {}, 'duplicate'],
    ['strict, equal, other values', STRICT, { image: { company: 'x' } }, 'read_again'],
    ['strict, equal, other values, read by id since', STRICT, { image: { company: 'x' }, ...byId }, 'folded'],
    ['I6: strict, older', STRICT, { revision: '9', image: { company: 'x' } }, 'stale'],
    ['I6: strict, older, read by id since', STRICT, { revision: '9', image: { company: 'x' }, ...byId }, 'stale'],
    ['approximate, newer', HISTORY, { revision: '11', image: { company: 'x' } }, 'folded'],
    ['approximate, equal, other values', HISTORY, { image: { company: 'x' } }, 'read_again'],
    ['approximate, equal, read by id before seen was recorded', HISTORY, { image: { company: 'x' }, ...early }, 'read_again'],
    ['approximate, equal, read by id since', HISTORY, { image: { company: 'x' }, ...byId }, 'folded'],
    ['approximate, older, same values', HISTORY, { revision: '9' }, 'duplicate'],
    ['approximate, older, other values', HISTORY, { revision: '9', image: { company: 'x' } }, 'read_again'],
    ['approximate, older, read by id since', HISTORY, { revision: '9', image: { company: 'x' }, ...byId }, 'folded'],
    ['approximate, older, read by id within the staleness window', { ...HISTORY, stalenessWindowMs: 100 }, { revision: '9', image: { company: 'x' }, ...byId }, 'read_again'],
    ['none, same values', NONE, { revision: null }, 'duplicate'],
    ['none, other values', NONE, { revision: null, image: { company: 'x' } }, 'read_again'],
    ['none, read by id since', NONE, { revision: null, image: { company: 'x' }, ...byId }, 'folded'],
    ['none, read by id within the staleness window', { ...NONE, stalenessWindowMs: 100 }, { revision: null, image: { company: 'x' }, ...byId }, 'read_again'],
    ['none, read by id after the staleness window', { ...NONE, stalenessWindowMs: 100 }, { revision: null, image: { company: 'x' }, readById: true, observedFrom: RECORDED + 101 }, 'folded'],
    ['a revision that is missing for once', STRICT, { revision: null, image: { company: 'x' } }, 'read_again'],
    ['only the reference differs', NONE, { revision: null, reference: null, ...byId }, 'folded'],
    ['strict, equal, a field that was not known before', STRICT, { image: { company: 'o', city: 'Riyadh' } }, 'folded'],
    ['approximate, equal, a field that was not known before', HISTORY, { image: { company: 'o', city: 'Riyadh' } }, 'folded'],
    ['equal, a field that was not known before beside one that differs', STRICT, { image: { company: 'x', city: 'Riyadh' } }, 'read_again'],
    ['strict, older, a field that was not known before', STRICT, { revision: '9', image: { company: 'o', city: 'Riyadh' } }, 'stale'],
    ['approximate, older, a field that was not known before', HISTORY, { revision: '9', image: { company: 'o', city: 'Riyadh' } }, 'read_again'],
    ['a field that was not known before', NONE, { revision: null, image: { company: 'o', city: null }, ...byId }, 'folded'],
  ])('%s', (_given, capabilities, more, outcome) => {
    const before = seen();
    const result = fold(capabilities, before, image(more));
    expect(result.outcome).toBe(outcome);
    if (outcome !== 'folded') expect(result.seen).toBe(before);
    else expect(result.seen).toMatchObject({ revision: more.revision === undefined ? '10' : more.revision, recordedAt: 9_000 });
  });

  it('takes the first image as it is', () => {
    expect(fold(NONE, undefined, image({ revision: null })).outcome).toBe('folded');
  });

  it('keeps what an image leaves out: absent is unknown, null is cleared', () => {
    const before = seen({ values: { company: 'o', city: 'Jeddah' } });
    expect(fold(STRICT, before, image({ revision: '11', image: { company: null } })).seen?.values).toEqual({ company: null, city: 'Jeddah' });
  });
});

describe('foldImage: edit times', () => {
  const changed = { revision: '11', image: { company: 'x' } };
  it('is the time that the system gives for the field', () => {
    expect(fold(STRICT, seen(), image({ ...changed, fieldTimes: { company: { at: 4_500, actor: 'sara' } } })).seen?.times).toEqual({ company: exactly(4_500, 'sara') });
  });

  it('else spans from the read behind the earlier image, minus the staleness window, to the end of this one', () => {
    expect(fold({ ...STRICT, stalenessWindowMs: 300 }, seen(), image(changed)).seen?.times).toEqual({ company: { from: 3_700, to: RECORDED + 50, actor: null } });
  });

  it('is unknown for a first image without times, never 0 (I5)', () => {
    expect(fold(STRICT, undefined, image()).seen?.times).toEqual({});
  });

  it('is the source\'s for a value that we wrote through another link (I5)', () => {
    const ownTimes: OwnTimes = (side, field, value) => (side === 'external' && field === 'company' && value === 'x' ? exactly(1_000, 'nora') : null);
    expect(fold(STRICT, seen(), image({ ...changed, fieldTimes: { company: { at: 8_000, actor: 'app' } } }), ownTimes).seen?.times).toEqual({ company: exactly(1_000, 'nora') });
  });

  it.each<[string, Seen['times'], number, Seen['times']]>([
    ['stays with an unchanged value', { company: exactly(4_500, 'sara') }, 4_500, { company: exactly(4_500, 'sara') }],
    ['moves when the same value was set again since (trace 9)', { company: exactly(4_500, 'sara') }, 8_000, { company: exactly(8_000, 'omar') }],
    ['is not our own apply time (I5)', { company: { ...exactly(1_000, 'nora'), applied: 8_000 } }, 8_000, { company: { ...exactly(1_000, 'nora'), applied: 8_000 } }],
    ['moves when the same value was set again after our write', { company: { ...exactly(1_000, 'nora'), applied: 8_000 } }, 8_001, { company: exactly(8_001, 'omar') }],
  ])('%s', (_name, times, at, expected) => {
    expect(fold(STRICT, seen({ times }), image({ revision: '11', fieldTimes: { company: { at, actor: 'omar' } } })).seen?.times).toEqual(expected);
  });
});

describe('compareRevisions', () => {
  it.each<[Capabilities['revisions'], string | null, string | null, string]>([
    ['strict', '9', '10', 'newer'],
    ['strict', '10', '9', 'older'],
    ['strict', '10', '10', 'equal'],
    ['approximate', '2026-01-02T00:00:00.000Z', '2026-01-10T00:00:00.000Z', 'newer'],
    ['strict', null, '1', 'unknown'],
    ['strict', '1', null, 'unknown'],
    ['none', '1', '2', 'unknown'],
  ])('%s: %s then %s is %s', (kind, known, next, order) => expect(compareRevisions(kind, known, next)).toBe(order));

  it('knows the revision that a conditional write makes, beyond 2^53', () => {
    expect(isNextRevision('9007199254740993', '9007199254740994')).toBe(true);
    expect(isNextRevision('9007199254740993', '9007199254740995')).toBe(false);
  });
});
