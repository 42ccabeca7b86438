/**
 * Load through the systems' own front doors: edits on both sides and new contacts, with a journal of all of it.
 *
 * A side's edits of one record follow each other, so that its journal has a last one. An edit whose answer was lost is
 * made again until it is acknowledged, as a person would. Each edit writes a value of its own.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Side } from '../../schemas/value.ts';
import type { Flow } from '../flow/rig.ts';
import { AGENT_KEY, TENANT } from '../flow/rig.ts';

/** The fields that are edited: one by each side alone, and one by both. */
export const FIELDS = [
  { bevatel: 'company_name', external: 'company', editors: ['bevatel'] },
  { bevatel: 'contact_last_name', external: 'lastname', editors: ['external'] },
  { bevatel: 'contact_first_name', external: 'firstname', editors: ['bevatel', 'external'] },
] as const;
export type Field = (typeof FIELDS)[number];

export interface Edit {
  readonly field: Field['bevatel'];
  readonly value: string;
  /** Epoch ms: when the try that was acknowledged began, and when its answer was here. */
  readonly from: number;
  readonly to: number;
}

export interface LoadOptions {
  readonly flow: Flow;
  /** Begins every value, so that no two loads of a flow write the same. */
  readonly name: string;
  /** 0 ≤ random < 1, seeded. */
  readonly random: () => number;
  readonly editsPerSecond: number;
  /** Shares of the edits that go to the field of both sides, and of the actions that make a contact. */
  readonly contested: number;
  readonly creates: number;
}

const RETRY_MS = 100;
const PATIENCE_MS = 60_000;

export class Load {
  readonly #options: LoadOptions;
  readonly #journal = new Map<string, Edit[]>();
  readonly #busy = new Set<string>();
  readonly #atWork = new Set<Promise<void>>();
  readonly #failures: unknown[] = [];
  #running: Promise<void> | undefined;
  #isStopped = false;
  #bevatelIds: readonly string[] = [];
  #number = 0;
  #edits = 0;
  #created = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  get edits(): number {
    return this.#edits;
  }

  /** Contacts made on either side since the start. */
  get created(): number {
    return this.#created;
  }

  /** The last edit of a field of a record by the people of its side; undefined when they made none. */
  lastEdit(side: Side, id: string, field: Field): Edit | undefined {
    return this.#journal.get(`${side} ${id}`)?.findLast((edit) => edit.field === field.bevatel);
  }

  /** May be started again after a stop; the journal goes on. */
  start(): void {
    this.#isStopped = false;
    this.#running = this.#run();
  }

  /** Waits until every edit was acknowledged. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
    await Promise.all(this.#atWork);
    if (this.#failures.length > 0) throw new AggregateError(this.#failures, 'edits were not acknowledged');
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const action = this.#next().catch((error: unknown) => { this.#failures.push(error); }).finally(() => this.#atWork.delete(action));
      this.#atWork.add(action);
      await sleep(1_000 / this.#options.editsPerSecond);
    }
  }

  async #next(): Promise<void> {
    const { random, creates, contested } = this.#options;
    const side: Side = random() < 0.5 ? 'bevatel' : 'external';
    const isNew = random() < creates;
    const [alone, both] = [FIELDS.filter(({ editors }) => editors.length === 1), FIELDS.filter(({ editors }) => editors.length === 2)];
    const field = (random() < contested ? both : alone).find(({ editors }) => (editors as readonly Side[]).includes(side));
    const chance = random();
    this.#number += 1;
    if (isNew) await this.#create(side, this.#number);
    else if (field) await this.#edit(side, field, chance, this.#number);
  }

  async #create(side: Side, number: number): Promise<void> {
    const { flow, name } = this.#options;
    const [first, email] = [`${name} ${number}`, `${name}-${number}@acme.test`];
    this.#created += 1;
    if (side === 'external') flow.hubspot.control.create({ firstname: first, email });
    else {
      const key = crypto.randomUUID();
      await persist(() => createWithKey(flow, { contact_first_name: first, email }, key));
    }
  }

  async #edit(side: Side, field: Field, chance: number, number: number): Promise<void> {
    const id = await this.#pick(side, chance);
    const key = `${side} ${id}`;
    if (id === undefined || this.#busy.has(key)) return;
    this.#busy.add(key);
    const value = `${this.#options.name} ${side} ${number}`;
    try {
      const [from, to] = await this.#write(side, id, field, value);
      this.#journal.set(key, [...this.#journal.get(key) ?? [], { field: field.bevatel, value, from, to }]);
      this.#edits += 1;
    } finally {
      this.#busy.delete(key);
    }
  }

  async #write(side: Side, id: string, field: Field, value: string): Promise<readonly [number, number]> {
    const { flow } = this.#options;
    let from = Date.now();
    if (side === 'external') flow.hubspot.control.edit(id, { [field.external]: value });
    else {
      await persist(() => {
        from = Date.now();
        return flow.editContact(id, { [field.bevatel]: value });
      });
    }
    return [from, Date.now()];
  }

  /** Any contact of the side, those that the sync made included. */
  async #pick(side: Side, chance: number): Promise<string | undefined> {
    const { flow } = this.#options;
    if (side === 'external') {
      const contacts = flow.hubspot.control.contacts();
      return contacts[Math.floor(chance * contacts.length)]?.id;
    }
    const rows = await flow.bevatel.control.sql<{ id: string }>('select id from contacts where tenant_id = $1 and deleted_at is null order by id', [TENANT]).catch(() => null);
    this.#bevatelIds = rows?.map(({ id }) => id) ?? this.#bevatelIds;
    return this.#bevatelIds[Math.floor(chance * this.#bevatelIds.length)];
  }
}

async function createWithKey(flow: Flow, fields: Readonly<Record<string, string>>, key: string): Promise<void> {
  const answer = await fetch(`${flow.bevatel.url}/v1/contacts`, {
    method: 'POST', body: JSON.stringify({ fields }),
    headers: { authorization: `Bearer ${AGENT_KEY}`, 'content-type': 'application/json', 'idempotency-key': key },
  });
  if (!answer.ok) throw new Error(`Bevatel answered ${answer.status}`);
  await answer.arrayBuffer();
}

/** Again until it succeeds: the person does not go away because the system does. */
async function persist(act: () => Promise<unknown>): Promise<void> {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      await act();
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
      await sleep(RETRY_MS);
    }
  }
}
