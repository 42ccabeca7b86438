/** The commands as a user gives them: processes of their own against a real stack; what they print and how they end. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { UNKNOWN_TIME } from '../../domain/link.ts';
import { zDeletedList, zErasure, zErasureList, zRestoreAnswer } from '../../schemas/api-deletes.ts';
import { zConflictList, zDeadLetterList, zExplainAnswer, zIntegrationList, zLint, zPlan, zResolveAnswer, zStatus } from '../../schemas/api.ts';
import { zCertificate, zCertificateList } from '../../schemas/verification.ts';
import { recordSuccess } from '../../store/integrations.ts';
import { runCli } from '../../tests/cli.ts';
import type { Ended } from '../../tests/cli.ts';
import { API_KEY, FIELDS, INTEGRATION, openRig, TENANT } from '../../tests/operate-rig.ts';
import type { Rig } from '../../tests/operate-rig.ts';
import { isolatedStack } from '../../tests/stack/fixture.ts';

const stack = await isolatedStack('cli');
const NAME = `${TENANT}/${INTEGRATION}`;
let rig: Rig;
let folder = '';
beforeAll(async () => {
  rig = await openRig(stack);
  folder = await mkdtemp(join(tmpdir(), 'bevatel-sync-cli-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await rig.close();
});

function cli(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return runCli(args, { BEVATEL_SYNC_URL: rig.url, BEVATEL_SYNC_KEY: API_KEY, ...env });
}

async function file(name: string, content: unknown): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, typeof content === 'string' ? content : stringify(content));
  return path;
}

function integration(changed: object = {}): object {
  return {
    integration: 'second', tenant: TENANT, system: 'hubspot',
    connection: { baseUrl: rig.hubspot.url, tokenEnv: 'HUBSPOT_TOKEN' }, bevatel: { baseUrl: rig.bevatel.url, keyEnv: 'BEVATEL_KEY' },
    match: ['email'], fields: FIELDS, ...changed,
  };
}

const SECRETS = { HUBSPOT_TOKEN: 'pat-na1-sandbox', BEVATEL_KEY: 'bevatel-key-of-acme' };

/** A port on which nothing listens. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const address = server.address();
  await new Promise((resolve) => { server.close(resolve); });
  return typeof address === 'object' && address ? address.port : 0;
}

describe('bad input', () => {
  it.each(['plan', 'apply'])('%s tells all faults of a file at once, with paths and advice, and ends with 2', async (command) => {
    const path = await file('bad.yaml', integration({
      system: 'hubspott', match: ['company_name'], conflicts: { policy: 'newest' },
      connection: { tokenEnv: 'pat-na1-11111111-2222-3333-4444-555555555555' },
      fields: [{ bevatel: 'nosuch', external: 'x' }, { bevatel: 'language', external: 'hs_language', lens: 'picklist' }],
    }));
    const { code, out, err } = await cli([command, path], { ...SECRETS, DATABASE_URL: stack.databaseUrl });
    expect(code).toBe(2);
    expect(out).toBe('');
    for (const faulty of ['system', 'match[0]', 'conflicts.policy', 'connection.tokenEnv', 'fields[0]', 'fields[1]']) expect(err).toContain(`  ${faulty}`);
    expect(err).toMatch(/^configuration_invalid: /);
    expect(err).toContain('Correct the paths that are named');
    expect(err).not.toContain('11111111-2222');
  });

  it.each<[string, string[], Record<string, string>, number, RegExp]>([
    ['a file that is not there', ['plan', '/nosuch.yaml'], {}, 2, /cannot be read \(ENOENT\)/],
    ['an unknown command\'s argument', ['run', 'everything'], {}, 2, /Allowed choices are all, capture/],
    ['a wrong key', ['status'], { BEVATEL_SYNC_KEY: 'wrong' }, 2, /unauthenticated/],
    ['no key', ['status'], { BEVATEL_SYNC_KEY: '' }, 2, /BEVATEL_SYNC_KEY is not set/],
    ['no such contact', ['explain', 'nobody'], {}, 1, /not_found: no link has a contact of this id/],
    ['no such letter', ['dead-letters', 'show', 'nosuch'], {}, 1, /not_found/],
    ['a word that is no integration', ['pause', 'crm'], {}, 2, /write TENANT\/INTEGRATION/],
    ['a conflict without a decision', ['conflicts', 'resolve', 'x@y'], {}, 2, /exactly one of winner, retry, linkWith, apart and merge/],
    ['no variables at all', ['run', 'operate'], {}, 2, /KAFKA_BROKERS is not set; .*DATABASE_URL is not set/],
  ])('%s', async (_what, args, env, code, words) => {
    const ended = await cli(args, env);
    expect(ended).toMatchObject({ code, out: '' });
    expect(ended.err).toMatch(words);
    expect(ended.err).not.toMatch(/\n\s+at /);
  });

  it('what does not answer is named, with what to do', async () => {
    const port = await closedPort();
    const path = await file('good.yaml', integration());
    const refused = [
      await cli(['status'], { BEVATEL_SYNC_URL: `http://127.0.0.1:${port}` }),
      await cli(['apply', path], { ...SECRETS, DATABASE_URL: `postgres://nobody@127.0.0.1:${port}/none` }),
      await cli(['run', 'operate'], { KAFKA_BROKERS: `127.0.0.1:${port}`, SCHEMA_REGISTRY_URL: stack.schemaRegistryUrl, DATABASE_URL: stack.databaseUrl, API_KEY }),
      await cli(['run', 'operate'], { KAFKA_BROKERS: stack.kafkaBrokers.join(','), SCHEMA_REGISTRY_URL: `http://127.0.0.1:${port}`, DATABASE_URL: stack.databaseUrl, API_KEY, TOPIC_PREFIX: stack.topicPrefix }),
    ];
    expect(refused.map(({ code }) => code)).toEqual([1, 1, 1, 1]);
    const said = refused.map(({ err }) => err);
    expect(said[0]).toMatch(/operate_unreachable: nothing answers at .*\n.*bevatel-sync run operate/);
    expect(said[1]).toMatch(/database_unavailable: .*\n.*DATABASE_URL/);
    expect(said[2]).toMatch(/kafka_unavailable: .*\n.*KAFKA_BROKERS/);
    expect(said[3]).toMatch(/registry_unavailable: .*\n.*SCHEMA_REGISTRY_URL/);
  });

  it('apply says which variable it lacks', async () => {
    const path = await file('good.yaml', integration());
    expect((await cli(['apply', path], SECRETS)).err).toContain('DATABASE_URL is not set');
    const bare = await cli(['apply', path], { DATABASE_URL: stack.databaseUrl });
    expect(bare.code).toBe(2);
    expect(bare.err).toContain('HUBSPOT_TOKEN, BEVATEL_KEY');
  });
});

describe('plan and apply', () => {
  it('plan tells matches, creates, fills, conflicts and invalid values, and writes nothing', async () => {
    await rig.bevatel.control.seed(TENANT, [
      { fields: { contact_first_name: 'Noura', email: 'noura@example.com', company_name: 'ACME' } },
      { fields: { contact_first_name: 'Sami', email: 'sami@example.com' } },
      { fields: { contact_first_name: 'Twin', email: 'twin@example.com' } },
      { fields: { contact_first_name: 'Twin', email: 'TWIN@example.com' } },
      { fields: { contact_first_name: 'Odd', email: 'not an address' } },
    ]);
    rig.hubspot.control.seed([
      { firstname: 'Noura', email: 'Noura@Example.com', company: 'Other Ltd' },
      { firstname: 'Sami', email: 'sami@example.com', company: 'Sami & Sons' },
      { firstname: 'Twin', email: 'twin@example.com' },
      { firstname: 'Layla', email: 'layla@example.com' },
    ]);
    rig.hubspot.control.resetCounts();
    const { code, out, err } = await cli(['plan', await file('plan.yaml', integration()), '--json'], SECRETS);
    expect(err).toBe('');
    expect(code).toBe(0);
    const told = zPlan.parse(JSON.parse(out));
    expect(told).toMatchObject({
      ok: true, records: { bevatel: 5, external: 4 }, pairs: 2, matches: { email: 2 }, multiMatch: { bevatel: 2, external: 1 },
      creates: { bevatel: 1, external: 1 }, updates: { bevatel: 3, external: 3 },
    });
    expect(told.fields.find(({ group }) => group === 'company_name')).toMatchObject({ fills: { bevatel: 1, external: 0 }, held: 1 });
    expect(told.fields.find(({ group }) => group === 'email')?.invalid).toEqual({ 'bevatel:email': 1 });
    expect(out).not.toMatch(/sami@|Sons|not an address/);
    expect(Object.keys(rig.hubspot.control.counts()).filter((name) => /create|update|upsert/i.test(name))).toEqual([]);
    expect((await rig.deps.pool.query("select from integrations where integration_id = 'second'")).rowCount).toBe(0);
  });

  it('a mapping that does not fit the system is refused in all its faults, with 2', async () => {
    const path = await file('unfit.yaml', integration({ fields: [...FIELDS, { bevatel: 'owner', external: 'nosuch_one' }, { bevatel: 'source_channel', external: 'nosuch_two' }] }));
    for (const command of ['plan', 'apply']) {
      const { code, err } = await cli([command, path], { ...SECRETS, DATABASE_URL: stack.databaseUrl });
      expect(code).toBe(2);
      expect(err).toContain('external nosuch_one');
      expect(err).toContain('external nosuch_two');
    }
  });

  it('apply stores the integration once; the same file again changes nothing', async () => {
    const path = await file('apply.yaml', integration());
    const env = { ...SECRETS, DATABASE_URL: stack.databaseUrl };
    const outcomes: unknown[] = [];
    for (let times = 0; times < 2; times += 1) outcomes.push((JSON.parse((await cli(['apply', path, '--json'], env)).out) as { outcome: string }).outcome);
    await file('apply.yaml', integration({ guard: 'none' }));
    outcomes.push((JSON.parse((await cli(['apply', path, '--json'], env)).out) as { outcome: string }).outcome);
    expect(outcomes).toEqual(['ADDED', 'UNCHANGED', 'CHANGED']);
    const list = zIntegrationList.parse(JSON.parse((await cli(['integrations', 'list', '--json'])).out));
    expect(list.integrations.map((one) => one.integration).sort()).toEqual([INTEGRATION, 'second']);
    const told = zStatus.parse(JSON.parse((await cli(['status', '--json'])).out));
    expect(told.integrations.find((one) => one.integration === 'second')?.blindWindows).toMatchObject([{ side: 'external' }]);
    await rig.deps.pool.query("delete from integrations where integration_id = 'second'");
  });
});

describe('lint', () => {
  const fields = [
    { lens: 'full_name', bevatel: 'contact_first_name', external: ['firstname', 'lastname'] },
    { bevatel: 'company_name', external: 'company', maxLength: 12, truncate: '…' },
    { bevatel: 'email', external: 'email', lens: 'email' },
    { bevatel: 'custom.stage', external: 'lifecyclestage', lens: 'picklist', values: { new: 'lead', paying: 'customer' } },
  ];
  const mapped = (more: object = {}) => integration({ fields, ...more });

  it('tells which values of both sides do not survive a round trip, masked, and writes nothing', async () => {
    await rig.bevatel.control.sql('delete from contacts');
    for (const { id } of rig.hubspot.control.contacts()) rig.hubspot.control.archive(id);
    await rig.bevatel.control.seed(TENANT, [
      { fields: { contact_first_name: 'عبد الرحمن محمد', email: 'a@example.com', company_name: 'شركة الأفق للتجارة', custom: { stage: 'new' } } },
      { fields: { contact_first_name: 'Sara', email: 'not an address', company_name: 'Short', custom: { stage: 'churned' } } },
    ]);
    rig.hubspot.control.seed([
      { firstname: 'Ana María', lastname: 'López', email: 'ana@example.com', company: 'Exactly 12..', lifecyclestage: 'customer' },
      { firstname: 'Layla', email: 'layla@example.com', lifecyclestage: 'evangelist' },
    ]);
    rig.hubspot.control.resetCounts();
    const { code, out, err } = await cli(['lint', await file('lint.yaml', mapped()), '--sample', '--json'], SECRETS);
    expect(err).toBe('');
    expect(code).toBe(1);
    const told = zLint.parse(JSON.parse(out));
    expect(told).toMatchObject({ ok: false, records: { bevatel: 2, external: 2 }, outside: { bevatel: 0, external: 0 } });
    expect(told.fields).toEqual([
      { group: 'contact_first_name', direction: 'both', mayLose: 'split', bevatel: { values: 2, survive: 2, rewritten: 0, losses: {} }, external: { values: 2, survive: 1, rewritten: 0, losses: { split: 1 } } },
      { group: 'company_name', direction: 'both', mayLose: 'truncated', bevatel: { values: 2, survive: 1, rewritten: 0, losses: { truncated: 1 } }, external: { values: 1, survive: 1, rewritten: 0, losses: {} } },
      { group: 'email', direction: 'both', mayLose: null, bevatel: { values: 2, survive: 1, rewritten: 0, losses: { 'invalid:email': 1 } }, external: { values: 2, survive: 2, rewritten: 0, losses: {} } },
      { group: 'custom.stage', direction: 'both', mayLose: null, bevatel: { values: 2, survive: 1, rewritten: 0, losses: { unknown_option: 1 } }, external: { values: 2, survive: 1, rewritten: 0, losses: { unknown_option: 1 } } },
    ]);
    expect(told.samples.map(({ side, group, reason, back }) => `${side} ${group} ${reason} ${back ?? '-'}`).sort()).toEqual([
      'bevatel company_name truncated ش••ة ا••••…', 'bevatel custom.stage unknown_option -', 'bevatel email invalid:email -',
      'external contact_first_name split ••• · M•••a L•••z', 'external custom.stage unknown_option -',
    ]);
    expect(out).not.toMatch(/López|not an address|churned|evangelist|التجارة/);
    expect(Object.keys(rig.hubspot.control.counts()).filter((name) => /create|update|upsert/i.test(name))).toEqual([]);
  });

  it('reads as many records as it is asked to, leaves out who is outside the filter, and ends with 0 when all survives', async () => {
    const path = await file('lint-vip.yaml', mapped({ filter: { external: { lifecyclestage: 'customer', lastname: { not: { startsWith: 'Lóp' } } } }, fields: fields.slice(1, 3) }));
    const some = await cli(['lint', path, '--sample', '1'], SECRETS);
    expect(some.out).toContain('records: Bevatel 1, external 1; outside the filter 0 and 1');
    const fine = await cli(['lint', await file('fine.yaml', integration({ fields: [{ bevatel: 'contact_first_name', external: 'firstname' }], match: [] })), '--sample', '50'], SECRETS);
    expect(fine).toMatchObject({ code: 0, err: '' });
    expect(fine.out).toContain('every value survives a round trip');
  });

  it('without --sample checks the file and the system\'s properties, all at once', async () => {
    const sound = await cli(['lint', await file('sound.yaml', mapped())], SECRETS);
    expect(sound).toMatchObject({ code: 0, err: '' });
    expect(sound.out).toContain('may lose something on the other side, which the richer side keeps: contact_first_name (split), company_name (truncated)');
    const unfit = await cli(['lint', await file('unfit-lint.yaml', mapped({ filter: { external: { lifecyclestage: 'Customer', nosuch: true } }, fields: [...fields.slice(2), { bevatel: 'tags', external: 'hs_lead_status' }] }))], SECRETS);
    expect(unfit.code).toBe(2);
    for (const told of ['external lifecyclestage: The contact property "lifecyclestage" has no option "Customer"; Use the internal values', 'external nosuch', 'external hs_lead_status: The contact property "hs_lead_status" takes one option']) expect(unfit.err).toContain(told);
    const wrong = await cli(['lint', await file('wrong.yaml', mapped({ fields: [{ lens: 'template', external: 'x', template: '{contact_first_name}{email}', direction: 'both' }] }))], SECRETS);
    expect(wrong.code).toBe(2);
    expect(wrong.err).toMatch(/fields\[0\].direction: line \d+: the template cannot be read backwards/);
    expect((await cli(['lint', await file('sound.yaml', mapped()), '--sample', 'many'], SECRETS)).code).toBe(2);
  });
});

describe('over the API', () => {
  it('status, conflicts, explain, dead-letters, pause and resume speak the shapes of the API with --json, and plain lines without', async () => {
    await recordSuccess(rig.deps.pool, { tenantId: TENANT, integrationId: INTEGRATION }, Date.now());
    await rig.store({
      bevatelId: 'b-cli', externalId: 'x-cli', bevatel: { contact_first_name: 'نورة', company_name: 'شركة', email: null }, external: { firstname: 'نورة', company: 'ACME', email: null },
      state: { groups: { company_name: { held: { type: 'create_create', since: 1, bevatel: ['شركة'], external: ['ACME'], bevatelTime: UNKNOWN_TIME, externalTime: UNKNOWN_TIME } } } },
    });
    expect(zStatus.parse(JSON.parse((await cli(['status', '--json'])).out))).toMatchObject({ ok: true, integrations: [{ state: 'connected' }] });
    expect((await cli(['status'])).out).toMatch(new RegExp(`^integration\\tstate\\t.*\\n${NAME}\\tconnected\\t`));
    expect(zExplainAnswer.parse(JSON.parse((await cli(['explain', 'b-cli', '--json'])).out)).links).toHaveLength(1);
    expect((await cli(['explain', 'x-cli'])).out).toContain('company_name\tشركة\tunknown\tACME\tunknown\t-\t-\theld: create_create');
    const [conflict] = zConflictList.parse(JSON.parse((await cli(['conflicts', 'list', '--json'])).out)).conflicts;
    expect(conflict?.type).toBe('create_create');
    const resolved = await cli(['conflicts', 'resolve', conflict?.id ?? '', '--winner', 'external', '--json']);
    expect(zResolveAnswer.parse(JSON.parse(resolved.out))).toMatchObject({ write: { side: 'bevatel', values: ['ACME'] } });
    const again = await cli(['conflicts', 'resolve', conflict?.id ?? '', '--winner', 'external']);
    expect(again).toMatchObject({ code: 1, out: '' });
    expect(again.err).toContain('state_moved');
    expect(zDeadLetterList.parse(JSON.parse((await cli(['dead-letters', 'list', '--json'])).out)).deadLetters).toEqual([]);
    expect((await cli(['pause', NAME])).out).toBe(`${NAME} is paused\n`);
    expect((await cli(['resume', NAME])).out).toBe(`${NAME} is running\n`);
  });

  it('deleted, restore and erase preview, ask for --yes, and speak the shapes of the API with --json', async () => {
    await rig.store({
      bevatelId: 'b-del', externalId: 'x-del', bevatel: { contact_first_name: 'ليلى', company_name: 'شركة', email: 'layla@acme.test' }, external: { firstname: 'ليلى', company: 'شركة', email: 'layla@acme.test' },
      state: { gone: { external: { how: 'deleted', at: 1, settledAt: 2, ignored: true } } },
    });
    expect(zDeletedList.parse(JSON.parse((await cli(['deleted', 'list', '--json'])).out)).deleted).toMatchObject([{ bevatelId: 'b-del', state: 'ignored' }]);
    expect((await cli(['deleted', 'show', 'x-del'])).out).toContain('external\tlast\tcompany\tشركة');
    const unsure = await cli(['restore', 'x-del']);
    expect(unsure).toMatchObject({ code: 2, out: '' });
    expect(unsure.err).toContain('--dry-run');
    expect((await cli(['restore', 'x-del', '--dry-run'])).out).toContain('external: x-del would be made again, under a new id, with\n    firstname: ليلى');
    expect(zRestoreAnswer.parse(JSON.parse((await cli(['restore', 'b-del', '--yes', '--json'])).out)).links).toHaveLength(1);
    expect((await cli(['restore', 'b-del', '--yes'])).err).toContain('not_restorable');

    expect((await cli(['erase', 'b-del', '--dry-run'])).out).toContain('1 hashes would keep the person out');
    const erased = await cli(['erase', 'b-del', '--yes', '--wait', '0']);
    expect(erased.code).toBe(1);
    expect(erased.out).toMatch(/^erasure \S+ of acme: clearing\n/);
    expect(erased.out).not.toMatch(/ليلى|layla/);
    const [listed] = zErasureList.parse(JSON.parse((await cli(['erase', 'list', '--json'])).out)).erasures;
    expect(zErasure.parse(JSON.parse((await cli(['erase', 'show', listed?.id ?? '', '--tenant', TENANT, '--json'])).out))).toMatchObject({ state: 'clearing', records: [{ bevatelId: 'b-del' }] });
    expect(await cli(['erase', 'lift', listed?.id ?? '', '--tenant', TENANT, '--yes'])).toMatchObject({ code: 1, err: expect.stringContaining('state_moved') });
    expect((await cli(['erase'])).code).toBe(2);
  });

  it('verify ends with 0 when nothing unexplained differs, and with 1 when something does', async () => {
    await rig.deps.pool.query('delete from links');
    await rig.bevatel.control.sql('delete from contacts');
    for (const { id } of rig.hubspot.control.contacts()) rig.hubspot.control.archive(id);
    const fine = await cli(['verify', NAME, '--settle', '0', '--json']);
    expect(fine.code).toBe(0);
    expect((JSON.parse(fine.out) as unknown[]).map((one) => zCertificate.parse(one).ok)).toEqual([true]);
    rig.hubspot.control.seed([{ firstname: 'Stranger' }]);
    const differs = await cli(['verify', '--settle', '0']);
    expect(differs.code).toBe(1);
    expect(differs.out).toContain('UNEXPLAINED DIFFERENCES');
    expect(differs.out).toContain('external 1');
  });

  it('certificates are listed, shown and compared', async () => {
    const [newest, before] = zCertificateList.parse(JSON.parse((await cli(['certificates', 'list', '--json'])).out)).certificates;
    expect([newest?.ok, before?.ok]).toEqual([false, true]);
    const shown = await cli(['certificates', 'show', newest?.id ?? '']);
    expect(shown.out).toContain(`certificate ${newest?.id} (verify of integration, by cli`);
    const findings = await cli(['certificates', 'show', newest?.id ?? '', '--findings']);
    expect(findings.out).toMatch(/^Bevatel -, external \d+: unlinked: no_link:external\n$/);
    const compared = await cli(['certificates', 'compare', before?.id ?? '', newest?.id ?? '']);
    expect(compared).toMatchObject({ code: 1, out: expect.stringContaining('unlinked:no_link:external\t0\t1') as string });
    expect((await cli(['certificates', 'compare', newest?.id ?? '', newest?.id ?? '', '--json'])).out).toBe('{"same":true,"sameRules":true,"moved":[]}\n');
    expect((await cli(['verifications', 'list'])).out).toContain(newest?.id);
    expect((await cli(['verifications', 'show', newest?.id ?? ''])).out).toBe(shown.out);
    expect(await cli(['verifications', 'cancel', newest?.id ?? ''])).toMatchObject({ code: 1, err: expect.stringContaining('state_moved') as string });
  });

  it('repair says what it would ask for, and asks for it at a word only', async () => {
    const [newest] = zCertificateList.parse(JSON.parse((await cli(['certificates', 'list', '--json'])).out)).certificates;
    expect(await cli(['repair'])).toMatchObject({ code: 2, err: expect.stringContaining('--dry-run') as string });
    expect(await cli(['repair', '--yes', '--contact', 'nosuch'])).toMatchObject({ code: 1, err: expect.stringContaining('not_found') as string });
    expect(await cli(['repair', '--yes', '--wait', 'soon'])).toMatchObject({ code: 2 });
    const dry = await cli(['repair', '--integration', NAME, '--dry-run']);
    expect(dry).toMatchObject({ code: 1, out: expect.stringContaining('drift: stray 1; would be read by id: Bevatel 0, external 1') as string });
    const done = await cli(['repair', '--from-certificate', newest?.id ?? '', '--yes', '--json']);
    expect((JSON.parse(done.out) as unknown[]).map((one) => zCertificate.parse(one))).toMatchObject([{ kind: 'repair', ok: true, repair: { dryRun: false, reads: { bevatel: 0, external: 1 } }, byReason: { 'in_flight:read_asked': 1 } }]);
    expect(done.code).toBe(0);
  });
});
