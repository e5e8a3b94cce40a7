import type { Command } from 'commander';
import type { Client, Json } from '../client.ts';
import type { Io } from '../io.ts';
import { Failure } from '../../base/failure.ts';
import { example } from '../help.ts';
import { NETWORK, ROUTER, SUBNET } from '../resources/networks.ts';
import { printCreated, printing, type Printing } from '../printed.ts';

function ipVersion(text: string | undefined, cidr: string): 4 | 6 {
  if (text === undefined) return cidr.includes(':') ? 6 : 4;
  if (text === '4' || text === '6') return text === '4' ? 4 : 6;
  throw new Failure('invalid', 'InvalidInput', `the IP version is '${text}'; it must be 4 or 6`);
}

/** The VPC, its router, its subnets. */
export function networkCommands(program: Command, io: Io, client: Client): void {
  const created = (item: Json, options: Printing) => printCreated(io, item, options);

  printing(program.command('net-create'))
    .summary('create a network')
    .argument('<name>')
    .argument('[cidr]', 'makes it a first-layer network: a VPC with this address space')
    .addHelpText('after', example('tianchi net-create vpc1 178.1.0.0/16'))
    .action(async (name: string, cidr: string | undefined, options: Printing) => {
      await created(
        await client.create(NETWORK, { name, ...(cidr === undefined ? {} : { cidr }) }),
        options,
      );
    });

  printing(program.command('router-create'))
    .summary("create a router, a VPC's with its network")
    .argument('<name>')
    .argument('[network]', 'the first-layer network, by uuid or unique name')
    .addHelpText('after', example('tianchi router-create router1 vpc1'))
    .action(async (name: string, network: string | undefined, options: Printing) => {
      const attributes =
        network === undefined ? {} : { network_id: await client.resolve(NETWORK, network) };
      await created(await client.create(ROUTER, { name, ...attributes }), options);
    });

  printing(program.command('subnet-create'))
    .summary('create a subnet in a network')
    .argument('<network>', 'uuid or unique name')
    .argument('<cidr>', 'for example 178.1.3.0/24')
    .argument('[version]', '4 or 6; by default what the cidr is')
    .argument('[pool]', 'a label, kept as resource_pool')
    .addHelpText('after', example('tianchi subnet-create net1 178.1.3.0/24 4 N001-JS-CK-TCCS01'))
    .action(
      async (
        network: string,
        cidr: string,
        version: string | undefined,
        pool: string | undefined,
        options: Printing,
      ) => {
        const ip_version = ipVersion(version, cidr);
        const network_id = await client.resolve(NETWORK, network);
        const label = pool === undefined ? {} : { resource_pool: pool };
        await created(
          await client.create(SUBNET, { network_id, cidr, ip_version, ...label }),
          options,
        );
      },
    );
}
