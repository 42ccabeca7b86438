/**
 * Lineage: which edits stand behind each value that a record ever had. An edit holds what its author saw on that record;
 * a write of the product holds what its source held when it was sent. Where a value could come from several states of its
 * source, all of them count, and sides that show the same at one moment share what they hold: the oracle errs on the
 * product's side.
 */
import type { Created, Edited, Fact, Merged, Sent, SystemName, Written } from '../journal.ts';
import { GROUPS } from '../schedule/groups.ts';
import type { Group } from '../schedule/groups.ts';
import type { Image } from '../../schemas/value.ts';
import type { Evidence } from './evidence.ts';
import { meaningOf } from './meaning.ts';
import type { Meaning } from './meaning.ts';

/** One edit of one group by a person or an automation. */
export interface Edit {
  readonly id: number;
  readonly at: number;
  readonly clockAt: number;
  readonly system: SystemName;
  readonly record: string;
  readonly group: Group;
  readonly meaning: Meaning;
  readonly deed: number;
}

/** A value that stood in a group of a record, from `at` to the next one. */
export interface Standing {
  readonly at: number;
  readonly meaning: Meaning;
  /** The edit that made it; null for a write of the product. */
  readonly edit: Edit | null;
  readonly write: Written | Created | null;
  /** What the product sent, where a write made it. */
  readonly sent: Meaning | null;
  /** The states of its source that the write may carry; empty when no state explains it. */
  readonly sources: readonly Source[];
  readonly holds: ReadonlySet<number>;
}

/** A state of a record's group, by its place in the history. */
export interface Source extends Place {
  readonly index: number;
  /** Since when it stood. */
  readonly at: number;
}

export interface Place {
  readonly system: SystemName;
  readonly record: string;
}

/** A value that was on its way to a group of a record. */
export type Sending = Pick<Edit, 'at' | 'system' | 'record' | 'group' | 'meaning'>;

export class Lineage {
  readonly edits: Edit[] = [];
  readonly sendings: Sending[] = [];
  readonly #standings = new Map<string, Standing[]>();
  readonly #raw = new Map<string, Image>();
  readonly #persons = new Map<string, string>();
  /** `integration/external id` → Bevatel ids, for all pairs that there ever were. */
  readonly #bevatelOf = new Map<string, Set<string>>();
  /** `integration/Bevatel id` → external ids. */
  readonly #externalOf = new Map<string, Set<string>>();

  readonly #integrations: readonly string[];

  constructor({ journal, links, decisions, schedule }: Evidence) {
    this.#integrations = Object.keys(schedule.dials.systems);
    for (const fact of journal) this.#pairUp(fact);
    for (const { integration_id: integration, bevatel_id: bevatel, external_id: external } of [...decisions, ...links]) {
      if (bevatel !== null && external !== null) this.#pair(integration, bevatel, external);
    }
    for (const fact of journal) this.#tell(fact);
  }

  standings(system: SystemName, record: string, group: Group): readonly Standing[] {
    return this.#standings.get(keyOf(system, record, group)) ?? [];
  }

  standingOf({ system, record, index }: Source, group: Group): Standing | undefined {
    return this.standings(system, record, group)[index];
  }

  personOf(system: SystemName, record: string): string | null {
    return this.#persons.get(`${system}/${record}`) ?? null;
  }

  /** The partners that the record ever had in the integration. */
  partners(system: SystemName, record: string, integration: string): readonly Place[] {
    const ids = system === 'bevatel' ? this.#externalOf.get(`${integration}/${record}`) : this.#bevatelOf.get(`${integration}/${record}`);
    return [...(ids ?? [])].map((id) => ({ system: system === 'bevatel' ? integration : 'bevatel', record: id }));
  }

  /** Its partners in all integrations, and theirs. */
  around({ system, record }: Place): readonly Place[] {
    const of = (place: Place): Place[] => this.#integrations.flatMap((integration) => this.partners(place.system, place.record, integration));
    const partners = of({ system, record });
    return [...partners, ...partners.flatMap(of)];
  }

