/**
 * One link between two systems whose records come and go, driven as the services drive it: news comes late, twice and in
 * any order, answers are lost, removals and creations land late. What becomes of values alone is the other model's
 * (testing/world.ts).
 */
import { SyncError } from '../../schemas/errors.ts';
import type { ReadResult, WriteOutcome } from '../../schemas/record.ts';
import { otherSide, SIDES } from '../../schemas/value.ts';
import type { Side } from '../../schemas/value.ts';
import { applyChange, applyImage } from '../apply-change.ts';
import { NO_OWN_TIMES } from '../context.ts';
import type { LinkContext } from '../context.ts';
import { decideLink } from '../decide-link.ts';
import { CLOSING_MARGIN_MS, dueOf } from '../due.ts';
import { applyGone, isMadeAgain, replaced } from '../gone.ts';
import { idOn } from '../link.ts';
import type { Attempt, Link } from '../link.ts';
import { applyOutcome, createFound, createNotFound, recordImage } from '../outcome.ts';
import { attemptOf, planWork } from '../plan-work.ts';
import type { Doing } from '../plan-work.ts';
import { RemovableRecords } from './removable-records.ts';
import { NEW_LINK, START } from './story.ts';

const CALL_MS = 10_000;

/** What capture brings: a record as it was then, or that it was gone. */
export interface News {
  readonly side: Side;
  readonly id: string;
  readonly at: number;
  readonly found: ReadResult;
  readonly readById: boolean;
  /** The revision that the deletion made, where the system tells it of its own accord. */
  readonly revision: string | null;
}

export interface Call {
  readonly attempt: Attempt;
  readonly work: Exclude<Doing, { kind: 'merge' }>;
  /** When the target was last known to be as it was decided on. */
  readonly guardedAt: number;
  outcome: WriteOutcome | null;
  isClosed: boolean;
  isLost: boolean;
}

export class DeleteWorld {
  readonly context: LinkContext;
  readonly systems: Readonly<Record<Side, RemovableRecords>>;
  link: Link = NEW_LINK;
  now = START;
  readonly inbox: News[] = [];
  readonly consumed: News[] = [];
  readonly calls: Call[] = [];
  /** What people did. */
  readonly deeds = { edits: 0, deletions: 0, restores: 0 };
  /** Where we removed a record that was there. */
  readonly removals: Side[] = [];
  /** What was found wrong on the way. */
  readonly faults: string[] = [];
  /** What deliver reads at present: it saw the record at `at`. */
  private reading: { readonly side: Side; readonly id: string; readonly at: number; readonly found: ReadResult; readonly guards: boolean } | null = null;
  private captured: number;
  private version = 0;
  private editedAt: Record<Side, number> = { bevatel: 0, external: 0 };

  constructor(context: LinkContext, external: 'deleted' | 'not_found') {
    this.context = context;
    this.systems = {
      bevatel: new RemovableRecords('bevatel', context.capabilities.bevatel, 'deleted', START),
      external: new RemovableRecords('external', context.capabilities.external, external, START),
    };
    for (const side of SIDES) this.consume(this.newsOf(side, false));
    this.captured = this.version;
    this.now += 100;
  }

  // ── people ────────────────────────────────────────────────────────────────
  edit(side: Side): void {
    if (!this.systems[side].present.isThere) return;
    this.deeds.edits += 1;
    this.now += 1;
    this.editedAt[side] = this.now;
    this.systems[side].write(`e${this.deeds.edits}`, this.now, 'person');
    this.changed(side);
  }

  remove(side: Side): void {
    if (!this.systems[side].present.isThere) return;
    this.deeds.deletions += 1;
    this.now += 1;
    this.systems[side].remove(this.now);
    this.changed(side);
  }

  restore(side: Side): void {
    if (this.systems[side].present.isThere) return;
    this.deeds.restores += 1;
    this.now += 1;
    this.systems[side].restore(this.now);
    this.changed(side);
  }

  // ── capture ───────────────────────────────────────────────────────────────
  /** Bevatel tells every revision, its deletions with theirs; of the external record something is hinted at. */
  private changed(side: Side): void {
    if (side === 'bevatel') this.inbox.push(this.newsOf('bevatel', false));
    else this.version += 1;
  }

