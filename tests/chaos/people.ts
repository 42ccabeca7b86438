/** Who is there before the load begins: people known on both sides, and on either alone. */
import type { Flow } from '../flow/rig.ts';
import { TENANT } from '../flow/rig.ts';

/** Gives how many people that are. */
export async function seedPeople(flow: Flow, each: { readonly shared: number; readonly alone: number }): Promise<number> {
  const { shared, alone } = each;
  const people = (name: string, digit: number, count: number) => Array.from({ length: count }, (_, index) =>
    ({ name: `${name} ${index}`, email: `${name}-${index}@acme.test`, phone: `+96650${digit}${String(index).padStart(6, '0')}` }));
  await flow.bevatel.control.seed(TENANT, [...people('shared', 1, shared), ...people('agent', 2, alone)]
    .map(({ name, email, phone }) => ({ fields: { contact_first_name: name, email, phone_number: phone } })));
  flow.hubspot.control.seed([...people('shared', 1, shared), ...people('seller', 3, alone)]
    .map(({ name, email, phone }) => ({ firstname: name, email: email.toUpperCase(), phone })));
  return shared + 2 * alone;
}
