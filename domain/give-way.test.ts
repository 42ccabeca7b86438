/** I4, hub and spoke: which integration makes a Bevatel contact, and how long the others wait. */
import { describe, expect, it } from 'vitest';
import { givesWay, PATIENCE_MS } from './give-way.ts';
import type { Attempt, Gone, Link, LinkState, Seen } from './link.ts';

const NOW = 10_000_000;
const SEEN: Seen = { revision: '1', values: {}, times: {}, observedFrom: NOW, recordedAt: NOW, modifiedAt: null, reference: null };
const GONE: Gone = { how: 'deleted', at: NOW, settledAt: NOW };

function attempt(changed: Partial<Attempt> = {}): Attempt {
  return { id: 'a', side: 'bevatel', kind: 'create', groups: {}, reference: 'x1', condition: null, guard: null, sentAt: NOW, deadline: NOW + 20_000, status: 'outstanding', ...changed };
}

function rival(bevatelId: string | null, state: Partial<LinkState>, erased = false): Link {
  return { tenantId: 'acme', integrationId: 'crm2', linkId: 'l2', bevatelId, externalId: 'x1', erased, state: { seen: {}, groups: {}, attempts: [], ...state } };
}

const NEW = { bevatelId: null };
const FORMER = { bevatelId: 'b1' };

describe('a link that is about to have its Bevatel contact made, and another of the same person in another integration', () => {
  it.each<[string, { bevatelId: string | null }, Link, boolean, boolean]>([
    ['its contact is being made', NEW, rival(null, { attempts: [attempt()] }), false, true],
    ['nobody knows yet what became of the call', NEW, rival(null, { attempts: [attempt({ deadline: NOW - 60_000 })] }), false, true],
    ['nobody has looked for so long: its integration is paused', NEW, rival(null, { attempts: [attempt({ deadline: NOW - PATIENCE_MS - 1 })] }), false, false],
    ['it waits itself, or is not to be made', NEW, rival(null, { create: 'bevatel' }), false, false],
    ['it was refused for good', NEW, rival(null, { hold: { kind: 'rejected', since: NOW, detail: 'value_rejected' } }), false, false],
    ['it is tried again later', NEW, rival(null, { create: 'bevatel', retry: { at: NOW + 60_000, count: 3 } }), false, false],
    ['its external record is being made', NEW, rival('b2', { attempts: [attempt({ side: 'external' })] }), true, false],
    ['its contact was made, and has not come here', NEW, rival('b2', { seen: { bevatel: SEEN } }), false, true],
    ['its contact was matched here: it is not ours', NEW, rival('b2', { seen: { bevatel: SEEN } }), true, false],
    ['its contact has not come here for so long: it is in quarantine', NEW, rival('b2', { seen: { bevatel: { ...SEEN, recordedAt: NOW - PATIENCE_MS - 1 } } }), false, false],
    ['its contact is gone', NEW, rival('b2', { seen: { bevatel: SEEN }, gone: { bevatel: GONE } }), false, false],
    ['its person was erased', NEW, rival('b2', { seen: { bevatel: SEEN } }, true), false, false],
    ['the contact that both had is being made again', FORMER, rival('b1', { gone: { bevatel: GONE }, attempts: [attempt()] }), true, true],
    ['it wants the contact that both had made again', FORMER, rival('b1', { gone: { bevatel: GONE }, create: 'bevatel' }), true, false],
    ['it has not heard that the contact which both had is gone', FORMER, rival('b1', { seen: { bevatel: SEEN } }), false, false],
  ])('%s', (_, own, other, isKnownHere, waits) => {
    expect(givesWay(own, [{ link: other, isKnownHere }], NOW)).toBe(waits);
  });

  it('one of several is enough, and nobody is nobody to wait for', () => {
    const idle = { link: rival(null, {}), isKnownHere: false };
    expect(givesWay(NEW, [idle, { link: rival(null, { attempts: [attempt()] }), isKnownHere: false }], NOW)).toBe(true);
    expect(givesWay(NEW, [idle], NOW)).toBe(false);
    expect(givesWay(NEW, [], NOW)).toBe(false);
  });
});
