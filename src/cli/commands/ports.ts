import type { Command } from 'commander';
import type { Client, Json } from '../client.ts';
import type { Io } from '../io.ts';
import { Failure } from '../../base/failure.ts';
import { example } from '../help.ts';
import { NETWORK, PORT, SECURITY_GROUP, SUBNET } from '../resources/networks.ts';
import { printCreated, printing, printUpdated, type Printing } from '../printed.ts';

interface CreateOptions extends Printing {
  readonly subnet_id?: string;
  readonly fixedIp?: string;
  readonly name?: string;
  readonly securityGroup?: readonly string[];
}

interface UpdateOptions extends Printing {
  /** A list, or false for --no-security-group. */
  readonly securityGroup?: readonly string[] | false;
  readonly name?: string;
}

const collect = (value: string, previous: readonly string[] | boolean | undefined): string[] => [
  ...(Array.isArray(previous) ? previous : []),
  value,
];

export function portCommands(program: Command, io: Io, client: Client): void {
  const groups = (references: readonly string[]) =>
    Promise.all(references.map((reference) => client.resolve(SECURITY_GROUP, reference)));

  printing(program.command('port-create'))
    .summary('create a port in a network')
    .argument('<network>', 'uuid or unique name')
    .option('--subnet_id <subnet>', 'take the address from this subnet')
    .option('--fixed-ip <ip>', 'take this address')
    .option('--name <name>')
    .option('--security-group <group>', 'uuid or unique name; may be repeated', collect)
    .addHelpText('after', example('tianchi port-create --subnet_id=subnet1 --name vm1 net1'))
    .action(async (network: string, options: CreateOptions) => {
      const fixed = {
        ...(options.subnet_id === undefined
          ? {}
          : { subnet_id: await client.resolve(SUBNET, options.subnet_id) }),
        ...(options.fixedIp === undefined ? {} : { ip_address: options.fixedIp }),
      };
      const attributes: Json = {
        network_id: await client.resolve(NETWORK, network),
        ...(options.name === undefined ? {} : { name: options.name }),
        ...(Object.keys(fixed).length === 0 ? {} : { fixed_ips: [fixed] }),
        ...(options.securityGroup === undefined
          ? {}
          : { security_groups: await groups(options.securityGroup) }),
      };
      await printCreated(io, await client.create(PORT, attributes), options);
    });

  printing(program.command('port-update'))
    .summary("change a port's security groups or name")
    .argument('<port>', 'uuid or unique name')
    .option('--security-group <group>', 'replaces the list of groups; may be repeated', collect)
    .option('--no-security-group', 'takes all groups away')
    .option('--name <name>')
    .addHelpText('after', example('tianchi port-update vm1 --security-group default'))
    .action(async (reference: string, options: UpdateOptions) => {
      const asked = options.securityGroup;
      const attributes: Json = {
        ...(options.name === undefined ? {} : { name: options.name }),
        ...(asked === false ? { security_groups: [] } : {}),
        ...(Array.isArray(asked) ? { security_groups: await groups(asked) } : {}),
      };
      if (Object.keys(attributes).length === 0) {
        throw new Failure(
          'invalid',
          'Usage',
          'nothing to change: give --security-group, --no-security-group or --name',
        );
      }
      const item = await client.update(PORT, await client.resolve(PORT, reference), attributes);
      await printUpdated(io, item, options);
    });
}
