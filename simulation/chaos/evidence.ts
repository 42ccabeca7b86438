/** Collects what the oracle judges by from the real stack, at rest. */
import type { DecisionRow, Evidence, FinalRecord, LinkRow } from '../oracle/evidence.ts';
import type { Fact } from '../journal.ts';
import { REFERENCE_FIELD } from '../schedule/groups.ts';
import type { ContactFields } from '../../connectors/bevatel/contact-api.ts';
import { FIELD_NAMES } from '../../connectors/bevatel/contact-api.ts';
import { INTEGRATION } from './diary.ts';
import { imageOfFields, imageOfProperties } from './images.ts';
import { readPast } from './past.ts';
import { TENANT } from './site.ts';
import type { Site } from './site.ts';

/** `unrest`, `idleWrites`, `unforeseen`: what was seen while the stack was waited for. */
export type Seen = Pick<Evidence, 'unrest' | 'idleWrites' | 'unforeseen'>;

export async function collect(site: Site, seen: Seen): Promise<Evidence> {
  const { pool, diary, dials, published } = site;
  const journal = await journalOf(site);
  const [links, decisions, letters] = await Promise.all([
    pool.query<LinkRow>('select integration_id, link_id, bevatel_id, external_id, erased, state from links where tenant_id = $1 order by integration_id, link_id', [TENANT]),
    pool.query<DecisionRow>(
      'select decision_id, integration_id, link_id, bevatel_id, external_id, decided_at, cause, cause_id, verdict, groups, source, source_offset from decisions where tenant_id = $1 order by decided_at, decision_id, link_id', [TENANT]),
    pool.query<{ key: string; code: string }>(`select case side when 'bevatel' then side else integration_id end || '/' || record_id as key, code from dead_letters where tenant_id = $1 and status = 'open' order by 1`, [TENANT]),
  ]);
  return {
    schedule: { dials }, journal, links: links.rows, decisions: decisions.rows, records: await recordsOf(site, journal),
    quarantined: new Set(), published: published.ids, unrest: seen.unrest, idleWrites: seen.idleWrites, lateWrites: [],
    // Nothing that people type here is beyond the product: what lies in quarantine has no reason to.
    unforeseen: [...seen.unforeseen, ...letters.rows.map(({ key, code }) => `${key} lies in quarantine: ${code}`)],
    faultsMet: Object.values(diary.troubles).reduce((sum, count) => sum + count, 0),
  };
}

/** What truly happened in both systems so far. */
export async function journalOf({ diary, bevatel }: Site): Promise<Fact[]> {
  return diary.journal(await readPast(bevatel));
}

type BevatelRow = ContactFields & { readonly id: string; readonly is_live: boolean; readonly external_references: Readonly<Record<string, string>> };

async function recordsOf({ bevatel, hubspot }: Site, journal: readonly Fact[]): Promise<FinalRecord[]> {
  const persons = new Map(journal.flatMap((fact) => (fact.kind === 'created' ? [[`${fact.system}/${fact.record}`, fact.person]] as const : [])));
  const rows = await bevatel.control.sql<BevatelRow>(`select id, external_references, deleted_at is null as is_live, ${FIELD_NAMES.join(', ')} from contacts where tenant_id = $1 order by id`, [TENANT]);
  return [
    ...rows.map(({ id, is_live: isLive, external_references: references, ...fields }) => ({ system: 'bevatel', id, person: persons.get(`bevatel/${id}`) ?? '', isLive, fields: imageOfFields(fields), references })),
    ...hubspot.control.contacts().map(({ id, properties }) => ({
      system: INTEGRATION, id, person: persons.get(`${INTEGRATION}/${id}`) ?? '', isLive: true, fields: imageOfProperties(properties),
      references: properties[REFERENCE_FIELD] === undefined ? {} : { bevatel: properties[REFERENCE_FIELD] },
    })),
  ];
}
