/** Tells a broken promise as a story: what people did, what went wrong, what the product wrote and decided, in its order. */
import type { Fact } from './journal.ts';
import type { DecisionRow, Evidence, Finding, GroupWord } from './oracle/evidence.ts';
import type { Image } from '../schemas/value.ts';
import { START_AT } from './world/world.ts';

const SAYS_NOTHING_NEW: ReadonlySet<string> = new Set(['echo', 'duplicate', 'stale', 'read_again', 'unchanged']);

interface Line {
  readonly at: number;
  readonly text: string;
}

/** The story of one person's records; without one, of everything. */
export function storyOf(evidence: Evidence, person: Finding['person'], { withReads = false, startAt = START_AT } = {}): string[] {
  const records = new Set(evidence.records.filter((record) => person === null || record.person === person).map(({ system, id }) => `${system}/${id}`));
  const links = new Set(evidence.links.filter((link) => records.has(`bevatel/${link.bevatel_id}`) || records.has(`${link.integration_id}/${link.external_id}`)).map(({ link_id: id }) => id));
  const facts = evidence.journal.filter((fact) => (withReads || (fact.kind !== 'read' && fact.kind !== 'sent')) && (fact.kind === 'trouble' || records.has(`${fact.system}/${fact.record}`)));
  const decisions = evidence.decisions.filter((decision) => links.has(decision.link_id) && (decision.groups.length > 0 || !SAYS_NOTHING_NEW.has(decision.verdict)));
  const lines: Line[] = [...facts.map((fact) => ({ at: fact.at, text: tellFact(fact, startAt) })), ...decisions.flatMap(tellDecision)];
  return lines.toSorted((a, b) => a.at - b.at).map(({ at, text }) => `${clock(at - startAt)}  ${text}`);
}

/** `since` the start (ms). */
function clock(since: number): string {
  return `+${(since / 1_000).toFixed(3)}`.padStart(11);
}

function tellFact(fact: Fact, startAt: number): string {
  const where = `${fact.system}/${fact.record}`.padEnd(14);
  switch (fact.kind) {
    case 'created': return `${where} ${fact.deed === null ? `is created by the product for ${fact.reference}` : 'is created by a person'}: ${image(fact.typed)}${differs(fact.typed, fact.values)}`;
    case 'edited': return `${where} ${fact.actor} types ${image(fact.typed)}${differs(fact.typed, fact.values)} (deed ${fact.deed})`;
    case 'written': return `${where} the product's write ${fact.attempt} lands: ${image(fact.sent)}${differs(fact.sent, fact.values)}${fact.reference === null ? '' : ` with reference ${fact.reference}`} (sent ${clock(fact.sentAt - startAt).trim()})`;
    case 'sent': return `${where} the product sends the write ${fact.attempt}: ${image(fact.values)}`;
    case 'read': return `${where} is read by ${fact.by}${fact.asOf === fact.at ? '' : `, as it was ${clock(fact.asOf - startAt).trim()}`}`;
    case 'deleted':
    case 'restored':
    case 'erased': return `${where} is ${fact.kind} by a person (deed ${fact.deed})`;
    case 'unheard': return `${where} nobody is told`;
    case 'removed': return `${where} is ${fact.way}d by the product's ${fact.attempt} (sent ${clock(fact.sentAt - startAt).trim()})`;
    case 'merged': return `${where} is merged into ${fact.into} by ${fact.deed === null ? 'the product' : `a person (deed ${fact.deed})`}`;
    case 'trouble': return `${fact.system === '' ? '' : `${fact.system}: `}* ${fact.what}`;
    default: return fact satisfies never;
  }
}

function tellDecision(decision: DecisionRow): Line[] {
  const at = Number(decision.decided_at);
  const about = `decided for ${decision.bevatel_id ?? '?'}–${decision.external_id ?? '?'}`;
  if (decision.groups.length === 0) return [{ at, text: `  ${about}: ${decision.verdict} (${decision.cause} ${decision.cause_id})` }];
  return decision.groups.map((word) => ({ at, text: `  ${about}: ${tellWord(word)} (${decision.cause})` }));
}

function tellWord({ group, verdict, rule, conflict, bevatel, external, base, writeTo, write }: GroupWord): string {
  const pair = bevatel && external ? ` of ${JSON.stringify(bevatel)} and ${JSON.stringify(external)}` : '';
  return `${group} ${verdict} by ${rule}${conflict ? ` (${conflict})` : ''}${pair}${base ? `, base ${JSON.stringify(base)}` : ''}${writeTo ? ` → ${writeTo}: ${JSON.stringify(write)}` : ''}`;
}

function image(values: Image): string {
  return Object.entries(values).map(([field, value]) => `${field} = ${JSON.stringify(value)}`).join(', ');
}

/** What the system made of it, where that is another thing. */
function differs(typed: Image, kept: Image): string {
  const changed = Object.entries(kept).filter(([field, value]) => JSON.stringify(typed[field] ?? null) !== JSON.stringify(value));
  return changed.length === 0 ? '' : `, kept as ${image(Object.fromEntries(changed))}`;
}
