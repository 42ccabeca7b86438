/**
 * A story of one link, told step by step: what each side shows, what we send, what is answered.
 *
 * Every step goes through the functions that the services call. A value alone stands for the one field of the mapping
 * `company_name ↔ company`. Time moves only by `pass`.
 */
import type { FieldTime, HistoryEntry } from '../../schemas/change.ts';
import type { GroupVerdict } from '../../schemas/decision.ts';
import type { RecordImage, WriteOutcome } from '../../schemas/record.ts';
import type { GoneHow } from '../../schemas/system.ts';
import { otherSide } from '../../schemas/value.ts';
import type { Image, Side, Value } from '../../schemas/value.ts';
import { applyChange, applyImage } from '../apply-change.ts';
import type { Applied } from '../apply-change.ts';
import { NO_OWN_TIMES } from '../context.ts';
import type { LinkContext, OwnTimes } from '../context.ts';
import { decideLink } from '../decide-link.ts';
import { CLOSING_MARGIN_MS } from '../due.ts';
import type { SideImage } from '../fold.ts';
import { applyGone, repoint } from '../gone.ts';
import { EMPTY_STATE, idOn } from '../link.ts';
import type { Attempt, GroupState, Link } from '../link.ts';
import { applyOutcome } from '../outcome.ts';
import { attemptOf, planWork } from '../plan-work.ts';
import type { OutcomeFacts } from '../outcome.ts';
import { testContext } from './context.ts';
import type { ContextOptions } from './context.ts';

export const NEW_LINK: Link = { tenantId: 'acme', integrationId: 'crm', linkId: 'link', bevatelId: 'B1', externalId: 'X1', state: EMPTY_STATE, erased: false };
export const START = 1_000_000;
export const DEADLINE_MS = 10_000;

/** One value of the one field, or a whole image. */
export type Shown = Image | Value;

export interface ShownFacts {
  readonly revision?: string | null;
  readonly readById?: boolean;
  /** Our clock at the start of the read; now when left out. */
  readonly from?: number;
  /** The system's time of every field that is shown. */
  readonly at?: number;
  readonly actor?: string | null;
  readonly history?: readonly HistoryEntry[];
  /** Of each field, where there are several. */
  readonly histories?: Readonly<Record<string, readonly HistoryEntry[]>>;
  readonly reference?: string | null;
}

export class Story {
  link: Link;
  readonly context: LinkContext;
  now = START;
  ownTimes: OwnTimes = NO_OWN_TIMES;
  /** Every verdict on a group so far. */
  readonly verdicts: GroupVerdict[] = [];
  private sent = 0;

  constructor(options: ContextOptions = {}, link: Link = NEW_LINK) {
    this.context = testContext(options);
    this.link = link;
  }

  pass(ms: number): this {
    this.now += ms;
    return this;
  }

  /** Both sides show the same at revision 10, and agree. */
  agreed(value: Value = 'o'): this {
    this.shows('bevatel', value, { revision: '10' });
    this.shows('external', value, { revision: '10' });
    return this.pass(10);
  }

  shows(side: Side, shown: Shown, facts: ShownFacts = {}): Applied {
    return this.told(applyImage(this.link, this.image(side, shown, facts), this.context, this.ownTimes, this.now));
  }

  /** A read of the record by its id that begins a little later than all that is known. */
  reads(side: Side, shown: Shown, facts: ShownFacts = {}): Applied {
    return this.pass(10).shows(side, shown, { readById: true, ...facts });
  }

  /** The news that the record is deleted, as capture brings it: the system's own word, or what a read found. */
  deletes(side: Side, facts: { readonly revision?: string; readonly readById?: boolean; readonly kind?: 'deleted' | 'erased'; readonly from?: number } = {}): Applied {
    const applied = applyChange(this.link, {
      changeId: 'c', tenantId: this.link.tenantId, side, integrationId: side === 'external' ? this.link.integrationId : null, recordId: idOn(this.link, side) ?? '',
      kind: facts.kind ?? 'deleted', revision: facts.revision ?? null, image: {}, fieldTimes: {}, histories: {}, modifiedAt: null,
      observedFrom: facts.from ?? this.now, observedTo: this.now, readById: facts.readById ?? false, capture: 'read', references: {}, mergedIds: [], mergedInto: null,
    }, this.context, this.ownTimes, this.now);
    return this.told(applied);
  }

  /** Deliver reads the record by its id, a little later than all that is known, and finds it gone. */
  finds(side: Side, how: GoneHow): Applied {
    this.pass(10);
    const gone = applyGone(this.link, side, { how, by: 'read', observedFrom: this.now, observedTo: this.now, revision: null }, this.context, this.now);
    const decided = decideLink(gone, this.context, this.now);
    return this.told({ link: decided.link, groups: decided.groups, verdict: 'gone' });
  }

