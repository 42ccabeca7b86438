/**
 * One link between two simulated systems, driven as the services drive it (design §4–§6): images may come late, twice
 * and in any order; writes hang, land late, or lose their answers; deliver reads, guards, writes, reads back and closes.
 */
import type { GroupVerdict } from '../../schemas/decision.ts';
import { SyncError } from '../../schemas/errors.ts';
import type { UpdateOp } from '../../schemas/record.ts';
import type { Side } from '../../schemas/value.ts';
import { otherSide, SIDES } from '../../schemas/value.ts';
import { applyImage } from '../apply-change.ts';
import { NO_OWN_TIMES } from '../context.ts';
import type { LinkContext } from '../context.ts';
import { decideLink } from '../decide-link.ts';
import { dueOf } from '../due.ts';
import type { Attempt, Base, Link, Seen } from '../link.ts';
import { applyOutcome, recordImage } from '../outcome.ts';
import { attemptOf, planWork } from '../plan-work.ts';
import { SimulatedSystem } from './simulated-system.ts';
import type { Edit, Landing, Origin, Shown } from './simulated-system.ts';
import { NEW_LINK, START } from './story.ts';

export const GROUP = 'company_name';
const CALL_MS = 10_000;
const LEASE_MS = 12_000;

export interface Image {
  readonly side: Side;
  readonly shown: Shown;
  readonly readById: boolean;
}

/** A write on its way: it may have landed, and its answer may be awaited, lost or given. */
export interface Call {
  readonly attempt: Attempt;
  readonly op: UpdateOp;
  readonly source: Origin;
  /** The base as it was, and when the target was last read before the call. */
  readonly base: Base | undefined;
  readonly guardedAt: number;
  landing: Landing | null;
  outcome: 'sent' | 'landed' | 'moved';
  readBack: Shown | null;
  isAnswered: boolean;
  isLost: boolean;
}

export interface Said extends GroupVerdict {
  readonly at: number;
  readonly origins: Readonly<Record<Side, Origin>>;
}

export class World {
  readonly context: LinkContext;
  systems: Readonly<Record<Side, SimulatedSystem>>;
  link: Link = NEW_LINK;
  now = START;
  edits: Edit[] = [{ id: 0, side: 'bevatel', value: 'o', at: START }];
  /** Images that were published and not consumed. */
  inbox: Image[] = [];
  consumed: Image[] = [];
  calls: Call[] = [];
  said: Said[] = [];
  /** What deliver reads at present, with its lease; a guard read is followed by the write. */
  reading: { readonly image: Image; readonly isGuard: boolean } | null = null;
  /** Which edits the seen values contain. */
  seen: Record<Side, Origin>;
  private leaseUntil = 0;
  /** The external record as it was last captured; a change since is hinted at until it was read. */
  private captured: number;

  constructor(context: LinkContext, normalise: (value: string) => string = (value) => value) {
    this.context = context;
    const start = { edit: this.edits[0] as Edit, at: START };
    this.systems = {
      bevatel: new SimulatedSystem('bevatel', context.capabilities.bevatel, start, (value) => value),
      external: new SimulatedSystem('external', context.capabilities.external, start, normalise),
    };
    this.seen = { bevatel: this.systems.bevatel.origin, external: this.systems.external.origin };
    for (const side of SIDES) this.consume({ side, shown: this.systems[side].show(this.now), readById: false });
    this.captured = this.systems.external.version;
    this.now += 100;
  }

  /** The same world, to try what may happen next. */
  copy(): World {
    const { systems, edits, inbox, consumed, calls, said, seen } = this;
    return Object.assign(Object.create(World.prototype) as World, this, {
      systems: { bevatel: systems.bevatel.copy(), external: systems.external.copy() },
      edits: [...edits], inbox: [...inbox], consumed: [...consumed], calls: calls.map((call) => ({ ...call })), said: [...said], seen: { ...seen },
    });
  }

  edit(side: Side, value: string): void {
    const system = this.systems[side];
    if (system.value === value) return;
    this.now += 1;
    const edit = { id: this.edits.length, side, value, at: this.now };
    this.edits.push(edit);
    system.edit(edit);
    this.capture(side);
  }

  /** Bevatel's change data capture publishes every revision; the external system's hint is read some time. */
  private capture(side: Side): void {
    if (side === 'bevatel') this.inbox.push({ side, shown: this.systems.bevatel.show(this.now), readById: false });
  }

  /** Reads the external record for a hint or a poll, and publishes what it shows. */
  readHint(): void {
    this.captured = this.systems.external.version;
    this.inbox.push({ side: 'external', shown: this.systems.external.show(this.now), readById: true });
  }

  get isHinted(): boolean {
    return this.captured !== this.systems.external.version;
  }

  /** A listing shows the external record without its histories. */
  list(): void {
    const shown = this.systems.external.show(this.now);
    this.inbox.push({ side: 'external', shown: { ...shown, record: { ...shown.record, histories: {} } }, readById: false });
  }

  consume(image: Image): void {
    this.now += 1;
    this.consumed.push(image);
    const { record, at } = image.shown;
    const side = recordImage(record, image.side, 'crm', { from: at, to: at, readById: image.readById });
    const applied = applyImage(this.link, side, this.context, NO_OWN_TIMES, this.now);
    this.link = applied.link;
    if (this.link.state.seen[image.side]?.recordedAt === this.now) this.seen[image.side] = image.shown.origin;
    this.say(applied.groups);
  }

  get isDue(): boolean {
    const due = this.reading || this.now < this.leaseUntil ? null : dueOf(this.link, this.now);
    return due !== null && due.at <= this.now;
  }

