/**
 * I2, no lost edit. Each edit is the final value, or was edited on top of, or was overridden by a verdict that names it,
 * or waits where an operator sees it. An edit that fell into a window that its system leaves blind is excused and counted.
 */
import type { Created, Fact, Read, Removed, Sent, Written } from '../journal.ts';
import type { Group } from '../schedule/groups.ts';
import type { Evidence, Finding } from './evidence.ts';
import type { Lives } from './lives.ts';
import type { Edit, Lineage, Place, Standing } from './lineage.ts';
import { sideOf } from './lineage.ts';
import { meaningOfValues } from './meaning.ts';
import type { Said, Words } from './words.ts';

export interface EditsJudged {
  readonly findings: readonly Finding[];
  readonly blindWindows: number;
}

export function judgeEdits(evidence: Evidence, lineage: Lineage, words: Words, lives: Lives): EditsJudged {
  const judge = new EditJudge(evidence, lineage, words, lives);
  const findings = lineage.edits.filter((edit) => !judge.isKept(edit)).map((edit): Finding => ({
    invariant: 'I2', class: 'lost', person: lineage.personOf(edit.system, edit.record),
    what: `the edit ${edit.deed} of ${edit.group.name} in ${edit.system}/${edit.record} (${JSON.stringify(edit.meaning)}) is lost: it is not the final value, and nothing says what became of it`,
  }));
  return { findings, blindWindows: judge.blindWindows };
}

/** So long a write may still be on its way. */
const LATE_MS = 3_600_000;

interface Trace {
  readonly place: Place;
  readonly standing: Standing;
  readonly said: readonly Said[];
}

function isUnnamedForm({ write, sent, meaning }: Standing): boolean {
  return write !== null && sent !== meaning;
}

class EditJudge {
  readonly #evidence: Evidence;
  readonly #lineage: Lineage;
  readonly #words: Words;
  readonly #lives: Lives;
  readonly #known = new Map<number, boolean>();
  readonly #guards: readonly Read[];
  readonly #sent: readonly Sent[];
  #blindWindows = 0;

  constructor(evidence: Evidence, lineage: Lineage, words: Words, lives: Lives) {
    this.#lives = lives;
    this.#evidence = evidence;
    this.#lineage = lineage;
    this.#words = words;
    this.#sent = evidence.journal.filter((fact: Fact): fact is Sent => fact.kind === 'sent');
    this.#guards = evidence.journal.filter((fact: Fact): fact is Read => fact.kind === 'read' && fact.by === 'deliver');
  }

  get blindWindows(): number {
    return this.#blindWindows;
  }

  isKept(edit: Edit): boolean {
    const known = this.#known.get(edit.id);
    if (known !== undefined) return known;
    // Of two that depend on each other neither is kept for the other's sake.
    this.#known.set(edit.id, false);
    const kept = this.#isFinal(edit) || this.#isEditedSince(edit) || this.#hasEnded(edit) || this.#waits(edit) || this.#isOverridden(edit) || this.#wasShared(edit) || this.#isUnedited(edit) || this.#isTypedAlike(edit) || this.#isTypedThere(edit) || this.#isInBlindWindow(edit) || this.#isRemoved(edit);
    this.#known.set(edit.id, kept);
    return kept;
  }

