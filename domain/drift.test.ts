/** What drifted and how it is mended, as a table: findings in, drift and remedy out. */
import { describe, expect, it } from 'vitest';
import { driftOf, isMassAbsence, remedyOf } from './drift.ts';
import { strayFinding } from './verify.ts';
import type { Finding } from './verify.ts';

function finding(text: string): Finding {
  const [kind = '', reason = ''] = text.split(' ');
  return text === 'stray' ? strayFinding('external') : { kind: kind as Finding['kind'], group: 'company_name', reason, side: null };
}

describe('driftOf, remedyOf', () => {
  it.each<[readonly string[], string | null, string | null]>([
    [[], null, null],
    [['skipped direction', 'held create_create', 'normalised agreed_base', 'lossy complement'], null, null],
    [['in_flight wanted'], null, null],
    [['unseen bevatel'], 'unseen', 'read'],
    [['unseen external_unanswered'], 'unseen', 'read'],
    [['unseen external_back'], 'unseen', 'read'],
    [['unseen external_deleted'], 'gone', 'read'],
    [['unseen bevatel_not_found'], 'gone', 'read'],
    [['unseen bevatel_merged'], 'gone', 'read'],
    [['stray'], 'stray', 'read'],
    [['unlinked no_partner:external'], 'unlinked', 'decide'],
    [['differing no_verdict'], 'differing', 'decide'],
    [['differing no_base', 'differing unknown_value'], 'differing', 'read'],
    [['differing no_verdict', 'unseen external'], 'unseen', 'read'],
  ])('%j is %s, mended by %s', (texts, drift, remedy) => {
    const findings = texts.map(finding);
    expect([driftOf(findings), remedyOf(findings)]).toEqual([drift, remedy]);
  });
});

describe('I9: isMassAbsence', () => {
  it.each([
    [20, 20, false],
    [21, 21, true],
    [21, 420, false],
    [22, 420, true],
    [500, 1_000_000, false],
  ])('%i gone of %i: %s', (gone, examined, expected) => {
    expect(isMassAbsence(gone, examined)).toBe(expected);
  });
});
