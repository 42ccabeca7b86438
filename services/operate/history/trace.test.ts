/** The chain from an edit to a value, from decisions as the services record them. */
import { describe, expect, it } from 'vitest';
import { Diary } from '../../../domain/testing/diary.ts';
import { NEW_LINK } from '../../../domain/testing/story.ts';
import type { ChainStep } from '../../../schemas/api.ts';
import { traceField } from './trace.ts';
import type { LinkHistory } from './trace.ts';

function historyOf({ link, decisions, context }: Diary): LinkHistory {
  return { link, decisions: decisions.toReversed(), fieldsOf: (group) => context.mapping.byName.get(group)?.lens.fields };
}

function told(steps: readonly ChainStep[]): string[] {
  return steps.map(({ integration, decision, edit, overridden, write }) => [
    `${integration}: ${decision.verdict} ${decision.rule}`, edit ? `${edit.side} ${String(edit.values)} by ${edit.actor ?? '?'}` : 'no edit',
    ...(overridden ? [`over ${String(overridden.values)}`] : []), write ? `→ ${write.side} ${String(write.values)} ${write.landed?.how ?? 'not landed'}` : 'nothing written',
  ].join('; '));
}

function trace(diary: Diary, ...siblings: readonly Diary[]): string[] {
  return told(traceField(historyOf(diary), 'company_name', siblings.map(historyOf)));
}

function edited(): Diary {
  const diary = new Diary().agreed('o') as Diary;
  diary.shows('external', 'v', { revision: '11', at: diary.now, actor: 'userId:5' });
  return diary;
}

describe('the chain of a field', () => {
  it('begins at the edit and ends at the write', () => {
    expect(trace(edited())).toEqual(['crm: propagate one_side_changed; external v by userId:5; → bevatel v not landed']);
    const diary = edited().writes('bevatel');
    expect(trace(diary)).toEqual(['crm: propagate one_side_changed; external v by userId:5; → bevatel v answered']);
    const [step] = traceField(historyOf(diary), 'company_name', []);
    expect(step?.write?.landed).toMatchObject({ attempt: 'attempt-1', how: 'answered' });
  });

  it('a write whose answer was lost, by what proved it', () => {
    const diary = edited();
    diary.sends('bevatel');
    diary.pass(10).shows('bevatel', 'v', { revision: '11' });
    expect(trace(diary)).toEqual(['crm: propagate one_side_changed; external v by userId:5; → bevatel v proven']);
  });

  it('tells of the present value alone', () => {
    const diary = edited().writes('bevatel');
    diary.shows('bevatel', 'w', { revision: '12' });
    expect(trace(diary.writes('external'))).toEqual(['crm: propagate one_side_changed; bevatel w by ?; → external w answered']);
  });

  it('holds what was held before it was decided, and what it overrode', () => {
    const diary = new Diary({ policy: 'manual' }).agreed('o') as Diary;
    diary.shows('bevatel', 'b', { revision: '11' });
    diary.shows('external', 'x', { revision: '11' });
    expect(trace(diary)).toEqual(['crm: conflict_held policy:manual; no edit; nothing written']);
    const decided = new Diary({ policy: 'external_wins' }, diary.link);
    decided.decisions.push(...diary.decisions);
    decided.pass(10).shows('bevatel', 'b', { revision: '12', at: decided.now });
    decided.reads('external', 'x', { revision: '12' });
    expect(trace(decided)).toEqual(['crm: conflict_held policy:manual; no edit; nothing written', 'crm: conflict_resolved policy:external_wins; external x by ?; over b; → bevatel x not landed']);
  });

  it('goes on through an undo', () => {
    const diary = edited().writes('bevatel');
    diary.undo();
    expect(trace(diary.writes('bevatel'))).toEqual([
      'crm: propagate one_side_changed; external v by userId:5; → bevatel v answered', 'crm: undone undo; no edit; → bevatel o answered',
    ]);
  });

  it('is empty where no decision is kept', () => {
    const diary = edited();
    diary.decisions.length = 0;
    expect(trace(diary)).toEqual([]);
  });
});

describe('hub and spoke', () => {
  /** The same contact in another integration: Bevatel shows what the first one wrote, with the time and actor of its source. */
  function spoke(value: string, facts: { at?: number; actor?: string } = {}): Diary {
    const other = new Diary({}, { ...NEW_LINK, integrationId: 'erp', linkId: 'link-erp', externalId: 'E1' }).agreed('o') as Diary;
    other.pass(1_000).shows('bevatel', value, { revision: '11', ...facts });
    return other.writes('external');
  }

  it('a value that came through Bevatel is traced to the integration that brought it', () => {
    const hub = edited();
    const at = hub.now;
    hub.writes('bevatel');
    expect(trace(spoke('v', { at, actor: 'userId:5' }), hub)).toEqual([
      'crm: propagate one_side_changed; external v by userId:5; → bevatel v answered', 'erp: propagate one_side_changed; bevatel v by userId:5; → external v answered',
    ]);
  });

  it.each<[string, Parameters<typeof spoke>]>([['of another value', ['w']], ['made at another time', ['v', { at: 5, actor: 'ali' }]]])('an edit in Bevatel itself %s is its own beginning', (_what, [value, facts]) => {
    const hub = edited();
    hub.writes('bevatel');
    expect(trace(spoke(value, facts), hub)).toHaveLength(1);
  });
});
