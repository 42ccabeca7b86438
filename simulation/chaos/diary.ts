/**
 * The journal of the real stack: what the sandboxes tell of themselves, as facts of the simulation's journal, so that the
 * same oracle judges both. The product is not asked. What people typed and what the product sent is told by the calls that
 * came in; what took effect, and when, by HubSpot's table as it happens and by the past of Bevatel's.
 */
import { z } from 'zod';
import { batchWriteAnswer, contact as zContact, createBody, patchBody, writeItem } from '../../connectors/bevatel/contact-api.ts';
import type { Exchange } from '../../connectors/bevatel/sandbox/server.ts';
import type { SandboxJournal, WroteContact } from '../../connectors/hubspot/sandbox/journal.ts';
import type { Image } from '../../schemas/value.ts';
import type { Created, Fact } from '../journal.ts';
import { REFERENCE_FIELD } from '../schedule/groups.ts';
import { imageOfFields, imageOfProperties } from './images.ts';
import type { PastContact } from './past.ts';

/** Of the only integration, which is the name of its system too. */
export const INTEGRATION = 'crm';
/** People act as `user:<number of the deed>`. */
const PERSON = /^user:(\d+)$/;

const zHubSpotInputs = z.object({ inputs: z.array(z.object({ id: z.string().optional(), properties: z.record(z.string(), z.string().nullable()), objectWriteTraceId: z.string().optional() })) });
const zBevatelItems = z.object({ items: z.array(writeItem) });

interface Told {
  readonly fact: Fact;
  /** Among the facts of a system at one instant: the record's version, or the order of telling. */
  readonly order: number;
}

/** A write of the product that came in to Bevatel. */
interface Sending {
  readonly at: number;
  readonly attempt: string;
  readonly values: Image;
}

export class Diary {
  readonly startedAt = Date.now();
  readonly hubspot: SandboxJournal = {
    arrived: ({ endpoint, atMs, body }) => this.#arrived(endpoint, atMs, body),
    wrote: (write) => this.#hubspotWrote(write),
    struck: (endpoint, kind) => this.#met('HubSpot', kind, endpoint),
  };
  readonly bevatel = (exchange: Exchange): void => this.#exchanged(exchange);
  readonly #told: Told[] = [];
  /** By deed: whom it is about, where it makes a record, and what was typed into Bevatel. */
  readonly #persons = new Map<number, string>();
  readonly #typed = new Map<number, Image>();
  /** HubSpot: by attempt. */
  readonly #arrivals = new Map<string, number>();
  /** Bevatel: by `id@version` that the write would make, or by the reference of the new contact. */
  readonly #sendings = new Map<string, Sending[]>();
  readonly #troubles = new Map<string, number>();
  /** `system/record` → person, and `system/person` → record, as far as is known by now. */
  readonly #about = new Map<string, string>();
  readonly #records = new Map<string, string>();
  #order = 0;

  /** Says whom a deed is about before it makes a record. */
  foresee(deed: number, person: string): void {
    this.#persons.set(deed, person);
  }

  /** The person's first record in a system. */
  recordOf(system: string, person: string): string | undefined {
    return this.#records.get(`${system}/${person}`);
  }

  /** Something that went wrong and is no deed in a system; for stories and figures. */
  trouble(kind: string, what: string): void {
    this.#troubles.set(kind, (this.#troubles.get(kind) ?? 0) + 1);
    this.#tell({ kind: 'trouble', at: Date.now(), system: '', record: '', what });
  }

  /** How often each kind of trouble came about. */
  get troubles(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#troubles);
  }

  /** Everything in its order, with what Bevatel's past tells. A record that the product made is about its partner's person. */
  journal(past: readonly PastContact[]): Fact[] {
    const facts = [...this.#told, ...past.map((contact): Told => ({ fact: this.#factOf(contact), order: contact.version }))]
      .toSorted((a, b) => a.fact.at - b.fact.at || compare(a.fact.system, b.fact.system) || a.order - b.order).map(({ fact }) => fact);
    const persons = new Map<string, string>();
    return facts.map((fact): Fact => {
      if (fact.kind !== 'created') return fact;
      const person = fact.person === '' ? persons.get(partnerOf(fact)) ?? '' : fact.person;
      persons.set(`${fact.system}/${fact.record}`, person);
      return { ...fact, person };
    });
  }

  #tell(fact: Fact): void {
    this.#order += 1;
    this.#told.push({ fact, order: this.#order });
  }

