/**
 * The sandbox's contacts: creation, change, archive, restore, merge, erasure; uniqueness; history per property.
 * Every effect is one `ContactFact`. A write that changes nothing leaves no history, no fact and no new stamp.
 */
import { emailTaken, invalid, notFound, uniqueValueTaken } from './fault.ts';
import type { Actor, Contact, ContactFact, Properties } from './model.ts';
import type { PropertyTable } from './properties.ts';
import { LIFECYCLE_STAGES } from './properties.ts';
import type { WroteContact } from './journal.ts';

export interface ContactTableOptions {
  readonly properties: PropertyTable;
  readonly now: () => number;
  readonly onFact: (fact: ContactFact) => void;
  /** Told of every accepted write at its moment. */
  readonly onWrite?: ((write: WroteContact) => void) | undefined;
  readonly firstId: number;
}

/** A checked write that only waits to be applied. */
export interface AcceptedWrite {
  readonly values: Readonly<Record<string, string>>;
  /** As it came in. */
  readonly sent: Properties;
  readonly traceId?: string | undefined;
}

/** Values that belong to the record itself and never move in a merge. */
const ownOfRecord = new Set(['hs_object_id', 'createdate', 'lastmodifieddate', 'hs_lastmodifieddate']);
const humanNames = ['email', 'firstname', 'lastname'];

export class ContactTable {
  readonly #options: ContactTableOptions;
  readonly #contacts = new Map<string, Contact>();
  /** Ascending; ids that are gone stay here and are skipped. */
  readonly #ids: number[] = [];
  /** Per unique property: value → id of the live contact that has it. */
  readonly #owners = new Map<string, Map<string, string>>();
  readonly #survivors = new Map<string, string>();
  readonly #blockedEmails = new Set<string>();
  #nextId: number;

  constructor(options: ContactTableOptions) {
    this.#options = options;
    this.#nextId = options.firstId;
  }

