/**
 * The journal of the real stack: what the sandboxes tell of themselves, as facts of the simulation's journal, so that the
 * same oracle judges both. The product is not asked.
 */
import { batchWriteAnswer, contact as zContact, createBody, patchBody, writeItem } from '../../connectors/bevatel/contact-api.ts';
import type { Contact, ContactPatch, WriteItem } from '../../connectors/bevatel/contact-api.ts';
import type { Exchange } from '../../connectors/bevatel/sandbox/server.ts';
import type { SandboxJournal, WroteContact } from '../../connectors/hubspot/sandbox/journal.ts';
import type { Properties } from '../../connectors/hubspot/sandbox/model.ts';
import { z } from 'zod';
import type { Image, Value } from '../../schemas/value.ts';
import type { Created, Fact } from '../journal.ts';
import { REFERENCE_FIELD } from '../schedule/groups.ts';

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

export class Diary {
  readonly startedAt = Date.now();
  readonly hubspot: SandboxJournal = {
    arrived: ({ endpoint, atMs, body }) => this.#arrived(endpoint, atMs, body),
    wrote: (write) => this.#hubspotWrote(write),
    struck: (endpoint, kind) => this.#met('hubspot', kind, endpoint),
  };
  readonly bevatel = (exchange: Exchange): void => this.#exchanged(exchange);
  readonly #told: Told[] = [];
  /** Whom a deed is about, for those that make a record. */
  readonly #persons = new Map<number, string>();
  readonly #arrivals = new Map<string, number>();
  readonly #troubles = new Map<string, number>();
  /** `system/record` → person, and `system/person` → record. */
  readonly #about = new Map<string, string>();
  readonly #records = new Map<string, string>();
  #order = 0;

  /** Says whom a deed is about before it makes a record. */
  foresee(deed: number, person: string): void {
    this.#persons.set(deed, person);
  }

  /** The person's first record in a system, as far as it is known by now. */
  recordOf(system: string, person: string): string | undefined {
    return this.#records.get(`${system}/${person}`);
  }

  /** Something that went wrong and is no deed in a system; for stories and figures. */
  trouble(kind: string, what: string): void {
    this.#count(kind);
    this.#tell({ kind: 'trouble', at: Date.now(), system: '', record: '', what });
  }

  /** How often each kind of trouble came about. */
  get troubles(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#troubles);
  }

  /** Writes of the product that took effect so far. */
  get writes(): number {
    return this.#told.filter(({ fact }) => fact.kind === 'written' || (fact.kind === 'created' && fact.deed === null)).length;
  }

  /** Everything in its order. */
  journal(): Fact[] {
    return this.#told.toSorted((a, b) => a.fact.at - b.fact.at || compare(a.fact.system, b.fact.system) || a.order - b.order).map(({ fact }) => fact);
  }