  /** One step of deliver: what it begins waits in `reading` or `calls`. */
  work(): void {
    if (!this.isDue) return;
    const work = planWork(this.link, this.context, this.now, `a${this.calls.length}`);
    if (work.kind === 'none') return;
    if (work.kind === 'read') this.startRead(work.side, false);
    else if (work.kind !== 'write') throw new Error(`no ${work.kind} in this model`);
    else if (this.context.capabilities[work.side].conditionalWrites) this.call(work, null);
    else this.startRead(work.side, true);
  }

  private startRead(side: Side, isGuard: boolean): void {
    this.reading = { image: { side, shown: this.systems[side].show(this.now), readById: true }, isGuard };
  }

  /** The read that deliver awaits is here: folded at once, and the guarded write goes out if it is still wanted. */
  endRead(): void {
    if (!this.reading) return;
    const { image, isGuard } = this.reading;
    this.reading = null;
    this.consume(image);
    this.consumed.pop();
    if (!isGuard) return;
    const work = planWork(this.link, this.context, this.now, `a${this.calls.length}`);
    if (work.kind === 'write' && work.side === image.side) this.call(work, image.shown);
  }

  private call(work: { readonly kind: 'write'; readonly side: Side; readonly op: UpdateOp; readonly groups: Attempt['groups'] }, guard: Shown | null): void {
    const { field } = this.systems[work.side];
    const newest = guard?.record.histories[field]?.[0]?.at;
    const attempt = attemptOf(work, { sentAt: this.now, deadline: this.now + CALL_MS, guard: newest === undefined ? null : { [field]: newest } });
    this.link = { ...this.link, state: { ...this.link.state, attempts: [...this.link.state.attempts, attempt] } };
    this.leaseUntil = this.now + LEASE_MS;
    this.calls.push({
      attempt, op: work.op, source: this.seen[otherSide(work.side)], base: this.link.state.groups[GROUP]?.base,
      guardedAt: guard?.at ?? this.now, landing: null, outcome: 'sent', readBack: null, isAnswered: false, isLost: false,
    });
    this.now += 1;
  }

  land(call: Call): void {
    if (call.outcome !== 'sent') return;
    this.now += 1;
    const { side } = call.attempt;
    call.landing = this.systems[side].write(call.op.values[this.systems[side].field] ?? null, call.op.condition, call.source, this.now);
    call.outcome = call.landing ? 'landed' : 'moved';
    if (call.landing) this.capture(side);
  }

  /** The answer arrives; where there are histories the record is read back first, unless that read fails. */
  answer(call: Call, isReadBack: boolean): void {
    if (call.isAnswered || call.outcome === 'sent') return;
    const { side, id } = call.attempt;
    if (call.landing && isReadBack && this.context.capabilities[side].history && !call.readBack) {
      call.readBack = this.systems[side].show(this.now);
      return;
    }
    call.isAnswered = true;
    this.leaseUntil = 0;
    this.now += 1;
    const shown = call.landing?.shown ?? this.systems[side].show(this.now);
    const outcome = call.landing ? { kind: 'applied' as const, attemptId: id, record: shown.record } : { kind: 'moved' as const, attemptId: id, record: shown.record };
    const readBack = call.readBack ? { record: call.readBack.record, from: call.readBack.at, to: call.readBack.at } : null;
    const told = applyOutcome(this.link, side, outcome, this.context, { now: this.now, jitter: 0, ...(readBack ? { readBack } : {}) });
    this.traceSeen(side, told.state.seen[side], [shown, ...(call.readBack ? [call.readBack] : [])]);
    this.told(told);
  }

  /** Deliver gives up waiting: nobody knows what becomes of the write. */
  lose(call: Call): void {
    if (call.isAnswered) return;
    call.isAnswered = true;
    call.isLost = true;
    this.told(applyOutcome(this.link, call.attempt.side, { kind: 'unknown', attemptId: call.attempt.id, error: new SyncError('write_unanswered', 'silence') }, this.context, { now: this.now, jitter: 0 }));
  }

  private traceSeen(side: Side, after: Seen | undefined, candidates: readonly Shown[]): void {
    if (after?.recordedAt !== this.now) return;
    const { field } = this.systems[side];
    const match = candidates.toReversed().find((shown) => shown.record.values[field] === after?.values[field] && shown.record.revision === after?.revision)
      ?? candidates.find((shown) => shown.record.values[field] === after?.values[field]);
    if (match) this.seen[side] = match.origin;
  }

  private told(link: Link): void {
    const decided = decideLink(link, this.context, this.now);
    this.link = decided.link;
    this.say(decided.groups);
  }

  private say(groups: readonly GroupVerdict[]): void {
    for (const verdict of groups) this.said.push({ ...verdict, at: this.now, origins: { ...this.seen } });
  }

  pass(ms: number): void {
    this.now += ms;
  }

  /**
   * Nothing more happens but what must: every image arrives, hints are read, deliver works until nothing is due within
   * `patienceMs`. Writes whose answer was lost land or do not, as they did before. Returns whether it came to rest.
   */
  settle(patienceMs: number): boolean {
    for (let round = 1; round <= 60; round += 1) {
      for (const call of this.calls) {
        if (!call.isAnswered) this.land(call);
        while (!call.isAnswered) this.answer(call, true);
      }
      for (const image of this.inbox.splice(0)) this.consume(image);
      if (this.isHinted) this.readHint();
      this.pass(5);
      this.work();
      this.endRead();
      if (this.inbox.length > 0 || this.isHinted || this.calls.some((call) => !call.isAnswered)) continue;
      const due = dueOf(this.link, this.now);
      if (!due || due.at > this.now + patienceMs) return true;
      this.now = Math.max(this.now, due.at, this.leaseUntil);
    }
    return false;
  }
}
