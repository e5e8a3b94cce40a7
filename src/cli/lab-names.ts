/** The lab's VMs as ends of a trace: its server knows their ports, and not what the lab calls them. */
import { Failure } from '../base/failure.ts';
import type { Client } from './client.ts';
import type { Io } from './io.ts';

/**
 * From the name of a VM of the lab to the uuid of its port; any other text stays as it is. Where no
 * lab is up, or another server than its is asked, that is every text.
 */
export async function labNames(io: Io, client: Client): Promise<(name: string) => string> {
  const { Lab, Vms } = await import('../lab/index.ts');
  const lab = Lab.of(io.env);
  try {
    if (new URL(lab.record().url).host !== client.host) return (name) => name;
  } catch (error) {
    if (error instanceof Failure) return (name) => name;
    throw error;
  }
  const ports = new Map(new Vms(lab, client).list().map(({ name, port }) => [name, port]));
  return (name) => ports.get(name) ?? name;
}