  #tell(fact: Fact, order?: number): void {
    this.#order += 1;
    this.#told.push({ fact, order: order ?? this.#order });
  }

  #met(system: string, kind: string, endpoint: string): void {
    this.trouble(kind, `${system} meets a call of ${endpoint} with ${kind}`);
  }

  #count(kind: string): void {
    this.#troubles.set(kind, (this.#troubles.get(kind) ?? 0) + 1);
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
    if (kind === 'created') this.#created({ ...here, deed, typed: sent, values, ...makerOf(deed, attempt, reference) });
    else if (deed === null) this.#tell({ kind: 'written', ...here, attempt, integration: INTEGRATION, sentAt: this.#arrivals.get(attempt) ?? at, sent, values, reference });
    else this.#tell({ kind: 'edited', ...here, deed, actor: 'person', typed: sent, values, clockAt: at });
  }

  /** A record that the product makes is about the person of its partner. */
  #created(made: Omit<Created, 'kind' | 'person'>, order?: number): void {
    const { system, record, deed, reference } = made;
    const person = deed === null ? this.#about.get(`${system === 'bevatel' ? INTEGRATION : 'bevatel'}/${reference}`) : this.#persons.get(deed);
    if (person === undefined) throw new Error(`${system}/${record} is about nobody`);
    this.#about.set(`${system}/${record}`, person);
    if (!this.#records.has(`${system}/${person}`)) this.#records.set(`${system}/${person}`, record);
    this.#tell({ kind: 'created', ...made, person }, order);
  }

  #exchanged(exchange: Exchange): void {
    const { endpoint, actor, answer, fault } = exchange;
    if (fault !== null) this.#met('Bevatel', fault, endpoint);
    const deed = PERSON.exec(actor)?.[1];
    if (deed === undefined) {
      if (endpoint === 'batchWrite') this.#batchWritten(exchange);
    } else if (endpoint === 'create' && answer?.status === 201) this.#typedAnew(Number(deed), createBody.parse(exchange.body).fields, zContact.parse(answer.body));
    else if (endpoint === 'update' && answer?.status === 200) this.#typed(Number(deed), exchange, zContact.parse(answer.body));
  }

  #typedAnew(deed: number, fields: ContactPatch, contact: Contact): void {
    this.#created({ ...hereOf(contact), deed, typed: imageOfFields(fields), values: kept(contact, fields), ...makerOf(deed, '', null) }, contact.version);
  }

  /** A patch that says what stands there already has changed nothing. */
  #typed(deed: number, { body, arrivedAt }: Exchange, contact: Contact): void {
    const { fields } = patchBody.parse(body);
    const here = hereOf(contact);
    if (here.at < arrivedAt) return;
    this.#tell({ kind: 'edited', ...here, deed, actor: 'person', typed: imageOfFields(fields), values: kept(contact, fields), clockAt: here.at }, contact.version);
  }

  #batchWritten({ body, answer, arrivedAt }: Exchange): void {
    const { items } = zBevatelItems.parse(body);
    const results = answer?.status === 207 ? batchWriteAnswer.parse(answer.body).results : [];
    for (const [place, item] of items.entries()) {
      if (item.op === 'update') this.#tell({ kind: 'sent', at: arrivedAt, system: 'bevatel', record: item.id, attempt: item.ref, values: imageOfFields(item.fields) });
      const result = results[place];
      if (result?.contact && tookEffect(item, result.status, result.contact)) this.#bevatelWrote(item, result.contact, arrivedAt);
    }
  }

  #bevatelWrote(item: WriteItem, contact: Contact, sentAt: number): void {
    const [sent, values] = [imageOfFields(item.fields), kept(contact, item.fields)];
    const reference = item.external_reference?.external_id ?? null;
    if (item.op === 'create') this.#created({ ...hereOf(contact), deed: null, typed: sent, values, ...makerOf(null, item.ref, reference) }, contact.version);
    else this.#tell({ kind: 'written', ...hereOf(contact), attempt: item.ref, integration: INTEGRATION, sentAt, sent, values, reference }, contact.version);
  }
}

function makerOf(deed: number | null, attempt: string, reference: string | null): Pick<Created, 'attempt' | 'integration' | 'reference'> {
  return deed === null ? { attempt, integration: INTEGRATION, reference } : { attempt: null, integration: null, reference: null };
}

/** A used idempotency key is answered with 200 and makes nothing, as does a patch of what stands there. */
function tookEffect(item: WriteItem, status: number, contact: Contact): boolean {
  return item.op === 'create' ? status === 201 : status === 200 && contact.version === item.if_match + 1;
}

function hereOf(contact: Contact): { readonly at: number; readonly system: string; readonly record: string } {
  return { at: Date.parse(contact.updated_at), system: 'bevatel', record: contact.id };
}

/** What the contact shows of the fields that were sent. */
function kept(contact: Contact, sent: ContactPatch): Image {
  const shown = imageOfFields(contact.fields);
  return Object.fromEntries(Object.keys(imageOfFields(sent)).map((field) => [field, shown[field] ?? null]));
}

/** Bevatel's fields under the names of mappings. */
export function imageOfFields({ custom, ...fields }: ContactPatch): Image {
  const all = [...Object.entries(fields), ...Object.entries(custom ?? {}).map(([name, value]) => [`custom.${name}`, value] as const)];
  return Object.fromEntries(all.flatMap(([name, value]): [string, Value][] => (value === undefined ? [] : [[name, value]])));
}

export function imageOfProperties(properties: Properties): Image {
  return Object.fromEntries(Object.entries(properties).filter(([name]) => name !== REFERENCE_FIELD).map(([name, value]): [string, Value] => [name, value === '' ? null : value]));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
