/**
 * Links that took a record's id which another link has: the records are one, so that the links cannot stay two (I4).
 *
 * A one-sided link of a record that was made or found is absorbed, a pair is a possible duplicate for an operator. Where the
 * id changed by a merge, domain/merge.ts says what becomes of both; and the old id leads to the new one from then on.
 */
import { decideLink } from '../../domain/decide-link.ts';
import { idOn, withId } from '../../domain/link.ts';
import type { Link } from '../../domain/link.ts';
import { mergeLinks } from '../../domain/merge.ts';
import type { Transaction } from '../../runtime/database.ts';
import type { ContactDecision, GroupVerdict } from '../../schemas/decision.ts';
import { otherSide, SIDES } from '../../schemas/value.ts';
import type { Side } from '../../schemas/value.ts';
import type { KnownIntegration } from '../../store/integration-book.ts';
import { lockLinks } from '../../store/links.ts';
import type { StoredLink } from '../../store/links.ts';
import { readRedirects } from '../../store/redirects.ts';
import type { KnownRedirects } from '../../store/redirects.ts';
import type { Result } from './record.ts';

/** A link that a result was applied to. */
export interface Written {
  readonly stored: StoredLink;
  readonly link: Link;
  readonly result: Result;
  readonly said: readonly GroupVerdict[];
}

export interface SettledIdentities {
  /** What is left of the links that results were applied to. */
  readonly writes: readonly Written[];
  /** Other links that stand otherwise because of it, decided. */
  readonly others: readonly { readonly stored: StoredLink; readonly link: Link }[];
  readonly ended: readonly Link[];
  /** What was decided of links that ended by a merge, and of the survivors'. */
  readonly merged: readonly MergeVerdict[];
}

interface MergeVerdict {
  readonly link: Link;
  readonly side: Side;
  readonly groups: readonly GroupVerdict[];
}

interface Taken {
  readonly write: Written;
  readonly side: Side;
  readonly id: string;
  /** The id that it had, where it went on into the new one by a merge. */
  readonly mergedFrom: string | null;
}

export async function settleIdentities(transaction: Transaction, known: KnownIntegration, writes: readonly Written[], now: number): Promise<SettledIdentities> {
  const taken = writes.flatMap((write) => SIDES.flatMap((side) => takenOn(write, side, now)));
  if (taken.length === 0) return { writes, others: [], ended: [], merged: [] };
  const ids = taken.flatMap((one) => [one.id, ...mergedInto(one.write, one.side)].map((recordId) => ({ tenantId: known.tenantId, integrationId: one.side === 'bevatel' ? null : known.integrationId, side: one.side, recordId })));
  const holders = (await lockLinks(transaction, ids)).filter(({ link }) => link.integrationId === known.integrationId);
  const settling = new Settling(known, writes, holders, now);
  const redirects = await redirectsOf(transaction, known, taken, holders);
  for (const one of taken) settling.settle(one, redirects);
  redirects.save(transaction, now);
  return settling.result();
}

function takenOn(write: Written, side: Side, now: number): readonly Taken[] {
  const [before, id] = [idOn(write.stored.link, side), idOn(write.link, side)];
  if (id === null || id === before) return [];
  return [{ write, side, id, mergedFrom: write.link.state.merged === now ? before : null }];
}

/** The record that ours was to be merged into, which the system may have given another id. */
function mergedInto({ stored, result }: Written, side: Side): readonly string[] {
  const attempt = result.kind === 'written' && result.outcome.kind === 'merged' ? stored.link.state.attempts.find(({ id }) => id === result.outcome.attemptId) : undefined;
  return attempt?.side === side && attempt.into !== undefined ? [attempt.into] : [];
}

function redirectsOf(transaction: Transaction, { tenantId, integrationId }: KnownIntegration, taken: readonly Taken[], holders: readonly StoredLink[]): Promise<KnownRedirects> {
  const merges = taken.filter(({ mergedFrom }) => mergedFrom !== null);
  if (merges.length === 0) return readRedirects(transaction, []);
  const own = merges.flatMap(({ write, side, id, mergedFrom }) => [id, mergedFrom ?? id, ...mergedInto(write, side)].map((one) => ({ tenantId, integrationId, side, id: one })));
  const links = [...merges.map(({ write }) => write.link), ...holders.map(({ link }) => link)];
  const partners = links.flatMap((link) => SIDES.flatMap((side) => {
    const id = idOn(link, side);
    return id === null ? [] : [{ tenantId, integrationId, side, id }];
  }));
  return readRedirects(transaction, [...own, ...partners]);
}

/** All links that are concerned, changed one after the other. */
class Settling {
  readonly #known: KnownIntegration;
  readonly #now: number;
  readonly #writes: readonly Written[];
  readonly #holders: readonly StoredLink[];
  readonly #current = new Map<string, Link>();
  readonly #ended = new Map<string, Link>();
  readonly #firstToTake = new Map<string, string>();
  readonly #said = new Map<string, GroupVerdict[]>();
  readonly #merged: MergeVerdict[] = [];

