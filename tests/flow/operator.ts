/** What an operator does over the API of a flow's one integration: compares, repairs, looks at the status. */
import type { Role } from '../../runtime/deps.ts';
import { zStatus } from '../../schemas/api.ts';
import type { IntegrationStatus } from '../../schemas/api.ts';
import { zVerification } from '../../schemas/verification.ts';
import type { Certificate, RepairBody, Verification } from '../../schemas/verification.ts';
import type { Flow } from './rig.ts';
import { INTEGRATION, TENANT, until } from './rig.ts';

/** Starts the role; it is stopped after the file, or before by its own `stop`. */
export async function startOperator(flow: Flow): Promise<Operator> {
  return new Operator(await flow.startOperate(), flow.deps.config.apiKey ?? '');
}

export class Operator {
  readonly role: Role & { readonly url: string };
  readonly #key: string;

  constructor(role: Role & { readonly url: string }, key: string) {
    this.role = role;
    this.#key = key;
  }

  async call(method: 'GET' | 'POST', path: string, body?: object): Promise<unknown> {
    const answer = await fetch(`${this.role.url}${path}`, {
      method, headers: { authorization: `Bearer ${this.#key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify({ tenant: TENANT, integration: INTEGRATION, ...body }) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  verify(settleMs = 0): Promise<Certificate> {
    return this.#run('/v1/verifications', { settleMs });
  }

  repair(order: Partial<RepairBody> = {}): Promise<Certificate> {
    return this.#run('/v1/repairs', order);
  }

  async status(): Promise<IntegrationStatus> {
    const [one] = zStatus.parse(await this.call('GET', '/v1/status')).integrations;
    if (!one) throw new Error('there is no integration');
    return one;
  }

  async run(id: string): Promise<Verification> {
    return zVerification.parse(await this.call('GET', `/v1/verifications/${id}`));
  }

  async #run(path: string, order: object): Promise<Certificate> {
    const { id } = zVerification.parse(await this.call('POST', path, order));
    await until('the comparison has ended', async () => (await this.run(id)).state !== 'running');
    const { certificate, error } = await this.run(id);
    if (!certificate) throw new Error(JSON.stringify(error));
    return certificate;
  }
}
