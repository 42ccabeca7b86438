/** Laws of deciding (I12): pure, total, and the same when done twice, over correlated states however unlikely. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CONFLICTS } from '../schemas/decision.ts';
import { SIDES } from '../schemas/value.ts';
import type { Image, Side, Value } from '../schemas/value.ts';
import { applyImage } from './apply-change.ts';
import { NO_OWN_TIMES } from './context.ts';
import { decideLink } from './decide-link.ts';
import { dueOf } from './due.ts';
import type { EditTime, GroupState, Link, LinkState, Seen } from './link.ts';
import { planWork } from './plan-work.ts';
import { HISTORY, NONE, STRICT, testContext } from './testing/context.ts';
import { NEW_LINK, START, Story } from './testing/story.ts';

const FIELDS = [
  { bevatel: 'company_name', external: 'company', maxLength: 4 },
  { bevatel: 'consent', external: 'consent__c', lens: 'picklist', values: { opted_in: 'Yes', unknown: 'Maybe' }, invalid: 'default', default: 'unknown' },
  { lens: 'full_name', bevatel: ['contact_first_name', 'contact_last_name'], external: 'name' },
  { bevatel: 'phone_number', external: 'phone', lens: 'phone', region: 'SA', direction: 'to_external' },
  { lens: 'constant', external: 'lead_source', value: 'Bevatel' },
];
/** Few values, so that sides, bases and attempts meet; some invalid, some different spellings of the same. */
const VALUES: readonly Value[] = [null, '', 'a', ' a ', 'b', 'too long', 'opted_in', 'Yes', 'a b', '+966501234567', '050 123 4567', '12', 7, true, ['x']];

const value = fc.constantFrom(...VALUES);
const at = fc.constantFrom(START - 9_000, START - 1_000, START, START + 5_000);
const time: fc.Arbitrary<EditTime> = fc.record({ from: fc.option(at), to: fc.option(at), actor: fc.constantFrom(null, 'sara') });

const options = fc.record({
  external: fc.constantFrom(STRICT, HISTORY, NONE),
  policy: fc.constantFrom('latest_wins' as const, 'bevatel_wins' as const, 'external_wins' as const, 'manual' as const),
  direction: fc.constantFrom('both' as const, 'to_external' as const, 'to_bevatel' as const),
  fallback: fc.constantFrom('manual' as const, 'bevatel_wins' as const),
  oscillation: fc.constantFrom({ flips: 2, withinMs: 60_000 }, { flips: 6, withinMs: 600_000 }),
});
const mapping = testContext({ fields: FIELDS }).mapping;

function imageOf(side: Side): fc.Arbitrary<Image> {
  return fc.record(Object.fromEntries(mapping.fields[side].map((field) => [field, value])), { requiredKeys: [] }) as fc.Arbitrary<Image>;
}

function seenOf(side: Side): fc.Arbitrary<Seen> {
  return fc.record({
    revision: fc.constantFrom('9', '10', '11', '12'), values: imageOf(side),
    times: fc.dictionary(fc.constantFrom(...mapping.fields[side]), time), observedFrom: at, recordedAt: at,
    modifiedAt: fc.option(at), reference: fc.constantFrom(null, side === 'bevatel' ? 'X1' : 'B1'),
  });
}

function groupOf(bevatel: number, external: number): fc.Arbitrary<GroupState> {
  const list = (length: number): fc.Arbitrary<Value[]> => fc.array(value, { minLength: length, maxLength: length });
  return fc.record({
    base: fc.tuple(list(bevatel), list(external)),
    wanted: fc.constantFrom<Side>('bevatel', 'external').chain((side) => fc.record({ side: fc.constant(side), values: list(side === 'bevatel' ? bevatel : external) })),
    held: fc.record({ type: fc.constantFrom(...CONFLICTS), since: at, bevatel: list(bevatel), external: list(external), bevatelTime: time, externalTime: time }),
    trail: fc.array(fc.tuple(at, fc.constantFrom('b1', 'x1')), { maxLength: 4 }),
    skipped: fc.constantFrom('direction', 'invalid:phone'),
  }, { requiredKeys: [] });
}

