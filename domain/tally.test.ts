/** The tally's laws: what is counted out again was never there, and the order does not matter. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { counted, EMPTY_TALLY, unexplained } from './tally.ts';
import type { Digest, Examined } from './tally.ts';
import { FINDINGS, strayFinding } from './verify.ts';
import type { Finding } from './verify.ts';

/** FNV-1a over 64 bit: enough to tell the texts of a test apart. */
const digest: Digest = (text) => [...text].reduce((hash, char) => BigInt.asUintN(64, (hash ^ BigInt(char.codePointAt(0) ?? 0)) * 0x100000001b3n), 0xcbf29ce484222325n);

const finding = fc.record({ kind: fc.constantFrom(...FINDINGS.filter((kind) => kind !== 'equal')), group: fc.constantFrom('a', 'b', null), reason: fc.constantFrom('x', 'external_deleted'), side: fc.constant(null) });
const findings = fc.array(finding, { maxLength: 3 }).map((all): readonly Finding[] => all.toSorted((a, b) => FINDINGS.indexOf(b.kind) - FINDINGS.indexOf(a.kind)));
const link = fc.record({ subject: fc.constant('link' as const), id: fc.uuid(), bevatelId: fc.constantFrom('b', null), externalId: fc.constantFrom('x', null), findings }).filter((one) => one.bevatelId !== null || one.externalId !== null);
const stray = fc.record({ subject: fc.constantFrom('bevatel' as const, 'external' as const), id: fc.uuid(), bevatelId: fc.constant('b'), externalId: fc.constant(null) }).map((one): Examined => ({ ...one, findings: [strayFinding(one.subject)] }));
const examined = fc.array(fc.oneof(link, stray), { maxLength: 20 });

describe('counted', () => {
  it('forgets what is counted out again, but for that it was examined', () => {
    fc.assert(fc.property(examined, examined, (kept, taken) => {
      const alone = counted(EMPTY_TALLY, kept, [], true, digest);
      const both = counted(counted(alone, taken, [], true, digest), [], taken, false, digest);
      expect({ ...both, samples: [] }).toEqual({ ...alone, samples: [], examined: alone.examined + taken.length });
    }));
  });
  it('I12: is the same in any order, and so is its digest', () => {
    fc.assert(fc.property(examined, fc.infiniteStream(fc.double({ noNaN: true })), (all, keys) => {
      const shuffled = all.map((one) => [keys.next().value, one] as const).sort(([a], [b]) => a - b).map(([, one]) => one);
      expect({ ...counted(EMPTY_TALLY, shuffled, [], true, digest), samples: [] }).toEqual({ ...counted(EMPTY_TALLY, all, [], true, digest), samples: [] });
    }));
  });
  it('tells two outcomes apart by the digest', () => {
    const of = (...findings: Finding[]) => counted(EMPTY_TALLY, [{ subject: 'link', id: 'l1', bevatelId: 'b', externalId: 'x', findings }], [], true, digest).digest;
    const held: Finding = { kind: 'held', group: 'email', reason: 'create_create', side: null };
    expect(new Set([of(), of(held), of({ ...held, group: 'phone' }), of({ ...held, kind: 'skipped' })]).size).toBe(4);
    expect(of()).toMatch(/^[0-9a-f]{64}$/);
  });
  it('counts a pair as its worst group, and everything that nothing explains', () => {
    const one = (subject: Examined['subject'], externalId: string | null, ...kinds: Finding['kind'][]): Examined => ({ subject, id: `${subject}${kinds}`, bevatelId: 'b', externalId, findings: kinds.map((kind) => ({ kind, group: 'g', reason: 'r', side: null })) });
    const tally = counted(EMPTY_TALLY, [
      one('link', 'x', 'differing', 'held'), one('link', 'x', 'held', 'lossy'), one('link', 'x'), one('link', null, 'held'), one('link', null, 'unseen'),
      one('bevatel', null, 'unlinked'), one('bevatel', null, 'in_flight'),
    ], [], true, digest);
    expect(tally).toMatchObject({ examined: 7, pairs: { differing: 1, held: 1, equal: 1 }, oneSided: { explained: 2, unlinked: 1 }, unlinked: { bevatel: 1, external: 0 } });
    expect(unexplained(tally)).toBe(3);
  });
});