  /** The record went on into another one. */
  merges(side: Side, survivor: string): this {
    this.link = decideLink(repoint(this.link, side, survivor, this.now), this.context, this.now).link;
    return this;
  }

  /** The settle time passes, and the read after it finds the record gone as well. */
  settles(side: Side, how: GoneHow = 'deleted'): Applied {
    this.pass(this.context.deletes.settleMs);
    return this.finds(side, how);
  }

  /** What operate does after an operator's word. */
  decides(): this {
    const { link, groups } = decideLink(this.link, this.context, this.now);
    this.told({ link, groups, verdict: 'unchanged' });
    return this;
  }

  private told(applied: Applied): Applied {
    this.link = applied.link;
    this.verdicts.push(...applied.groups);
    return applied;
  }

  /** What deliver does when something is wanted on the side. */
  sends(side: Side, guard: Attempt['guard'] = null): Attempt {
    this.sent += 1;
    const work = planWork(this.link, this.context, this.now, `attempt-${this.sent}`);
    if ((work.kind !== 'write' && work.kind !== 'create' && work.kind !== 'remove') || work.side !== side) throw new Error(`no write to ${side} is due, but ${work.kind}`);
    const attempt = attemptOf(work, { sentAt: this.now, deadline: this.now + DEADLINE_MS, guard });
    this.link = { ...this.link, state: { ...this.link.state, attempts: [...this.link.state.attempts, attempt] } };
    return attempt;
  }

  /** The system's answer to a write: the record after it. */
  applied(attempt: Attempt, shown: Shown, facts: ShownFacts & { readonly readBack?: OutcomeFacts['readBack'] } = {}): Link {
    return this.answered(attempt.side, { kind: 'applied', attemptId: attempt.id, record: this.record(attempt.side, shown, facts) }, facts.readBack);
  }

  answered(side: Side, outcome: WriteOutcome, readBack?: OutcomeFacts['readBack']): Link {
    const told = applyOutcome(this.link, side, outcome, this.context, { now: this.now, jitter: 0, ...(readBack ? { readBack } : {}) });
    const decided = decideLink(told, this.context, this.now);
    this.link = decided.link;
    this.verdicts.push(...decided.groups);
    return this.link;
  }

  /** The answer never comes: time passes until the read that closes the attempt may begin. */
  loses(attempt: Attempt): this {
    return this.pass(attempt.deadline + CLOSING_MARGIN_MS - this.now);
  }

  group(name = 'company_name'): GroupState {
    return this.link.state.groups[name] ?? {};
  }

  /** `side:value` of what is to be written, or null. */
  wanted(name?: string): string | null {
    const { wanted } = this.group(name);
    return wanted ? `${wanted.side}:${wanted.values.join('|')}` : null;
  }

  conflicts(): readonly string[] {
    return this.verdicts.flatMap((verdict) => verdict.conflict ?? []);
  }

  record(side: Side, shown: Shown, facts: ShownFacts = {}): RecordImage {
    const { revision, image, fieldTimes, histories, modifiedAt, reference } = this.image(side, shown, facts);
    const key = side === 'bevatel' ? this.link.integrationId : 'bevatel';
    return { id: idOn(this.link, side) ?? `${side}-new`, revision, values: image, fieldTimes, histories, modifiedAt, references: reference === null ? {} : { [key]: reference }, mergedIds: [] };
  }

  /** What deliver reads after the answer of a write, where the system has histories. */
  readBack(side: Side, shown: Shown, facts: ShownFacts): NonNullable<OutcomeFacts['readBack']> {
    return { record: this.record(side, shown, facts), from: this.now, to: this.now };
  }

  image(side: Side, shown: Shown, facts: ShownFacts = {}): SideImage {
    const field = side === 'bevatel' ? 'company_name' : 'company';
    const values: Image = isImage(shown) ? shown : { [field]: shown };
    const time: FieldTime | null = facts.at === undefined ? null : { at: facts.at, actor: facts.actor ?? null };
    return {
      side,
      revision: this.context.capabilities[side].revisions === 'none' ? null : (facts.revision ?? null),
      image: values,
      fieldTimes: time ? Object.fromEntries(Object.keys(values).map((name) => [name, time])) : {},
      histories: facts.histories ?? (facts.history ? { [field]: facts.history } : {}),
      modifiedAt: facts.at ?? null,
      observedFrom: facts.from ?? this.now,
      observedTo: this.now,
      readById: facts.readById ?? false,
      reference: facts.reference === undefined ? idOn(this.link, otherSide(side)) : facts.reference,
    };
  }
}

function isImage(shown: Shown): shown is Image {
  return typeof shown === 'object' && shown !== null && !Array.isArray(shown);
}

/** A history entry; ours unless an actor is named. */
export function entry(value: string | null, at: number, actor: string | null = null): HistoryEntry {
  return { value, at, actor, ours: actor === null };
}