  get liveCount(): number {
    let count = 0;
    for (const contact of this.#contacts.values()) if (contact.archivedAtMs === null) count += 1;
    return count;
  }

  /** Live contacts; archived ones only when asked for. */
  find(id: string, archived = false): Contact | undefined {
    const contact = this.#contacts.get(id);
    return contact && (contact.archivedAtMs !== null) === archived ? contact : undefined;
  }

  findBy(property: string, value: string, archived = false): Contact | undefined {
    if (property === 'hs_object_id' || archived) return this.find(value, archived);
    if (!this.#options.properties.find(property)?.hasUniqueValue) throw invalid(`Property ${property} is not a unique property`);
    const id = this.#ownersOf(property).get(property === 'email' ? value.trim().toLowerCase() : value);
    return id === undefined ? undefined : this.find(id);
  }

  /** The contact that a merged-away id went into, followed through later merges. */
  survivorOf(id: string): Contact | undefined {
    let current = this.#survivors.get(id);
    while (current !== undefined && this.#survivors.has(current)) current = this.#survivors.get(current);
    return current === undefined ? undefined : this.find(current);
  }

  /** Up to `limit` contacts with ids above `afterId`, ascending. */
  page(afterId: number, limit: number, archived: boolean): { readonly contacts: Contact[]; readonly more: boolean } {
    const contacts: Contact[] = [];
    for (let index = firstAbove(this.#ids, afterId); index < this.#ids.length; index += 1) {
      const contact = this.find(String(this.#ids[index]), archived);
      if (!contact) continue;
      if (contacts.length === limit) return { contacts, more: true };
      contacts.push(contact);
    }
    return { contacts, more: false };
  }

  /** Checks a write without applying it; `id` null means a creation. `claimed` gathers unique values within one batch. */
  accept(id: string | null, written: Properties, claimed: Map<string, string> = new Map()): AcceptedWrite {
    const values = this.#options.properties.accept(written, { system: false });
    if (id === null && !humanNames.some((name) => values[name])) throw invalid('One of email, firstname or lastname is required');
    for (const property of this.#options.properties.uniqueNames) {
      const value = values[property];
      if (!value) continue;
      if (property === 'email' && this.#blockedEmails.has(value)) throw invalid('This email address was deleted for privacy');
      const key = `${property}\u0000${value}`;
      const owner = this.#ownersOf(property).get(value) ?? claimed.get(key);
      if (owner !== undefined && owner !== id) throw property === 'email' ? emailTaken(owner) : uniqueValueTaken(property, owner);
      claimed.set(key, id ?? 'in this batch');
    }
    return { values, sent: written };
  }

  create(write: AcceptedWrite, actor: Actor): Contact {
    const atMs = this.#options.now();
    const contact = this.#insert(atMs, actor);
    this.#options.onFact({ kind: 'created', id: contact.id, actor, atMs });
    this.#apply(contact, write.values, actor, atMs);
    this.#options.onWrite?.({ kind: 'created', id: contact.id, actor, atMs, traceId: write.traceId ?? null, sent: write.sent, kept: write.values });
    return contact;
  }

  update(id: string, write: AcceptedWrite, actor: Actor): Contact {
    const contact = this.#live(id);
    const atMs = this.#options.now();
    const kept = this.#withoutStageRegress(contact, write.values);
    this.#apply(contact, kept, actor, atMs);
    this.#options.onWrite?.({ kind: 'changed', id, actor, atMs, traceId: write.traceId ?? null, sent: write.sent, kept });
    return contact;
  }

  /** Archives; false when there is no such live contact. */
  archive(id: string, actor: Actor): boolean {
    const contact = this.find(id);
    if (!contact) return false;
    this.#releaseUnique(contact);
    contact.archivedAtMs = this.#options.now();
    this.#options.onFact({ kind: 'deleted', id, actor, atMs: contact.archivedAtMs });
    return true;
  }

  /** Restores an archived contact: only the user interface can (fact sheet §2). */
  restore(id: string, actor: Actor): Contact {
    const contact = this.find(id, true);
    if (!contact) throw notFound();
    contact.archivedAtMs = null;
    for (const [property, value] of Object.entries(contact.values)) this.#claim(property, value, id);
    this.#touch(contact, this.#options.now());
    this.#options.onFact({ kind: 'restored', id, actor, atMs: contact.updatedAtMs });
    return contact;
  }

  /** Deletes for good. An e-mail that nobody has is blocked instead (fact sheet §2). */
  erase(by: { readonly property: string; readonly value: string }, actor: Actor): void {
    const contact = this.findBy(by.property, by.value) ?? (by.property === 'hs_object_id' ? this.find(by.value, true) : undefined);
    if (!contact) {
      if (by.property !== 'email') throw notFound();
      this.#blockedEmails.add(by.value.trim().toLowerCase());
      return;
    }
    this.#remove(contact);
    const atMs = this.#options.now();
    this.#options.onFact({ kind: 'erased', id: contact.id, actor, atMs });
    this.#options.onFact({ kind: 'deleted', id: contact.id, actor, atMs });
  }

  /** Merges the second into the first; with `mintId` both ids vanish and a third survives (fact sheet §4). */
  merge(primaryId: string, secondaryId: string, actor: Actor, mintId: boolean): Contact {
    if (primaryId === secondaryId) throw invalid('Cannot merge a contact with itself');
    const primary = this.#live(primaryId);
    const secondary = this.#live(secondaryId);
    const atMs = this.#options.now();
    const merged = mergedValues(primary, secondary, mintId);
    const moved = Object.keys(merged).filter((name) => primary.values[name] !== merged[name]);
    this.#remove(secondary);
    if (mintId) this.#remove(primary);
    const survivor = mintId ? this.#insert(atMs, actor) : primary;
    this.#set(survivor, merged, { ...actor, sourceType: 'MERGE_OBJECTS' }, atMs);
    const gone = mintId ? [primaryId, secondaryId] : [secondaryId];
    for (const id of gone) this.#survivors.set(id, survivor.id);
    this.#options.onFact({ kind: 'merged', id: survivor.id, primaryId, mergedIds: [secondaryId], survivorId: survivor.id, movedProperties: moved.length, actor, atMs });
    for (const id of gone) this.#options.onFact({ kind: 'deleted', id, actor, atMs });
    return survivor;
  }

  #live(id: string): Contact {
    const contact = this.find(id);
    if (!contact) throw notFound();
    return contact;
  }

  #insert(atMs: number, actor: Actor): Contact {
    const id = this.#nextId;
    this.#nextId += 1;
    const values = {
      hs_object_id: String(id), createdate: new Date(atMs).toISOString(),
      hs_object_source: actor.sourceType, hs_object_source_id: actor.sourceId,
    };
    const contact: Contact = { id: String(id), createdAtMs: atMs, updatedAtMs: atMs, archivedAtMs: null, values, history: {} };
    this.#touch(contact, atMs);
    this.#contacts.set(contact.id, contact);
    this.#ids.push(id);
    return contact;
  }

  /** Sets values and tells each change as a fact. */
  #apply(contact: Contact, values: Readonly<Record<string, string>>, actor: Actor, atMs: number): void {
    for (const [property, value] of this.#set(contact, values, actor, atMs)) {
      this.#options.onFact({ kind: 'changed', id: contact.id, property, value, actor, atMs });
    }
  }

  /** Sets values and gives those that changed. */
  #set(contact: Contact, values: Readonly<Record<string, string>>, actor: Actor, atMs: number): [string, string][] {
    const changed = Object.entries(values).filter(([name, value]) => (contact.values[name] ?? '') !== value);
    if (changed.length === 0) return changed;
    const next: Record<string, string> = { ...contact.values };
    for (const [name, value] of changed) {
      this.#release(name, contact.values[name], contact.id);
      if (value === '') delete next[name];
      else next[name] = value;
      this.#claim(name, value, contact.id);
      (contact.history[name] ??= []).unshift({ value, timestampMs: atMs, actor });
    }
    contact.values = next;
    this.#touch(contact, atMs);
    return changed;
  }

  #touch(contact: Contact, atMs: number): void {
    const stamp = new Date(atMs).toISOString();
    contact.updatedAtMs = atMs;
    contact.values = { ...contact.values, lastmodifieddate: stamp, hs_lastmodifieddate: stamp };
  }

  #withoutStageRegress(contact: Contact, values: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
    const rank = (value: string | undefined): number => (LIFECYCLE_STAGES as readonly string[]).indexOf(value ?? '');
    const { lifecyclestage, ...rest } = values;
    if (lifecyclestage === undefined || lifecyclestage === '') return values;
    return rank(lifecyclestage) < rank(contact.values['lifecyclestage']) ? rest : values;
  }

  #remove(contact: Contact): void {
    this.#releaseUnique(contact);
    this.#contacts.delete(contact.id);
  }