  private newsOf(side: Side, readById: boolean): News {
    const system = this.systems[side];
    const { id } = system.present;
    return { side, id, at: this.now, found: system.read(id), readById, revision: side === 'bevatel' ? system.revision() : null };
  }

  readHint(): void {
    this.captured = this.version;
    this.inbox.push(this.newsOf('external', true));
  }

  /** A listing shows what is there, and says nothing of what is not. */
  list(side: Side): void {
    if (this.systems[side].present.isThere) this.inbox.push(this.newsOf(side, false));
  }

  get isHinted(): boolean {
    return this.captured !== this.version;
  }

  /** News of a record that the link does not have (any more) is another link's, but for that which is being made again: it may be seen before its answer (services/reconcile/match-record.ts). */
  consume(news: News): void {
    this.now += 1;
    this.consumed.push(news);
    const { side, id, at, found, readById, revision } = news;
    if (idOn(this.link, side) !== id) {
      if (found.kind !== 'found' || !isMadeAgain(this.link, side)) return;
      this.link = replaced(this.link, side, id);
    }
    if (found.kind === 'found') this.link = applyImage(this.link, recordImage(found.record, side, 'crm', { from: at, to: at, readById }), this.context, NO_OWN_TIMES, this.now).link;
    else if (found.kind === 'gone') {
      this.link = applyChange(this.link, {
        changeId: 'c', tenantId: 'acme', side, integrationId: side === 'external' ? 'crm' : null, recordId: id, kind: 'deleted', revision, image: {}, fieldTimes: {}, histories: {},
        modifiedAt: null, observedFrom: at, observedTo: at, readById, capture: readById ? 'read' : 'cdc', references: {}, mergedIds: [], mergedInto: null,
      }, this.context, NO_OWN_TIMES, this.now).link;
    }
  }

  // ── deliver ───────────────────────────────────────────────────────────────
  private plan(): ReturnType<typeof planWork> {
    return planWork(this.link, this.context, this.now, `a${this.calls.length}`);
  }

  /** One step: what it begins waits in `reading` or `calls`. */
  work(): void {
    const due = dueOf(this.link, this.now);
    if (this.reading || !due || due.at > this.now || this.calls.some((call) => !call.isClosed)) return;
    const work = this.plan();
    switch (work.kind) {
      case 'none':
      case 'forget':
      // Nobody merges records in this model.
      case 'merge': return;
      case 'read': return this.startRead(work.side, work.id, false);
      case 'lookup': return this.lookUp(work.side, work.attempt);
      case 'create': return this.call(work, this.now);
      case 'write':
      case 'remove': return this.context.capabilities[work.side].conditionalWrites ? this.call(work, this.now) : this.startRead(work.side, work.op.id, true);
      default: return work satisfies never;
    }
  }

  private startRead(side: Side, id: string, guards: boolean): void {
    this.reading = { side, id, at: this.now, found: this.systems[side].read(id), guards };
  }

  endRead(): void {
    if (!this.reading) return;
    const { side, id, at, found, guards } = this.reading;
    this.reading = null;
    this.now += 1;
    if (idOn(this.link, side) !== id) return;
    if (found.kind === 'found') this.link = applyImage(this.link, recordImage(found.record, side, 'crm', { from: at, to: at, readById: true }), this.context, NO_OWN_TIMES, this.now).link;
    else if (found.kind === 'gone') this.told(applyGone(this.link, side, { how: found.how, by: 'read', observedFrom: at, observedTo: at, revision: null }, this.context, this.now));
    if (!guards) return;
    const work = this.plan();
    if ((work.kind === 'write' || work.kind === 'remove') && work.side === side) this.call(work, at);
  }

  private lookUp(side: Side, attempt: Attempt): void {
    const { present } = this.systems[side];
    this.now += 1;
    const isMade = present.isThere && present.id !== idOn(this.link, side);
    this.told(isMade ? createFound(this.link, side, attempt.id, this.systems[side].image(), this.context, this.now) : createNotFound(this.link, side, attempt.id, this.context));
  }

