/**
 * Admission: what of the planned work may go out now (design §5.4, I9). Nothing goes out in a dry run; the first records
 * only while the canary is not approved; and what could do damage in numbers is held, as one change-set per kind, when
 * more records do the same within the window than the integration allows; more of the same waits with it.
 *
 * It runs in the transaction that would record the attempts, under a lock of the integration, so that two workers cannot
 * each let half of a flood through. Ordinary edits cost nothing here: only risky work asks the database.
 */
import { createHash } from 'node:crypto';
import { risksOf, withGuarded } from '../../domain/guards.ts';
import type { Risk, RiskKind } from '../../domain/guards.ts';
import type { Link } from '../../domain/link.ts';
import type { Work } from '../../domain/plan-work.ts';
import type { Transaction } from '../../runtime/database.ts';
import type { RiskLimit } from '../../schemas/integration.ts';
import type { Lane } from '../../schemas/value.ts';
import { addItems, approvedItems, countOthers, countPairs, isCanaryApproved, itemName, lockRisks, openChangeSet, recordRisks, waitingKinds } from '../../store/change-sets.ts';
import type { RiskItem } from '../../store/change-sets.ts';
import type { KnownIntegration } from '../../store/integration-book.ts';
import { SameValues } from './same-values.ts';

export interface Candidate {
  readonly link: Link;
  readonly lane: Lane;
  readonly work: Work;
}

export interface AdmissionDeps {
  readonly clock: () => number;
  readonly newId: () => string;
}

/** Shares say little of a handful: they count from so many records on. */
const SHARE_FROM = 10;
const PAIRS_KNOWN_MS = 60_000;

const LIMIT_OF: Readonly<Record<RiskKind, 'deletes' | 'blankings' | 'sameValue' | 'creates' | 'merges'>> = {
  delete: 'deletes', blanking: 'blankings', same_value: 'sameValue', create: 'creates', merge: 'merges',
};

interface Counted extends Risk {
  readonly link: Link;
}

export class Admission {
  readonly #deps: AdmissionDeps;
  readonly #sameValues = new SameValues();
  readonly #pairs = new Map<string, { readonly pairs: number; readonly at: number }>();

  constructor(deps: AdmissionDeps) {
    this.#deps = deps;
  }

  /** The links of which something is held now, marked; what is left of their work is planned anew. */
  async hold(transaction: Transaction, known: KnownIntegration, candidates: readonly Candidate[]): Promise<ReadonlyMap<string, Link>> {
    const now = this.#deps.clock();
    const risks = candidates.flatMap(({ link, lane, work }) => this.#counted(known, link, risksOf(link, work, lane, known.context, fingerprint), now));
    if (risks.length === 0) return new Map();
    lockRisks(transaction, known);
    const since = now - known.integration.guards.windowMs;
    const approved = await approvedItems(transaction, known, risks.map(itemOf));
    const open = risks.filter((risk) => !approved.has(itemName(itemOf(risk))));
    const [others, waiting] = await Promise.all([countOthers(transaction, known, open.map(eventOf), since), waitingKinds(transaction, known, open.map(eventOf))]);
    const held = new Map<string, Link>();
    const passed: Counted[] = [];
    for (const [name, alike] of Map.groupBy(open, ({ kind, key }) => `${kind} ${key}`)) {
      const counted = (others.get(name) ?? 0) + new Set(alike.map(({ link }) => link.linkId)).size;
      const allowed = await this.#allowed(transaction, known, alike[0]?.kind ?? 'create', now);
      if (counted <= allowed && !waiting.has(name)) passed.push(...alike);
      else await this.#holdAlike(transaction, known, alike, { counted, allowed }, held, now);
    }
    recordRisks(transaction, known, passed.map(eventOf), now, since);
    return held;
  }

  /** Risks that are worth counting: not switched off, and of values only those that come again and again. */
  #counted(known: KnownIntegration, link: Link, risks: readonly Risk[], now: number): Counted[] {
    const { guards } = known.integration;
    return risks.filter((risk) => guards[LIMIT_OF[risk.kind]] !== 'off' && (risk.kind !== 'same_value' || this.#sameValues.isFrequent(`${known.tenantId}/${known.integrationId}/${risk.key}`, guards.sameValue, guards.windowMs, now)))
      .map((risk) => ({ ...risk, link }));
  }

  async #holdAlike(transaction: Transaction, known: KnownIntegration, alike: readonly Counted[], numbers: { readonly counted: number; readonly allowed: number }, held: Map<string, Link>, now: number): Promise<void> {
    const [{ kind, key }] = alike as [Counted];
    const changeSet = await openChangeSet(transaction, known, { kind, riskKey: key, ...numbers }, this.#deps.newId(), now);
    addItems(transaction, known, changeSet, alike.map(itemOf));
    for (const risk of alike) held.set(risk.link.linkId, withGuarded(held.get(risk.link.linkId) ?? risk.link, [risk], changeSet));
  }

  async #allowed(transaction: Transaction, known: KnownIntegration, kind: RiskKind, now: number): Promise<number> {
    const limit: RiskLimit = known.integration.guards[LIMIT_OF[kind]];
    if (limit === 'off') return Infinity;
    if (limit.share === undefined) return limit.count;
    return Math.min(limit.count, Math.max(SHARE_FROM, Math.floor(limit.share * await this.#pairsOf(transaction, known, now))));
  }

  async #pairsOf(transaction: Transaction, known: KnownIntegration, now: number): Promise<number> {
    const key = `${known.tenantId}/${known.integrationId}`;
    const remembered = this.#pairs.get(key);
    if (remembered && remembered.at > now - PAIRS_KNOWN_MS) return remembered.pairs;
    const pairs = await countPairs(transaction, known);
    this.#pairs.set(key, { pairs, at: now });
    return pairs;
  }

  /** How many more records may be written before the canary is approved; all of them when there is none. */
  async canaryLeft(transaction: Transaction, known: KnownIntegration, linkIds: readonly string[]): Promise<number> {
    const { canary } = known.integration;
    if (canary === undefined || known.canaryFor === known.appliedAt || linkIds.length === 0) return Infinity;
    const now = this.#deps.clock();
    const riskKey = String(known.appliedAt);
    lockRisks(transaction, known);
    if (await isCanaryApproved(transaction, known, known.appliedAt)) return Infinity;
    const others = await countOthers(transaction, known, linkIds.map((linkId) => ({ kind: 'canary', riskKey, linkId })), 0);
    const left = Math.max(0, canary - (others.get(`canary ${riskKey}`) ?? 0));
    if (left < linkIds.length) await openChangeSet(transaction, known, { kind: 'canary', riskKey, counted: canary, allowed: canary }, this.#deps.newId(), now);
    recordRisks(transaction, known, linkIds.slice(0, left).map((linkId) => ({ kind: 'canary', riskKey, linkId })), now, 0);
    return left;
  }
}

/** Of what is to be written; twelve characters tell any two of a change-set apart. */
function fingerprint(content: unknown): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('base64url').slice(0, 12);
}

function itemOf({ link, group, fingerprint: print }: Counted): RiskItem {
  return { linkId: link.linkId, group: group ?? '', fingerprint: print };
}

function eventOf({ kind, key, link }: Counted): { kind: RiskKind; riskKey: string; linkId: string } {
  return { kind, riskKey: key, linkId: link.linkId };
}

