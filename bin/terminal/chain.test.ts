import { describe, expect, it } from 'vitest';
import type { ChainStep } from '../../schemas/api.ts';
import { renderChain } from './chain.ts';

const AT = Date.UTC(2026, 3, 16, 7);
const edit: ChainStep['edit'] = { side: 'external', values: ['شركة'], editedFrom: AT - 5_000, editedTo: AT, actor: 'userId:5' };
const step: ChainStep = {
  integration: 'crm', linkId: 'l1', edit, overridden: { ...edit, side: 'bevatel', values: ['old'], editedFrom: null, editedTo: null, actor: null },
  decision: { id: 'd1', at: AT + 1_000, cause: 'change', causeId: 'c', verdict: 'conflict_resolved', rule: 'policy:latest_wins', conflict: 'update_update_same_field' },
  write: { side: 'bevatel', values: ['شركة'], landed: { attempt: 'a1', sentAt: AT + 2_000, at: AT + 3_000, how: 'answered' } },
};

describe('renderChain', () => {
  it('leads from the edit over the decision to the write', () => {
    expect(renderChain({ group: 'company_name', chain: [step] })).toBe([
      'company_name',
      '├─ edited in external by userId:5 between 2026-04-16 06:59:55Z and 2026-04-16 07:00:00Z: شركة',
      '├─ conflict_resolved by policy:latest_wins at 2026-04-16 07:00:01Z, decision d1',
      '├─ overrode in bevatel at an unknown time: old',
      '└─ written to bevatel: شركة; answered at 2026-04-16 07:00:03Z, sent at 2026-04-16 07:00:02Z, attempt a1',
    ].join('\n'));
  });
  it('names the integrations where it comes through several, and an operator\'s word', () => {
    const undone: ChainStep = {
      ...step, integration: 'erp', linkId: 'l2', edit: null, overridden: null, write: { side: 'external', values: [null], landed: null },
      decision: { ...step.decision, id: 'd2', cause: 'operator', causeId: 'u1', verdict: 'undone', rule: 'undo' },
    };
    const lines = renderChain({ group: 'company_name', chain: [step, undone] })?.split('\n') ?? [];
    expect(lines.at(1)).toMatch(/^├─ crm: edited in external/);
    expect(lines.slice(-2)).toEqual([
      "├─ erp: undone by undo at 2026-04-16 07:00:01Z, an operator's word (audit u1), decision d2", '└─ erp: wanted in external: ∅; not written by this decision',
    ]);
  });
  it('is nothing where no decision is kept', () => {
    expect(renderChain({ group: 'company_name', chain: [] })).toBeNull();
  });
});
