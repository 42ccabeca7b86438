/**
 * Explain: why each field of a contact has its value, from the link's state and the decisions that led there. Pure.
 *
 * A value came from the side that the newest decision took it from; what it overrode stands in the decisions that
 * resolved a conflict (I2). Older decisions than those kept are not told of.
 */
import type { LinkContext } from '../../../domain/context.ts';
import { filteredNow } from '../../../domain/filter.ts';
import { isLanding } from '../../../domain/landing.ts';
import { pick } from '../../../domain/link.ts';
import type { Link, LinkHold } from '../../../domain/link.ts';
import { groupTime } from '../../../domain/time.ts';
import type { Explanation } from '../../../schemas/api.ts';
import type { ContactDecision, GroupVerdict, Verdict } from '../../../schemas/decision.ts';
import { otherSide } from '../../../schemas/value.ts';
import type { Side } from '../../../schemas/value.ts';
import { valuesOf } from '../conflicts/conflict-view.ts';
import { traceField } from './trace.ts';
import type { LinkHistory } from './trace.ts';

type FieldExplanation = Explanation['fields'][number];

/** Verdicts that say where the present pair of values came from. */
const BRINGS: ReadonlySet<Verdict> = new Set(['propagate', 'filled', 'converged', 'conflict_resolved', 'undone']);
const OVERRIDDEN_SHOWN = 10;

/** `decisions` are the link's, the newest first; `siblings` the other links of its Bevatel contact (hub and spoke). */
export function explainLink(link: Link, context: LinkContext, decisions: readonly ContactDecision[], siblings: readonly LinkHistory[]): Explanation {
  const { state } = link;
  const history: LinkHistory = { link, decisions, fieldsOf: (group) => context.mapping.byName.get(group)?.lens.fields };
  return {
    tenant: link.tenantId, integration: link.integrationId, linkId: link.linkId, bevatelId: link.bevatelId, externalId: link.externalId,
    state: stateOf(link),
    hold: state.hold ? { kind: state.hold.kind, since: state.hold.since, detail: detailOf(state.hold) } : null,
    attempts: state.attempts.map(({ id, side, kind, groups, sentAt, status }) => ({ id, side, kind, groups: Object.keys(groups), sentAt, status })),
    retry: state.retry ?? null,
    filtered: filteredNow(state, context.mapping),
    fields: context.mapping.lenses.map(({ lens }) => ({ ...explainGroup(link, lens.name, lens.fields, decisions), chain: traceField(history, lens.name, siblings) })),
  };
}

function stateOf(link: Link): Explanation['state'] {
  if (link.erased) return 'erased';
  if (link.state.gone?.bevatel ?? link.state.gone?.external) return 'gone';
  return link.bevatelId === null || link.externalId === null ? 'one_sided' : 'paired';
}

function detailOf(hold: LinkHold): string {
  return 'detail' in hold ? hold.detail : hold.candidates.join(', ');
}

function explainGroup(link: Link, name: string, fields: Readonly<Record<Side, readonly string[]>>, decisions: readonly ContactDecision[]): Omit<FieldExplanation, 'chain'> {
  const group = link.state.groups[name] ?? {};
  const told = decisions.flatMap((decision) => decision.groups.filter((one) => one.group === name).map((verdict) => ({ decidedAt: decision.decidedAt, verdict })));
  return {
    group: name,
    bevatel: sideOf(link, 'bevatel', fields.bevatel),
    external: sideOf(link, 'external', fields.external),
    base: group.base ? { bevatel: valuesOf(group.base[0]), external: valuesOf(group.base[1]) } : null,
    wanted: group.wanted ? { side: group.wanted.side, values: valuesOf(group.wanted.values) } : null,
    held: group.held ? { type: group.held.type, since: group.held.since, detail: group.held.detail ?? null } : null,
    skipped: group.skipped ?? null,
    origin: originOf(told),
    overridden: told.flatMap(({ decidedAt, verdict }) => overriddenBy(verdict, decidedAt)).slice(0, OVERRIDDEN_SHOWN),
  };
}

function sideOf(link: Link, side: Side, fields: readonly string[]): FieldExplanation['bevatel'] {
  const seen = link.state.seen[side];
  const values = seen ? pick(seen.values, fields) : null;
  const time = seen ? groupTime(seen.times, fields) : { from: null, to: null, actor: null };
  return { fields: [...fields], values: values && valuesOf(values), editedFrom: time.from, editedTo: time.to, actor: time.actor };
}

interface Told {
  readonly decidedAt: number;
  readonly verdict: GroupVerdict;
}

function originOf(told: readonly Told[]): FieldExplanation['origin'] {
  const newest = told.find(({ verdict }) => BRINGS.has(verdict.verdict) && !isLanding(verdict) && verdict.rule !== 'written');
  if (!newest) return null;
  const { verdict, decidedAt } = newest;
  const side = verdict.writeTo && verdict.verdict !== 'undone' ? otherSide(verdict.writeTo) : null;
  return { side, verdict: verdict.verdict, rule: verdict.rule, decidedAt, editedAt: side ? editedAt(verdict, side) : null, actor: side ? actorOf(verdict, side) : null };
}

function overriddenBy(verdict: GroupVerdict, decidedAt: number): FieldExplanation['overridden'] {
  const loser = verdict.writeTo;
  const values = loser && verdict[loser];
  if (verdict.verdict !== 'conflict_resolved' || !loser || !values) return [];
  return [{
    side: loser, values: valuesOf(values), editedAt: editedAt(verdict, loser), actor: actorOf(verdict, loser),
    by: valuesOf(verdict[otherSide(loser)] ?? []), rule: verdict.rule, decidedAt,
  }];
}

function editedAt(verdict: GroupVerdict, side: Side): number | null {
  return (side === 'bevatel' ? verdict.bevatelAt : verdict.externalAt) ?? null;
}

function actorOf(verdict: GroupVerdict, side: Side): string | null {
  return (side === 'bevatel' ? verdict.bevatelActor : verdict.externalActor) ?? null;
}