  constructor(known: KnownIntegration, writes: readonly Written[], holders: readonly StoredLink[], now: number) {
    this.#known = known;
    this.#now = now;
    this.#writes = writes;
    this.#holders = holders;
    for (const { link } of holders) this.#current.set(link.linkId, link);
    for (const { link } of writes) this.#current.set(link.linkId, link);
  }

  settle(taken: Taken, redirects: KnownRedirects): void {
    if (this.#ended.has(taken.write.link.linkId)) return;
    if (taken.mergedFrom !== null) this.#settleMerge(taken, taken.mergedFrom, redirects);
    else this.#settleTaken(taken);
  }

  result(): SettledIdentities {
    const writes = this.#writes.filter(({ link }) => !this.#ended.has(link.linkId))
      .map((write) => ({ ...write, link: this.#current.get(write.link.linkId) ?? write.link, said: [...write.said, ...this.#said.get(write.link.linkId) ?? []] }));
    const written = new Set(this.#writes.map(({ link }) => link.linkId));
    const others = this.#holders.filter(({ link }) => !written.has(link.linkId) && !this.#ended.has(link.linkId)).flatMap((stored) => {
      const link = this.#current.get(stored.link.linkId) ?? stored.link;
      return link === stored.link ? [] : [{ stored, link: decideLink(link, this.#known.context, this.#now).link }];
    });
    return { writes, others, ended: [...this.#ended.values()], merged: this.#merged };
  }

  #settleMerge({ write, side, id }: Taken, from: string, redirects: KnownRedirects): void {
    const { tenantId, integrationId, context } = this.#known;
    const key = { tenantId, integrationId, side };
    const loser = withId(this.#current.get(write.link.linkId) ?? write.link, side, from);
    const [into] = mergedInto(write, side);
    const survivor = this.#holderOf(side, [id, ...(into === undefined ? [] : [into])], write.link.linkId);
    redirects.learn({ ...key, id: from, into: id });
    if (into !== undefined && into !== id) redirects.learn({ ...key, id: into, into: id });
    const moved = survivor && idOn(survivor, side) !== id ? withId(survivor, side, id) : survivor;
    const merged = mergeLinks(loser, moved, { side, into: id, redirects: redirects.of({ tenantId, integrationId, side: otherSide(side) }), context, now: this.#now });
    this.#put(write.link, merged.loser);
    if (survivor) this.#put(survivor, merged.survivor);
    if (merged.loser) this.#said.set(write.link.linkId, [...merged.groups]);
    else if (merged.survivor) this.#merged.push({ link: merged.survivor, side, groups: merged.groups });
  }

  #settleTaken({ write, side, id }: Taken): void {
    const name = `${side}/${id}`;
    const rivalId = this.#firstToTake.get(name);
    if (rivalId === undefined) this.#firstToTake.set(name, write.link.linkId);
    const rival = rivalId === undefined ? null : this.#current.get(rivalId) ?? null;
    const holder = rival ?? this.#holderOf(side, [id], write.link.linkId);
    if (!holder) return;
    const isOneSided = !rival && (holder.bevatelId === null || holder.externalId === null);
    if (isOneSided) this.#put(holder, null);
    const link = this.#current.get(write.link.linkId) ?? write.link;
    this.#current.set(link.linkId, isOneSided ? absorb(link, holder, side) : asDuplicate(write.stored.link, holder, link, this.#now));
  }

  #holderOf(side: Side, ids: readonly string[], except: string): Link | null {
    for (const id of ids) {
      const found = [...this.#current.values()].find((link) => link.linkId !== except && idOn(link, side) === id && !this.#ended.has(link.linkId));
      if (found) return found;
    }
    return null;
  }

  #put(before: Link, after: Link | null): void {
    if (after) this.#current.set(before.linkId, after);
    else this.#ended.set(before.linkId, before);
  }
}

/** What was seen of the record under its one-sided link is older than our own answer; only an unread record takes it over. */
function absorb(link: Link, holder: Link, side: Side): Link {
  const seen = link.state.seen[side] ?? holder.state.seen[side];
  return seen ? { ...link, state: { ...link.state, seen: { ...link.state.seen, [side]: seen } } } : link;
}

/** Two links want one record, as two contacts with one e-mail address do: the later keeps what it was, a wish to read the other's record aside, and waits for an operator. */
function asDuplicate(before: Link, holder: Link, after: Link, now: number): Link {
  const { create: _create, readDue: _readDue, ...state } = after.state;
  const { readDue } = before.state;
  return { ...before, state: { ...state, ...(readDue ? { readDue } : {}), attempts: [], hold: { kind: 'possible_duplicate', since: now, candidates: [holder.linkId], rule: 'taken' } } };
}

export function mergeDecision({ link, side, groups }: MergeVerdict, decisionId: string, now: number): ContactDecision {
  const { tenantId, integrationId, linkId, bevatelId, externalId } = link;
  return { decisionId, tenantId, integrationId, linkId, bevatelId, externalId, causeId: linkId, cause: 'change', side, verdict: 'linked', groups, decidedAt: now };
}