  #met(system: string, kind: string, endpoint: string): void {
    this.trouble(kind, `${system} meets a call of ${endpoint} with ${kind}`);
  }

  #learn(system: string, record: string, person: string | undefined): void {
    if (person === undefined) return;
    this.#about.set(`${system}/${record}`, person);
    if (!this.#records.has(`${system}/${person}`)) this.#records.set(`${system}/${person}`, record);
  }

  #arrived(endpoint: string, at: number, body: unknown): void {
    if (endpoint !== 'contacts.batchUpdate' && endpoint !== 'contacts.batchUpsert') return;
    for (const { id, properties, objectWriteTraceId: attempt = '' } of zHubSpotInputs.parse(body).inputs) {
      this.#arrivals.set(attempt, at);
      if (endpoint === 'contacts.batchUpdate' && id !== undefined) this.#tell({ kind: 'sent', at, system: INTEGRATION, record: id, attempt, values: imageOfProperties(properties) });
    }
  }

  #hubspotWrote({ kind, id, actor, atMs: at, traceId, sent: properties, kept }: WroteContact): void {
    const [sent, values] = [imageOfProperties(properties), imageOfProperties(kept)];
    const here = { at, system: INTEGRATION, record: id };
    const attempt = traceId ?? '';
    const reference = properties[REFERENCE_FIELD] ?? null;
    const deed = actor.sourceType === 'CRM_UI' ? actor.userId ?? 0 : null;
    if (kind === 'created') {
      this.#learn(INTEGRATION, id, deed === null ? this.#about.get(`bevatel/${reference}`) : this.#persons.get(deed));
      this.#tell({ kind, ...here, typed: sent, values, ...this.#makerOf(deed, attempt, reference), sentAt: deed === null ? this.#arrivals.get(attempt) ?? at : at });
    } else if (deed === null) this.#tell({ kind: 'written', ...here, attempt, integration: INTEGRATION, sentAt: this.#arrivals.get(attempt) ?? at, sent, values, reference });
    else this.#tell({ kind: 'edited', ...here, deed, actor: 'person', typed: sent, values, clockAt: at });
  }

  #makerOf(deed: number | null, attempt: string, reference: string | null): Pick<Created, 'deed' | 'person' | 'attempt' | 'integration' | 'reference'> {
    if (deed === null) return { deed, person: '', attempt, integration: INTEGRATION, reference };
    return { deed, person: this.#persons.get(deed) ?? '', attempt: null, integration: null, reference: null };
  }

  #exchanged(exchange: Exchange): void {
    const { endpoint, actor, body, answer, fault } = exchange;
    if (fault !== null) this.#met('Bevatel', fault, endpoint);
    if (endpoint === 'batchWrite') return this.#batchSent(exchange);
    const deed = Number(PERSON.exec(actor)?.[1]);
    if (endpoint === 'create') {
      this.#typed.set(deed, imageOfFields(createBody.parse(body).fields));
      if (answer?.status === 200 || answer?.status === 201) this.#learn('bevatel', zContact.parse(answer.body).id, this.#persons.get(deed));
    } else if (endpoint === 'update') this.#typed.set(deed, imageOfFields(patchBody.parse(body).fields));
  }

  #batchSent({ body, answer, arrivedAt: at }: Exchange): void {
    const results = answer?.status === 207 ? batchWriteAnswer.parse(answer.body).results : [];
    for (const [place, item] of zBevatelItems.parse(body).items.entries()) {
      const values = imageOfFields(item.fields);
      const key = item.op === 'update' ? `${item.id}@${item.if_match + 1}` : item.external_reference?.external_id ?? '';
      this.#sendings.set(key, [...this.#sendings.get(key) ?? [], { at, attempt: item.ref, values }]);
      if (item.op === 'update') this.#tell({ kind: 'sent', at, system: 'bevatel', record: item.id, attempt: item.ref, values });
      const made = item.op === 'create' ? results[place]?.contact : undefined;
      if (made) this.#learn('bevatel', made.id, this.#about.get(`${INTEGRATION}/${key}`));
    }
  }

  /** What made this version of a contact. */
  #factOf(contact: PastContact): Fact {
    const { id, version, at, updatedBy } = contact;
    const here = { at, system: 'bevatel', record: id };
    const reference = contact.references[INTEGRATION] ?? null;
    const deed = PERSON.exec(updatedBy)?.[1];
    if (deed !== undefined) {
      const typed = this.#typed.get(Number(deed)) ?? {};
      const values = kept(contact, typed);
      return version === 1 ? { kind: 'created', ...here, typed, values, ...this.#makerOf(Number(deed), '', null), sentAt: at }
        : { kind: 'edited', ...here, deed: Number(deed), actor: 'person', typed, values, clockAt: at };
    }
    const sendings = this.#sendings.get(version === 1 ? reference ?? '' : `${id}@${version}`) ?? [];
    const sending = sendings.findLast((one) => one.at <= at && isShown(contact, one.values)) ?? { at, attempt: '', values: {} };
    const values = kept(contact, sending.values);
    return version === 1 ? { kind: 'created', ...here, typed: sending.values, values, ...this.#makerOf(null, sending.attempt, reference), sentAt: sending.at }
      : { kind: 'written', ...here, attempt: sending.attempt, integration: INTEGRATION, sentAt: sending.at, sent: sending.values, values, reference };
  }
}

function partnerOf({ system, integration, reference }: Created): string {
  return `${system === 'bevatel' ? integration : 'bevatel'}/${reference}`;
}

/** What the contact shows of the fields that were sent. */
function kept({ fields }: PastContact, sent: Image): Image {
  return Object.fromEntries(Object.keys(sent).map((field) => [field, fields[field] ?? null]));
}

/** Bevatel keeps what it is sent as it is. */
function isShown(contact: PastContact, sent: Image): boolean {
  return Object.entries(kept(contact, sent)).every(([field, value]) => JSON.stringify(value) === JSON.stringify(sent[field]));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
