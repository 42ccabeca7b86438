/**
 * Pairs as they stand before the run: linked, agreed in every group, some with a write of ours behind them. Built by
 * the product's own rules, so that every state is one that the service itself would have stored.
 */
import { applyChange } from '../../domain/apply-change.ts';
import { NO_OWN_TIMES } from '../../domain/context.ts';
import type { LinkContext } from '../../domain/context.ts';
import { decideLink } from '../../domain/decide-link.ts';
import type { Link } from '../../domain/link.ts';
import { EMPTY_STATE } from '../../domain/link.ts';
import { applyOutcome } from '../../domain/outcome.ts';
import { attemptOf, planWork } from '../../domain/plan-work.ts';
import type { RecordImage } from '../../schemas/record.ts';
import { otherSide } from '../../schemas/value.ts';
import type { Side } from '../../schemas/value.ts';
import { INTEGRATION, TENANT } from '../integration.ts';
import { ownGroup, ownSide } from './plan.ts';
import type { Plan } from './plan.ts';
import { START, bevatelId, changeOf, externalId, firstState, recordId, valueOf, writeTo } from './records.ts';
import type { RecordState } from './records.ts';

export interface Pair {
  readonly link: Link;
  /** The records as their systems have them; the write of an outstanding attempt has not been seen yet. */
  readonly records: Readonly<Record<Side, RecordState>>;
}

/** Edit numbers of the values that our own writes carry. */
const OWN_EDIT = 1;

export function preparePair(context: LinkContext, plan: Plan, number: number): Pair {
  const records = { bevatel: firstState('bevatel', number), external: firstState('external', number) };
  let link: Link = {
    tenantId: TENANT, integrationId: INTEGRATION, linkId: linkId(number), bevatelId: bevatelId(number), externalId: externalId(number),
    state: EMPTY_STATE, erased: false,
  };
  for (const side of ['bevatel', 'external'] as const) link = show(context, link, side, number, records[side]);
  const isOutstanding = plan.echoes.outstanding.has(number);
  if (isOutstanding) link = editSource(context, link, 'outstanding', number, records);
  if (plan.echoes.finished.has(number)) link = finish(context, editSource(context, link, 'finished', number, records), number, records);
  return { link: isOutstanding ? sent(context, link, 'outstanding', number) : link, records };
}

/** Ids are spread over the key space, as random ones are. */
export function linkId(pair: number): string {
  const spread = (Math.imul(pair + 1, 2_654_435_761) >>> 0).toString(16).padStart(8, '0');
  return `${spread}-0000-7000-8000-${pair.toString(16).padStart(12, '0')}`;
}

function show(context: LinkContext, link: Link, side: Side, number: number, record: RecordState, group?: string): Link {
  const edited = group === undefined ? null : { group, value: null, at: record.modifiedAt, ours: false };
  return applyChange(link, changeOf(side, number, record, `before-${number}-${record.revision}`, edited), context, NO_OWN_TIMES, START - 1_000).link;
}

/** Somebody edited the group on the other side, so that it is wanted on this one. */
function editSource(context: LinkContext, link: Link, kind: 'outstanding' | 'finished', number: number, records: Pair['records']): Link {
  const source = otherSide(ownSide(kind, number));
  const group = ownGroup(kind);
  writeTo(source, records[source], { group, value: valueOf(group, number, OWN_EDIT), at: START - 5_000, ours: false });
  return show(context, link, source, number, records[source], group);
}

/** The write stands on record, as delivery leaves it before the call. */
function sent(context: LinkContext, link: Link, kind: 'outstanding' | 'finished', number: number): Link {
  const work = planWork(link, context, START - 500, `${kind}-${number}`);
  if (work.kind !== 'write') throw new Error(`pair ${number} has nothing to write`);
  const guard = work.side === 'external' ? Object.fromEntries(context.mapping.fields.external.map((field) => [field, START - 6_000])) : null;
  const attempt = attemptOf(work, { sentAt: START - 500, deadline: START + 3_600_000, guard });
  return { ...link, state: { ...link.state, attempts: [...link.state.attempts, attempt] } };
}

/** The write was answered: what the answer shows is seen already when its echo comes in. */
function finish(context: LinkContext, link: Link, number: number, records: Pair['records']): Link {
  const side = ownSide('finished', number);
  const before = link.state.groups;
  const others = Object.fromEntries(Object.entries(before).map(([name, { wanted, ...group }]) => [name, wanted && wanted.side !== side ? group : before[name] ?? group]));
  const attempted = sent(context, { ...link, state: { ...link.state, groups: others } }, 'finished', number);
  const group = ownGroup('finished');
  writeTo(side, records[side], { group, value: valueOf(group, number, OWN_EDIT), at: START - 400, ours: true });
  const answered = applyOutcome(attempted, side, { attemptId: `finished-${number}`, kind: 'applied', record: imageOf(side, number, records[side]) }, context, { now: START - 300, jitter: 0 });
  return decideLink(answered, context, START - 300).link;
}

function imageOf(side: Side, number: number, state: RecordState): RecordImage {
  const { revision, image, fieldTimes, histories, modifiedAt, references } = changeOf(side, number, state, '', null);
  return { id: recordId(side, number), revision, values: image, fieldTimes, histories, modifiedAt, references, mergedIds: [] };
}