  /** It stands behind what a record of its family shows in the end, or showed whoever ended it; or is shown again where it was made. */
  #isFinal(edit: Edit): boolean {
    return this.#family(edit).filter(({ system, record }) => !this.#lives.isRemoved(system, record)).some(({ system, record }) => {
      const last = this.#lineage.standings(system, record, edit.group).at(-1);
      return last !== undefined && (last.holds.has(edit.id) || (system === edit.system && record === edit.record && last.meaning === edit.meaning));
    });
  }

  /** Its own record, that record's partners, and theirs. */
  #family(edit: Edit): readonly Place[] {
    const own: Place = { system: edit.system, record: edit.record };
    return [...new Map([own, ...this.#lineage.around(own)].map((place) => [`${place.system}/${place.record}`, place])).values()];
  }

  /** Every value that it stood behind, wherever it was carried, with what was said of that value there from then on. */
  #traces(edit: Edit): readonly Trace[] {
    return this.#family(edit).flatMap((place) => this.#lineage.standings(place.system, place.record, edit.group)
      .filter((standing) => standing.holds.has(edit.id))
      .map((standing) => ({ place, standing, said: this.#saidOf(place, edit).filter(({ word, at }) => at >= standing.at && this.#words.shown(word, edit.group, place.system) === standing.meaning) })));
  }

  /** Somebody who saw it typed something else, and that was kept. */
  #isEditedSince(edit: Edit): boolean {
    return this.#lineage.edits.some((later) => later.id > edit.id && later.group === edit.group && this.#holdsOf(later).has(edit.id) && this.isKept(later));
  }

  #holdsOf(edit: Edit): ReadonlySet<number> {
    return this.#lineage.standings(edit.system, edit.record, edit.group).find((standing) => standing.edit === edit)?.holds ?? new Set();
  }

  /** The record was taken out of the system by people; its end is what they wanted. */
  #hasEnded({ system, record }: Edit): boolean {
    return this.#lives.endOf(system, record) !== null && !this.#lives.isRemoved(system, record);
  }

  /**
   * The product took the record away, and may have: deletions go before edits, or nothing told of the edit between the last
   * look and a removal that can have no condition.
   */
  #isRemoved(edit: Edit): boolean {
    const { deletes } = this.#evidence.schedule.dials;
    const removals = this.#family(edit).flatMap(({ system, record }) => this.#lives.isRemoved(system, record) ?? []);
    if (removals.some(({ integration }) => deletes[integration]?.versusEdit === 'delete_wins')) return true;
    const isBlind = removals.some((removal) => removal.system === edit.system && removal.record === edit.record && this.#dialsOf(edit.system) !== undefined
      && this.#dialsOf(edit.system)?.kind !== 'strict' && !this.#isSeenBefore(edit, removal));
    if (isBlind) this.#blindWindows += 1;
    return isBlind;
  }

  #waits(edit: Edit): boolean {
    if (this.#evidence.quarantined.has(`${edit.system}/${edit.record}`)) return true;
    return this.#words.linksOf(edit.system, edit.record).some((link) => {
      if (this.#words.halted(link) !== null && !this.#lives.isRemoved(edit.system, edit.record)) return true;
      const held = this.#words.held(link, edit.group);
      if (!held) return false;
      const shown = [
        meaningOfValues(edit.group, 'bevatel', held.bevatel), meaningOfValues(edit.group, 'external', held.external),
        ...(held.overwritten ? [meaningOfValues(edit.group, 'external', held.overwritten)] : []),
      ];
      return shown.includes(edit.meaning);
    });
  }

  /** A verdict names both values and lets the other one win, or merges them. */
  #isOverridden(edit: Edit): boolean {
    return this.#traces(edit).some(({ place, standing, said }) => said.some(({ word }) => (word.writeTo === sideOf(place.system) || word.rule.startsWith('policy:union'))
      && (word.verdict === 'conflict_resolved' || word.rule === 'other_side_invalid' || (word.verdict === 'filled' && standing.meaning === ''))));
  }

  /** Both sides were found to say the same, so whoever typed over it on either side saw it. */
  #wasShared(edit: Edit): boolean {
    return this.#traces(edit).some(({ said }) => said.some(({ word }) => word.verdict === 'converged' && word.rule !== 'written'));
  }

  /** Its side came back to where the two last agreed before anything was propagated, so it counts as unedited (I2). */
  #isUnedited(edit: Edit): boolean {
    return this.#traces(edit).some(({ place, standing }) => {
      const standings = this.#lineage.standings(place.system, place.record, edit.group);
      const isBack = standing.meaning === '' || standings.some(({ at, meaning }) => at < standing.at && meaning === standing.meaning);
      const over = standings.find((next) => next.at > standing.at && next.write !== null);
      return isBack && over !== undefined && this.#saidOf(place, edit).some(({ word, at }) => at <= over.at && word.writeTo === sideOf(place.system)
        && this.#words.base(word, edit.group, place.system) === standing.meaning);
    });
  }

  /** Somebody typed the very value that a write of the product was bringing, then or while it stood: the two are one, and the newer of its source goes on. */
  #isTypedAlike(edit: Edit): boolean {
    const standings = this.#lineage.standings(edit.system, edit.record, edit.group);
    const until = standings.find(({ at }) => at > edit.at)?.at ?? Infinity;
    return this.#lineage.sendings.some(({ at, system, record, group, meaning }) => system === edit.system && record === edit.record && group === edit.group && meaning === edit.meaning
      && at <= until && at >= edit.at - LATE_MS);
  }

  /** What was being carried to the partner was typed there as well: the two are one, and what became of that edit became of both. */
  #isTypedThere(edit: Edit): boolean {
    const { edits, sendings } = this.#lineage;
    return edits.some((other) => other.group === edit.group && other.meaning === edit.meaning && other.system !== edit.system
      && this.#family(edit).some(({ system, record }) => system === other.system && record === other.record)
      && sendings.some(({ at, system, record, group, meaning }) => system === other.system && record === other.record && group === edit.group && meaning === edit.meaning && at >= edit.at && at >= other.at && at - other.at <= LATE_MS)
      && this.isKept(other));
  }

  /**
   * Nothing in the system could have told: it has no condition and no history, and the product's last look before the
   * write was before the edit; or our own value, which the system does not name as ours, was brought back as if somebody
   * had typed it: in a form that the system gave it, or landing late after somebody had typed the same.
   */
  #isInBlindWindow(edit: Edit): boolean {
    const over = this.#lineage.standings(edit.system, edit.record, edit.group).find((standing) => standing.at >= edit.at && standing.write !== null && !standing.holds.has(edit.id));
    if (!over?.write) return false;
    const isBlind = this.#dialsOf(edit.system)?.kind === 'blind' && !this.#isSeenBefore(edit, over.write);
    const brought = [{ system: edit.system, record: edit.record, standing: over }, ...this.#sourcesOf(edit, over)];
    if (!isBlind && !brought.some(({ system, record, standing }) => this.#isNameless(system) && (isUnnamedForm(standing) || this.#isTypedUnder({ system, record }, edit.group, standing)))) return false;
    this.#blindWindows += 1;
    return true;
  }

  /** The system does not tell which of its values the product wrote. */
  #isNameless(system: string): boolean {
    const dials = this.#dialsOf(system);
    return dials !== undefined && (dials.kind === 'blind' || (dials.kind === 'hubspot' && !dials.namesUs));
  }

  /** While a write was on its way somebody typed the very same, which was taken for it. */
  #isTypedUnder({ system, record }: Place, group: Group, { write, meaning }: Standing): boolean {
    if (write?.kind !== 'written') return false;
    return this.#lineage.edits.some((typed) => typed.group === group && typed.system === system && typed.record === record && typed.meaning === meaning && typed.at >= write.sentAt && typed.at <= write.at);
  }

  #sourcesOf(edit: Edit, { write, sources }: Standing): (Place & { readonly standing: Standing })[] {
    if (write?.kind !== 'written') return [];
    return sources.flatMap((source) => {
      const standing = this.#lineage.standingOf(source, edit.group);
      return standing ? [{ system: source.system, record: source.record, standing }] : [];
    });
  }

  #dialsOf(system: string) {
    return this.#evidence.schedule.dials.systems[system];
  }

  /** Another write was sent after that look. */
  #isForAnother({ system, record, at }: Read, write: Written | Created | Removed): boolean {
    return this.#sent.some((sent) => write.kind === 'written' && sent.attempt !== write.attempt && sent.system === system && sent.record === record && sent.at > at && sent.at <= write.sentAt);
  }

  /** A creation that lands over a record, as an upsert does, was sent to none. */
  #isUpdate(write: Written | Created | Removed): boolean {
    return this.#sent.some(({ attempt }) => write.kind === 'written' && attempt === write.attempt);
  }

  /** The product looked at the record after the edit and before it sent the write, or did not look at all. */
  #isSeenBefore(edit: Edit, write: Written | Created | Removed): boolean {
    const sentAt = write.kind === 'created' ? write.at : write.sentAt;
    const looked = this.#guards.filter((read) => read.system === edit.system && read.record === edit.record && read.at <= sentAt).at(-1);
    return looked === undefined || this.#isForAnother(looked, write) ? this.#isUpdate(write) : looked.asOf >= edit.at;
  }

  #saidOf({ system, record }: Place, { group }: Edit): readonly Said[] {
    return this.#words.saidOf(system, record, group);
  }
}
