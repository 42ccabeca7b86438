/** The front doors of the two systems, used as people and programs use them: each with credentials of its own. */
import { contact as bevatelContact } from '../../connectors/bevatel/contact-api.ts';
import type { ContactPatch } from '../../connectors/bevatel/contact-api.ts';
import type { Properties } from '../../connectors/hubspot/sandbox/model.ts';
import { KEYS, TENANT } from './sides.ts';
import type { Sides } from './sides.ts';

const ATTEMPTS = 10;

/** An agent edits in the inbox: reads, then writes on condition that nobody wrote in between; looks again if so. */
export async function editInBevatel({ bevatel }: Sides, id: string, fields: ContactPatch): Promise<void> {
  const url = `${bevatel.url}/v1/contacts/${id}`;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const { version } = bevatelContact.parse(await (await fetch(url, { headers: bevatelHeaders() })).json());
    const answer = await fetch(url, { method: 'PATCH', headers: { ...bevatelHeaders(), 'if-match': `"${version}"` }, body: JSON.stringify({ fields }) });
    await answer.arrayBuffer();
    if (answer.ok) return;
    if (answer.status !== 412) throw new Error(`Bevatel answered ${answer.status} to an edit`);
  }
  throw new Error(`a Bevatel contact moved ${ATTEMPTS} times while it was edited`);
}

export async function createInBevatel({ bevatel }: Sides, key: string, fields: ContactPatch): Promise<void> {
  const headers = { ...bevatelHeaders(), 'idempotency-key': key };
  const answer = await fetch(`${bevatel.url}/v1/contacts`, { method: 'POST', headers, body: JSON.stringify({ fields }) });
  await answer.arrayBuffer();
  if (!answer.ok) throw new Error(`Bevatel answered ${answer.status} to a creation`);
}

/** Somebody with access to the table; `editedAt` (epoch ms) for an edit that was made earlier, say on a phone without a network. */
export async function editBySql({ bevatel }: Sides, id: string, column: 'contact_first_name' | 'contact_last_name' | 'company_name' | 'job_title', value: string, editedAt?: number): Promise<void> {
  const set = column === 'job_title' ? "custom = coalesce(custom, '{}') || jsonb_build_object('job_title', $3::text)" : `${column} = $3`;
  const stamp = editedAt === undefined ? '' : ', updated_at = to_timestamp($4::double precision / 1000)';
  await bevatel.control.sql(`UPDATE contacts SET ${set}${stamp} WHERE tenant_id = $1 AND id = $2`, [TENANT, id, value, ...(editedAt === undefined ? [] : [editedAt])]);
}

export async function editInHubSpot(sides: Sides, id: string, properties: Properties): Promise<void> {
  await callHubSpot(sides, 'PATCH', `/crm/v3/objects/contacts/${id}`, { properties });
}

export async function createInHubSpot(sides: Sides, properties: Properties): Promise<void> {
  await callHubSpot(sides, 'POST', '/crm/v3/objects/contacts', { properties });
}

/** HubSpot's webhooks get lost while `work` runs: what happened then is found by polling alone. */
export async function withoutWebhooks<T>({ hubspot }: Sides, work: () => Promise<T>): Promise<T> {
  hubspot.control.configureWebhooks({ loss: 1 });
  try {
    return await work();
  } finally {
    hubspot.control.configureWebhooks({ loss: 0 });
  }
}

async function callHubSpot({ hubspot }: Sides, method: string, path: string, body: unknown): Promise<void> {
  const headers = { authorization: `Bearer ${KEYS.peopleOnHubSpot}`, 'content-type': 'application/json' };
  const answer = await fetch(`${hubspot.url}${path}`, { method, headers, body: JSON.stringify(body) });
  await answer.arrayBuffer();
  if (!answer.ok) throw new Error(`HubSpot answered ${answer.status} to an edit`);
}

function bevatelHeaders(): Record<string, string> {
  return { authorization: `Bearer ${KEYS.peopleOnBevatel}`, 'content-type': 'application/json', 'x-actor': 'user:noura' };
}