  #ownersOf(property: string): Map<string, string> {
    let owners = this.#owners.get(property);
    if (!owners) this.#owners.set(property, (owners = new Map()));
    return owners;
  }

  #claim(property: string, value: string, id: string): void {
    for (const [unique, part] of this.#uniqueParts(property, value)) {
      const owners = this.#ownersOf(unique);
      if (!owners.has(part)) owners.set(part, id);
    }
  }

  #release(property: string, value: string | undefined, id: string): void {
    for (const [unique, part] of this.#uniqueParts(property, value ?? '')) {
      if (this.#ownersOf(unique).get(part) === id) this.#ownersOf(unique).delete(part);
    }
  }

  #releaseUnique(contact: Contact): void {
    for (const [property, value] of Object.entries(contact.values)) this.#release(property, value, contact.id);
  }

  /** Additional addresses count as e-mails of their contact. */
  #uniqueParts(property: string, value: string): [string, string][] {
    if (value === '') return [];
    if (property === 'hs_additional_emails') return value.split(';').map((part) => ['email', part]);
    return this.#options.properties.find(property)?.hasUniqueValue ? [[property, value]] : [];
  }
}

/** First index of an ascending list whose item is above `floor`. */
function firstAbove(sorted: readonly number[], floor: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? 0) > floor) high = middle;
    else low = middle + 1;
  }
  return low;
}

function movableValues(contact: Contact): Record<string, string> {
  return Object.fromEntries(Object.entries(contact.values).filter(([name]) => !ownOfRecord.has(name)));
}

/** The first one's values win, the second fills the gaps; its e-mail and ids are kept in the lists. */
function mergedValues(primary: Contact, secondary: Contact, mintId: boolean): Record<string, string> {
  const fromPrimary = movableValues(primary);
  const fromSecondary = movableValues(secondary);
  const list = (...parts: (string | undefined)[]): string => [...new Set(parts.flatMap((part) => (part ? part.split(';') : [])))].join(';');
  const merged: Record<string, string> = { ...fromSecondary, ...fromPrimary };
  const otherEmail = fromSecondary['email'] === merged['email'] ? undefined : fromSecondary['email'];
  merged['hs_additional_emails'] = list(fromPrimary['hs_additional_emails'], fromSecondary['hs_additional_emails'], otherEmail);
  merged['hs_merged_object_ids'] = list(
    fromPrimary['hs_merged_object_ids'], fromSecondary['hs_merged_object_ids'], mintId ? primary.id : undefined, secondary.id,
  );
  return merged;
}
