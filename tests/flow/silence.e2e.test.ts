/** What the log may say of a whole run: ids, codes, counts and times; never who the contacts are, nor a secret (I11). */
import { expect, it } from 'vitest';
import { changesTopic } from '../../schemas/topics.ts';
import { isolatedStack } from '../stack/fixture.ts';
import { AGENT_KEY, Flow, HASTY, PUBLISH_KEY, SECRETS, TENANT, until } from './rig.ts';

const lines: string[] = [];
const flow = await Flow.open(await isolatedStack('silence'), {
  deliver: HASTY, integration: { invalid: 'quarantine', poll: { everyMs: 300 } }, logTo: { write: (line: string) => { lines.push(line); } },
});
const { hubspot, bevatel, deps } = flow;

/** Everything personal in this run holds one of these. */
const PERSONAL = ['Zubaydah', 'Quraishi', 'zubaydah', '501239876', 'Wasabi Holdings', 'زبيدة', 'call-zubaydah'];
const SECRET = [...Object.values(SECRETS), AGENT_KEY, PUBLISH_KEY];

it('I11: at its most talkative, through an ordinary run and everything that went wrong in it', async () => {
  await bevatel.control.seed(TENANT, [{ fields: { contact_first_name: 'Zubaydah', contact_last_name: 'Quraishi', phone_number: '+966501239876', email: 'zubaydah@acme.test' } }]);
  hubspot.control.seed([{ firstname: 'زبيدة', email: 'zubaydah.two@acme.test' }]);
  await flow.start();
  const { bevatelId, externalId } = await flow.pair({ contact_first_name: 'Zubaydah', email: 'zubaydah.three@acme.test', company_name: 'Wasabi Holdings' });
  hubspot.control.edit(externalId, { phone: 'call-zubaydah' });
  await until('a value was quarantined', async () => (await deps.pool.query('select 1 from dead_letters')).rowCount !== 0);
  await deps.kafka.publisher().publish([{ topic: `${flow.stack.topicPrefix}${changesTopic('live')}`, key: 'k', value: Buffer.from('zubaydah@acme.test') }]);
  hubspot.control.addFault({ fault: { kind: 'drop_after' }, times: 3 });
  hubspot.control.addFault({ fault: { kind: 'status', status: 400, message: 'Zubaydah is not valid', category: 'VALIDATION_ERROR' }, times: 2 });
  hubspot.control.addFault({ fault: { kind: 'status', status: 500, message: 'zubaydah@acme.test broke it' }, times: 2 });
  bevatel.control.fault({ kind: 'dropAnswer', endpoint: 'batchWrite' });
  bevatel.control.fault({ kind: 'status', status: 503, times: 2, endpoint: 'batchWrite' });
  await flow.editContact(bevatelId, { contact_last_name: 'Quraishi' });
  hubspot.control.edit(externalId, { phone: '+966 50 123 9876', company: 'Wasabi Holdings 2' });
  await until('the edit arrived all the same', async () => (await flow.contact(bevatelId))?.fields['company_name'] === 'Wasabi Holdings 2');
  hubspot.control.revokeToken(SECRETS.HUBSPOT_TOKEN);
  hubspot.control.edit(externalId, { company: 'Wasabi Holdings 3' });
  await until('the token was refused', async () => (await flow.lastError())?.code === 'unauthorised');
  hubspot.control.addApp(SECRETS.HUBSPOT_TOKEN, hubspot.appId);
  await until('it goes on', async () => (await flow.contact(bevatelId))?.fields['company_name'] === 'Wasabi Holdings 3');
  const log = lines.join('\n');
  expect(lines.length).toBeGreaterThan(0);
  expect(log).toContain('unauthorised');
  expect([...PERSONAL, ...SECRET].filter((word) => log.includes(word))).toEqual([]);
});

it('I11: nor the message keys of any topic, nor what the operator is told of errors', async () => {
  for (const name of ['contact.hints', 'contact.changes.live', 'contact.changes.backfill', 'contact.changes.repair', 'contact.decisions', 'contact.dead-letters']) {
    const keys = (await flow.topic(name)).map(({ key }) => key?.toString() ?? '').join('\n');
    expect(PERSONAL.filter((word) => keys.includes(word)), name).toEqual([]);
  }
  const { rows } = await deps.pool.query<{ told: string }>('select last_error::text as told from integrations union all select detail from dead_letters');
  expect(PERSONAL.filter((word) => rows.some(({ told }) => String(told).includes(word)))).toEqual([]);
});