  #pairUp(fact: Fact): void {
    if ((fact.kind !== 'created' && fact.kind !== 'written') || fact.reference === null) return;
    const { integration } = fact;
    if (integration === null) return;
    if (fact.system === 'bevatel') this.#pair(integration, fact.record, fact.reference);
    else this.#pair(integration, fact.reference, fact.record);
  }

  #pair(integration: string, bevatel: string, external: string): void {
    add(this.#bevatelOf, `${integration}/${external}`, bevatel);
    add(this.#externalOf, `${integration}/${bevatel}`, external);
  }

  #tell(fact: Fact): void {
    switch (fact.kind) {
      case 'created': return this.#created(fact);
      case 'edited': return this.#edited(fact);
      case 'written': return this.#wrote(fact, fact.integration, { ...this.#rawOf(fact), ...fact.sent }, fact.values);
      case 'merged': return this.#merged(fact);
      case 'sent': return this.#sent(fact);
      case 'read':
      case 'deleted':
      case 'restored':
      case 'erased':
      case 'unheard':
      case 'removed':
      case 'trouble': return;
      default: return fact satisfies never;
    }
  }

  #sent(fact: Sent): void {
    for (const group of touched(fact.system, fact.values)) {
      this.sendings.push({ at: fact.at, system: fact.system, record: fact.record, group, meaning: meaningOf(group, sideOf(fact.system), { ...this.#rawOf(fact), ...fact.values }) });
    }
  }

  #created(fact: Created): void {
    this.#persons.set(`${fact.system}/${fact.record}`, fact.person);
    if (fact.deed === null) this.#wrote(fact, fact.integration ?? '', fact.typed, fact.values);
    else this.#changed(fact, fact.values, fact.deed, fact.at);
  }

  #edited(fact: Edited): void {
    this.#changed(fact, fact.values, fact.deed, fact.clockAt);
  }

  /** Somebody saw the record and typed: what stood there is held by what stands there now. */
  #changed(fact: Created | Edited, values: Image, deed: number, clockAt: number): void {
    const raw = { ...this.#rawOf(fact), ...values };
    this.#raw.set(`${fact.system}/${fact.record}`, raw);
    for (const group of touched(fact.system, values)) {
      const meaning = meaningOf(group, sideOf(fact.system), raw);
      const before = this.standings(fact.system, fact.record, group).at(-1);
      // Nobody has typed what a new record does not have.
      if ((before?.meaning ?? '') === meaning) continue;
      const edit: Edit = { id: this.edits.length, at: fact.at, clockAt, system: fact.system, record: fact.record, group, meaning, deed };
      this.edits.push(edit);
      this.#stand(edit.system, edit.record, group, { at: fact.at, meaning, edit, write: null, sent: null, sources: [], holds: new Set([...(before?.holds ?? []), edit.id]) });
    }
  }

  #wrote(fact: Written | Created, integration: string, sent: Image, values: Image): void {
    const raw = { ...this.#rawOf(fact), ...values };
    this.#raw.set(`${fact.system}/${fact.record}`, raw);
    const side = sideOf(fact.system);
    for (const group of touched(fact.system, values)) {
      const before = this.standings(fact.system, fact.record, group).at(-1);
      const meant = meaningOf(group, side, sent);
      const { sources, holds } = this.#sourcesOf(fact, integration, group, meant, fact.sentAt);
      const meaning = meaningOf(group, side, raw);
      this.#stand(fact.system, fact.record, group, {
        at: fact.at, meaning, edit: null, write: fact, sent: meant, sources, holds: new Set([...holds, ...(before?.meaning === meaning ? before.holds : [])]),
      });
    }
  }

  #sourcesOf(fact: Written | Created, integration: string, group: Group, meant: Meaning, sentAt: number): { sources: Source[]; holds: Set<number> } {
    const partners = this.partners(fact.system, fact.record, integration);
    // What is made again has what its former record had.
    const former = fact.kind === 'created' ? partners.flatMap((partner) => this.partners(partner.system, partner.record, integration)).filter(({ record }) => record !== fact.record) : [];
    const sources = [...partners, ...former].flatMap(({ system, record }) => this.standings(system, record, group)
      .flatMap(({ at, meaning }, index): Source[] => (at <= sentAt && meaning === meant ? [{ system, record, index, at }] : [])));
    return { sources, holds: new Set(sources.flatMap((source) => [...(this.standingOf(source, group)?.holds ?? [])])) };
  }

  /** Whoever merges two records sees both: what the loser held is held by the survivor. */
  #merged({ system, record, into, at }: Merged): void {
    for (const group of GROUPS) {
      const lost = this.standings(system, record, group).at(-1);
      const kept = this.standings(system, into, group).at(-1);
      if (!lost) continue;
      const holds = new Set([...lost.holds, ...(kept?.holds ?? [])]);
      this.#stand(system, into, group, { at, meaning: kept && kept.meaning !== '' ? kept.meaning : lost.meaning, edit: lost.edit ?? kept?.edit ?? null, write: null, sent: null, sources: [], holds });
    }
    this.#raw.set(`${system}/${into}`, { ...this.#raw.get(`${system}/${record}`), ...this.#raw.get(`${system}/${into}`) });
    const person = this.personOf(system, into) ?? this.personOf(system, record);
    if (person !== null) this.#persons.set(`${system}/${into}`, person);
  }

  #rawOf({ system, record }: { readonly system: SystemName; readonly record: string }): Image {
    return this.#raw.get(`${system}/${record}`) ?? {};
  }

  /** Where a partner shows the same at this moment, whoever goes on from either side has seen what both hold. */
  #stand(system: SystemName, record: string, group: Group, made: Omit<Standing, 'holds'> & { readonly holds: Set<number> }): void {
    const standing: Standing = made;
    const alike = this.#integrations.flatMap((integration) => this.partners(system, record, integration)).flatMap((partner) => {
      const theirs = this.#standings.get(keyOf(partner.system, partner.record, group));
      return theirs?.at(-1)?.meaning === standing.meaning ? [theirs] : [];
    });
    for (const theirs of alike) for (const id of theirs.at(-1)?.holds ?? []) made.holds.add(id);
    for (const theirs of alike) theirs.splice(-1, 1, { ...(theirs.at(-1) as Standing), holds: new Set(made.holds) });
    const key = keyOf(system, record, group);
    const list = this.#standings.get(key);
    if (list) list.push(standing);
    else this.#standings.set(key, [standing]);
  }
}

function add(map: Map<string, Set<string>>, key: string, value: string): void {
  const values = map.get(key);
  if (values) values.add(value);
  else map.set(key, new Set([value]));
}

function touched(system: SystemName, values: Image): Group[] {
  const side = sideOf(system);
  return GROUPS.filter((group) => group[side].some((field) => values[field] !== undefined));
}

export function sideOf(system: SystemName): 'bevatel' | 'external' {
  return system === 'bevatel' ? 'bevatel' : 'external';
}

function keyOf(system: SystemName, record: string, group: Group): string {
  return `${system}/${record}/${group.name}`;
}
