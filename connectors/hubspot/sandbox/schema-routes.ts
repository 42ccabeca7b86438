/** Properties, owners and account endpoints (fact sheet §2 property endpoints, §6 account-info, §7). */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { notFound } from './fault.ts';
import { parsed } from './object-routes.ts';
import type { PropertyTable } from './properties.ts';
import { propertyBody } from './properties.ts';

export interface Owner {
  readonly id: string;
  readonly userId: number;
  readonly email: string;
  readonly firstName: string;
  readonly lastName: string;
}

export interface Account {
  readonly portalId: number;
  readonly timeZone: string;
  readonly uiDomain: string;
}

const optionSchema = z.object({ label: z.string(), value: z.string(), hidden: z.boolean().default(false), displayOrder: z.number().default(-1) });
const createSchema = z.object({
  name: z.string().min(1), label: z.string().min(1), groupName: z.string().min(1), fieldType: z.string().min(1),
  type: z.enum(['string', 'number', 'date', 'datetime', 'enumeration', 'bool', 'phone_number']),
  options: z.array(optionSchema).default([]), hasUniqueValue: z.boolean().default(false),
});
const changeSchema = createSchema.pick({ label: true, groupName: true, fieldType: true, type: true }).partial()
  .extend({ options: z.array(optionSchema).optional() });
const nameSchema = z.object({ name: z.string() });
const archivedSchema = z.object({ archived: z.enum(['true', 'false']).default('false') });

export function registerPropertyRoutes(app: FastifyInstance, prefix: string, properties: PropertyTable, now: () => number): void {
  app.get(prefix, { config: { endpoint: 'properties.list' } }, async (request) => {
    const archived = parsed(archivedSchema, request.query).archived === 'true';
    return { results: properties.list(archived).map(propertyBody) };
  });
  app.get(`${prefix}/:name`, { config: { endpoint: 'properties.read' } }, async (request) => {
    const definition = properties.find(parsed(nameSchema, request.params).name);
    if (!definition) throw notFound();
    return propertyBody(definition);
  });
  app.post(prefix, { config: { endpoint: 'properties.create' } }, async (request, reply) => {
    const added = parsed(createSchema, request.body);
    return reply.code(201).send(propertyBody(properties.add({ ...added, readOnly: false, hubspotDefined: false, archived: false, createdAtMs: now() })));
  });
  app.patch(`${prefix}/:name`, { config: { endpoint: 'properties.update' } }, async (request) => {
    const change = Object.fromEntries(Object.entries(parsed(changeSchema, request.body)).filter(([, value]) => value !== undefined));
    return propertyBody(properties.change(parsed(nameSchema, request.params).name, change));
  });
  app.delete(`${prefix}/:name`, { config: { endpoint: 'properties.archive' } }, async (request, reply) => {
    properties.archive(parsed(nameSchema, request.params).name);
    return reply.code(204).send();
  });
}

export function registerAccountRoutes(app: FastifyInstance, account: Account, owners: readonly Owner[], nowMs: number): void {
  const createdAt = new Date(nowMs).toISOString();
  const ownerBody = (owner: Owner): unknown => ({
    ...owner, type: 'PERSON', archived: false, createdAt, updatedAt: createdAt, teams: [], userIdIncludingInactive: owner.userId,
  });
  const querySchema = z.object({ email: z.string().optional() });
  for (const path of ['/crm/v3/owners', '/crm/v3/owners/']) {
    app.get(path, { config: { endpoint: 'owners.list' } }, async (request) => {
      const { email } = parsed(querySchema, request.query);
      return { results: owners.filter((owner) => email === undefined || owner.email === email).map(ownerBody) };
    });
  }
  app.get('/crm/v3/owners/:name', { config: { endpoint: 'owners.read' } }, async (request) => {
    const owner = owners.find(({ id }) => id === parsed(nameSchema, request.params).name);
    if (!owner) throw notFound();
    return ownerBody(owner);
  });
  app.get('/account-info/v3/details', { config: { endpoint: 'account.details' } }, async () => ({
    ...account, accountType: 'STANDARD', companyCurrency: 'SAR', additionalCurrencies: [], utcOffset: '+03:00',
    utcOffsetMilliseconds: 10_800_000, dataHostingLocation: 'na1',
  }));
}
