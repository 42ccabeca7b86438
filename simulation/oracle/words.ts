/** What the product says of groups, by link: found quickly, with the values in the oracle's own meaning. */
import type { SystemName } from '../journal.ts';
import type { Group } from '../schedule/groups.ts';
import type { DecisionRow, Evidence, GroupWord, HeldGroup, LinkRow } from './evidence.ts';
import { sideOf } from './lineage.ts';
import { meaningOfValues } from './meaning.ts';
import type { Meaning } from './meaning.ts';

export interface Said {
  readonly at: number;
  readonly decision: DecisionRow;
  readonly word: GroupWord;
}

export class Words {
  readonly #evidence: Evidence;
  readonly #byLink = new Map<string, Said[]>();
  readonly #links = new Map<string, LinkRow[]>();
  /** Ids of all links that a record ever had. */
  readonly #everLinks = new Map<string, Set<string>>();

  constructor(evidence: Evidence) {
    this.#evidence = evidence;
    for (const decision of evidence.decisions) {
      this.#had(decision);
      for (const word of decision.groups) push(this.#byLink, `${decision.link_id}/${word.group}`, { at: Number(decision.decided_at), decision, word });
    }
    for (const link of evidence.links) {
      this.#had(link);
      if (link.bevatel_id !== null) push(this.#links, `bevatel/${link.bevatel_id}`, link);
      if (link.external_id !== null) push(this.#links, `${link.integration_id}/${link.external_id}`, link);
    }
  }

  get links(): readonly LinkRow[] {
    return this.#evidence.links;
  }

  /** The links of a record: one per integration on Bevatel's side. */
  linksOf(system: SystemName, record: string): readonly LinkRow[] {
    return this.#links.get(`${system}/${record}`) ?? [];
  }

  /** All that was said of a group of a link, in its order. */
  said(link: LinkRow, group: Group): readonly Said[] {
    return this.#byLink.get(`${link.link_id}/${group.name}`) ?? [];
  }

  /** All that was said of a group of a record, whichever link it had. */
  saidOf(system: SystemName, record: string, group: Group): readonly Said[] {
    return [...(this.#everLinks.get(`${system}/${record}`) ?? [])].flatMap((linkId) => this.#byLink.get(`${linkId}/${group.name}`) ?? []);
  }

  #had({ integration_id: integration, link_id: linkId, bevatel_id: bevatel, external_id: external }: Pick<LinkRow, 'integration_id' | 'link_id' | 'bevatel_id' | 'external_id'>): void {
    for (const key of [bevatel === null ? null : `bevatel/${bevatel}`, external === null ? null : `${integration}/${external}`]) {
      if (key !== null) this.#everLinks.set(key, (this.#everLinks.get(key) ?? new Set()).add(linkId));
    }
  }

  /** What a word shows on a side; null where it does not tell. */
  shown(word: GroupWord, group: Group, system: SystemName): Meaning | null {
    const values = word[sideOf(system)];
    return values ? meaningOfValues(group, sideOf(system), values) : null;
  }

  base(word: GroupWord, group: Group, system: SystemName): Meaning | null {
    const side = sideOf(system);
    return word.base ? meaningOfValues(group, side, word.base[side === 'bevatel' ? 0 : 1]) : null;
  }

  held(link: LinkRow, group: Group): HeldGroup | null {
    const state = link.state.groups[group.name];
    return isObject(state) && isObject(state['held']) ? (state['held'] as unknown as HeldGroup) : null;
  }

  skipped(link: LinkRow, group: Group): string | null {
    const state = link.state.groups[group.name];
    return isObject(state) && typeof state['skipped'] === 'string' ? state['skipped'] : null;
  }

  /** Why the link as a whole stands still, if it does. */
  halted(link: LinkRow): string | null {
    if (link.erased) return 'erased';
    if (link.state.hold) return link.state.hold.kind;
    return link.state.gone && Object.keys(link.state.gone).length > 0 ? 'gone' : null;
  }
}

function push<T>(map: Map<string, T[]>, key: string, item: T): void {
  const list = map.get(key);
  if (list) list.push(item);
  else map.set(key, [item]);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