  private call(work: Call['work'], guardedAt: number): void {
    const attempt = attemptOf(work, { sentAt: this.now, deadline: this.now + CALL_MS, guard: null });
    this.link = { ...this.link, state: { ...this.link.state, attempts: [...this.link.state.attempts, attempt] } };
    this.calls.push({ attempt, work, guardedAt, outcome: null, isClosed: false, isLost: false });
    this.now += 1;
  }

  land(call: Call): void {
    if (call.outcome) return;
    this.now += 1;
    const { side } = call.work;
    const system = this.systems[side];
    const before = system.present.revision + Number(system.present.id.slice(1)) * 1_000;
    call.outcome = { attemptId: call.attempt.id, ...this.landed(call, system) };
    if (system.present.revision + Number(system.present.id.slice(1)) * 1_000 !== before) this.changed(side);
  }

  private landed({ work: { op }, guardedAt }: Call, system: RemovableRecords): DistributiveOmit<WriteOutcome, 'attemptId'> {
    if (op.kind === 'create') {
      // The reference has one living holder.
      if (system.present.isThere) return { kind: 'exists', id: system.present.id, byReference: true };
      system.create(op.values[system.field] ?? null, op.reference, this.now);
      return { kind: 'applied', record: system.image() };
    }
    if (!system.isThere(op.id)) return op.kind === 'remove' ? { kind: 'removed' } : { kind: 'gone', how: 'deleted', mergedInto: null };
    if (op.condition !== null && op.condition !== system.revision()) return { kind: 'moved', record: system.image() };
    if (op.kind === 'remove') {
      this.judgeRemoval(system, guardedAt);
      this.removals.push(system.side);
      system.remove(this.now);
      return { kind: 'removed' };
    }
    const value = op.values[system.field];
    if (typeof value === 'string') system.write(value, this.now, null);
    if (op.reference !== null) system.refer(op.reference, this.now);
    return { kind: 'applied', record: system.image() };
  }

  /** I2: under `edit_wins` nothing is removed that the other side never had, unless it came in the blind window. */
  private judgeRemoval({ present, side }: RemovableRecords, guardedAt: number): void {
    const isBlind = this.editedAt[side] >= guardedAt;
    if (this.context.deletes.versusEdit === 'edit_wins' && !isBlind && !this.systems[otherSide(side)].held.has(present.value)) this.faults.push(`I2: ${present.value} was removed`);
  }

  answer(call: Call): void {
    if (call.isClosed || !call.outcome) return;
    call.isClosed = true;
    this.now += 1;
    const { side } = call.attempt;
    const readBack = call.outcome.kind === 'applied' && call.work.kind === 'write' && this.context.capabilities[side].history ? this.systems[side].read(call.work.op.id) : null;
    this.told(applyOutcome(this.link, side, call.outcome, this.context, { now: this.now, jitter: 0, ...(readBack?.kind === 'found' ? { readBack: { record: readBack.record, from: this.now, to: this.now } } : {}) }));
  }

  /** Deliver gives up waiting: nobody knows what becomes of the call. */
  lose(call: Call): void {
    if (call.isClosed) return;
    call.isClosed = true;
    call.isLost = true;
    this.told(applyOutcome(this.link, call.attempt.side, { kind: 'unknown', attemptId: call.attempt.id, error: new SyncError('write_unanswered', 'silence') }, this.context, { now: this.now, jitter: 0 }));
  }

  private told(link: Link): void {
    this.link = decideLink(link, this.context, this.now).link;
  }

  pass(ms: number): void {
    this.now += ms;
  }

  /** Nothing more happens but what must, until nothing is due within `patienceMs`; whether it came to rest. */
  settle(patienceMs: number): boolean {
    for (let round = 1; round <= 80; round += 1) {
      for (const call of this.calls.filter(({ isClosed }) => !isClosed)) {
        this.land(call);
        this.answer(call);
      }
      for (const news of this.inbox.splice(0)) this.consume(news);
      if (this.isHinted) this.readHint();
      this.pass(5);
      this.work();
      this.endRead();
      if (this.inbox.length > 0 || this.isHinted || this.calls.some(({ isClosed }) => !isClosed)) continue;
      const due = dueOf(this.link, this.now);
      if (!due || due.at > this.now + patienceMs) return true;
      this.now = Math.max(this.now, due.at + CLOSING_MARGIN_MS);
    }
    return false;
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