const groups = fc.record(Object.fromEntries(mapping.lenses.map(({ lens }) => [lens.name, groupOf(lens.fields.bevatel.length, lens.fields.external.length)])), { requiredKeys: [] }) as fc.Arbitrary<LinkState['groups']>;
const state: fc.Arbitrary<LinkState> = fc.record({
  seen: fc.record({ bevatel: seenOf('bevatel'), external: seenOf('external') }, { requiredKeys: [] }),
  groups, attempts: fc.constant([]),
});
const link: fc.Arbitrary<Link> = state.map((one) => ({ ...NEW_LINK, state: one }));

function frozen<T>(one: T): T {
  if (typeof one === 'object' && one !== null && !Object.isFrozen(one)) {
    Object.freeze(one);
    Object.values(one).forEach(frozen);
  }
  return one;
}

describe('deciding a link', () => {
  it('I12: is pure and total, and deciding twice is deciding once', () => {
    fc.assert(fc.property(options, link, (given, one) => {
      const context = testContext({ ...given, fields: FIELDS });
      const first = decideLink(frozen(one), context, START);
      expect(decideLink(one, context, START)).toEqual(first);
      const again = decideLink(frozen(first.link), context, START + 1);
      expect(again.link).toEqual(first.link);
      expect(again.groups.filter(({ verdict }) => verdict === 'conflict_held' || verdict === 'converged')).toEqual([]);
    }), { numRuns: 500 });
  });

  it('wants on one side at most, only in the direction, and never with a hold', () => {
    fc.assert(fc.property(options, link, (given, one) => {
      const context = testContext({ ...given, fields: FIELDS });
      const { link: decided } = decideLink(one, context, START);
      for (const { lens, direction } of context.mapping.lenses) {
        const { wanted, held } = decided.state.groups[lens.name] ?? {};
        if (!wanted) continue;
        expect(held).toBeUndefined();
        if (direction !== 'both') expect(`to_${wanted.side}`).toBe(direction);
        expect(wanted.values).toHaveLength(lens.fields[wanted.side].length);
        expect(lens.canonical(wanted.side, wanted.values).ok).toBe(true);
      }
    }), { numRuns: 500 });
  });

  it('I3: once everything that is wanted was written as wanted, nothing is', () => {
    fc.assert(fc.property(options, link, (given, one) => {
      const story = new Story({ ...given, fields: FIELDS }, decideLink(one, testContext({ ...given, fields: FIELDS }), START).link);
      for (let round = 0; round < 4; round += 1) {
        const work = planWork(story.link, story.context, story.now, 'next');
        if (work.kind !== 'write') break;
        const revision = String(20 + round);
        const { side } = work;
        story.pass(10).applied(story.sends(side), { ...story.link.state.seen[side]?.values, ...work.op.values }, { revision });
        story.reads(side, { ...story.link.state.seen[side]?.values }, { revision });
      }
      expect(planWork(story.link, story.context, story.now, 'next').kind).toBe('none');
      expect(dueOf(story.link, story.now)).toBeNull();
    }), { numRuns: 400 });
  });

  it('an image that came before says nothing new when it comes again (I7)', () => {
    fc.assert(fc.property(options, link, fc.constantFrom(...SIDES), fc.boolean(), (given, one, side, readById) => {
      const story = new Story({ ...given, fields: FIELDS }, one);
      const image = story.image(side, { ...one.state.seen[side]?.values, ...(side === 'bevatel' ? { company_name: 'new' } : { company: 'new' }) }, { revision: '13', readById });
      const first = applyImage(one, image, story.context, NO_OWN_TIMES, START + 10);
      const again = applyImage(first.link, image, story.context, NO_OWN_TIMES, START + 20);
      expect(again.link.state.groups).toEqual(first.link.state.groups);
      expect(again.link.state.seen[side]?.values).toEqual(first.link.state.seen[side]?.values);
    }), { numRuns: 400 });
  });
});
