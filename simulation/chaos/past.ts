/**
 * Every version that Bevatel's contacts ever had, kept by a trigger of its database: whatever crashes, and whoever does
 * not hear of his write, what took effect is told here.
 */
import { z } from 'zod';
import { contactFields } from '../../connectors/bevatel/contact-api.ts';
import type { BevatelSandbox } from '../../connectors/bevatel/sandbox/server.ts';
import type { Image } from '../../schemas/value.ts';
import { imageOfFields } from './images.ts';

export interface PastContact {
  readonly id: string;
  readonly version: number;
  readonly updatedBy: string;
  /** Epoch ms. */
  readonly at: number;
  readonly fields: Image;
  readonly references: Readonly<Record<string, string>>;
}

const TRIGGER = `
  create table past (seq bigint generated always as identity primary key, contact jsonb not null);
  create function keep_past() returns trigger language plpgsql as $$ begin insert into past (contact) values (to_jsonb(new)); return null; end $$;
  create trigger contacts_90_past after insert or update on contacts for each row execute function keep_past()`;

const zContact = contactFields.extend({ id: z.string(), version: z.number(), updated_by: z.string(), updated_at: z.string(), external_references: z.record(z.string(), z.string()) });

/** From now on; the tables are there already. */
export async function keepPast({ control }: BevatelSandbox): Promise<void> {
  await control.sql(TRIGGER);
}

/** In the order of each contact's versions. */
export async function readPast({ control }: BevatelSandbox): Promise<PastContact[]> {
  const rows = await control.sql<{ contact: unknown }>('select contact from past order by seq');
  return rows.map(({ contact }) => {
    const { id, version, updated_by: updatedBy, updated_at: updatedAt, external_references: references, ...fields } = z.object(zContact.shape).parse(contact);
    return { id, version, updatedBy, at: Date.parse(updatedAt), fields: imageOfFields(fields), references };
  });
}
