/** A story whose decisions are kept, as the services keep them: what `undo` and `explain` are told. */
import type { ContactDecision, GroupVerdict, Verdict } from '../../schemas/decision.ts';
import type { WriteOutcome } from '../../schemas/record.ts';
import type { Side } from '../../schemas/value.ts';
import type { Applied } from '../apply-change.ts';
import { decideLink } from '../decide-link.ts';
import { landingsOf } from '../landing.ts';
import type { Link } from '../link.ts';
import type { OutcomeFacts } from '../outcome.ts';
import { orderUndo, planUndo } from '../undo.ts';
import type { UndoPlan, UndoScope } from '../undo.ts';
import { Story } from './story.ts';
import type { Shown, ShownFacts } from './story.ts';

export const EVER: UndoScope = { since: 0, until: Number.MAX_SAFE_INTEGER, rule: null, group: null };

export class Diary extends Story {
  readonly decisions: ContactDecision[] = [];

  override shows(side: Side, shown: Shown, facts: ShownFacts = {}): Applied {
    const applied = super.shows(side, shown, facts);
    this.note('change', applied.verdict, applied.groups);
    return applied;
  }

  override answered(side: Side, outcome: WriteOutcome, readBack?: OutcomeFacts['readBack']): Link {
    const attempt = this.link.state.attempts.find(({ id }) => id === outcome.attemptId);
    const said = this.verdicts.length;
    super.answered(side, outcome, readBack);
    const landings = outcome.kind === 'applied' && attempt ? landingsOf(attempt, this.link.state, 'written') : [];
    this.note('answer', attempt?.kind === 'create' ? 'created' : 'converged', [...landings, ...this.verdicts.slice(said)], side);
    return this.link;
  }

  plan(scope: Partial<UndoScope> = {}): UndoPlan {
    return planUndo(this.link, this.context, this.decisions, { ...EVER, ...scope });
  }

  /** As the operator orders it: planned, decided, recorded. */
  undo(scope: Partial<UndoScope> = {}): UndoPlan {
    const plan = this.plan(scope);
    const decided = decideLink(orderUndo(this.link, plan.fields, { at: this.now, by: 'mona' }), this.context, this.now);
    this.link = decided.link;
    this.verdicts.push(...decided.groups);
    this.note('operator', 'undone', decided.groups);
    return plan;
  }

  /** Writes what is wanted on a side, and is answered; the system keeps what it is given. */
  writes(side: Side, stored?: Shown): this {
    const attempt = this.sends(side);
    const [sent = null] = Object.values(attempt.groups)[0]?.sent ?? [];
    this.pass(5).applied(attempt, stored ?? sent, { revision: String(Number(attempt.condition ?? this.link.state.seen[side]?.revision ?? 10) + 1) });
    return this.pass(5);
  }

  private note(cause: ContactDecision['cause'], verdict: Verdict, groups: readonly GroupVerdict[], side: Side | null = null): void {
    if (groups.length === 0 && verdict !== 'created') return;
    this.decisions.push({
      decisionId: `d${this.decisions.length}`, tenantId: this.link.tenantId, integrationId: this.link.integrationId, linkId: this.link.linkId,
      bevatelId: this.link.bevatelId, externalId: this.link.externalId, causeId: 'c', cause, side, verdict, decidedAt: this.now,
      // Through JSON, as the row brings them back.
      groups: (JSON.parse(JSON.stringify(groups)) as GroupVerdict[]).filter((one) => one.verdict !== 'in_flight'),
    });
  }
}
