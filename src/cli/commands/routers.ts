import type { Command } from 'commander';
import { printCreated, printing, type Printing } from '../printed.ts';
import { example } from '../help.ts';
import type { Client, Json } from '../client.ts';
import type { Io } from '../io.ts';
import { NETWORK, ROUTER, SUBNET } from '../resources/networks.ts';

const REFERENCE = 'uuid or unique name';

/** What a router joins, and where it leads out. */
export function routerCommands(program: Command, io: Io, client: Client): void {
  const wire = async (action: string, router: string, subnet: string): Promise<Json> => {
    const id = await client.resolve(ROUTER, router);
    const subnet_id = await client.resolve(SUBNET, subnet);
    return client.act(ROUTER, id, action, { subnet_id });
  };

  printing(program.command('router-interface-add'))
    .summary('put a router into a subnet; prints the uuid of its port there')
    .argument('<router>', REFERENCE)
    .argument('<subnet>', `${REFERENCE}; the router has the address of its gateway`)
    .addHelpText('after', example('tianchi router-interface-add router1 subnet1'))
    .action(async (router: string, subnet: string, options: Printing) => {
      const added = await wire('add_router_interface', router, subnet);
      await printCreated(io, added, options, 'port_id');
    });

  program
    .command('router-interface-delete')
    .summary('take a router out of a subnet')
    .argument('<router>', REFERENCE)
    .argument('<subnet>', REFERENCE)
    .addHelpText('after', example('tianchi router-interface-delete router1 subnet1'))
    .action(async (router: string, subnet: string) => {
      await wire('remove_router_interface', router, subnet);
    });

  program
    .command('router-gateway-set')
    .summary('lead a router out to an external network')
    .argument('<router>', REFERENCE)
    .argument('<network>', `the external network, by ${REFERENCE}`)
    .addHelpText('after', example('tianchi router-gateway-set router1 public'))
    .action(async (router: string, network: string) => {
      const id = await client.resolve(ROUTER, router);
      const network_id = await client.resolve(NETWORK, network);
      await client.update(ROUTER, id, { external_gateway_info: { network_id } });
    });

  program
    .command('router-gateway-clear')
    .summary('take the way out from a router')
    .argument('<router>', REFERENCE)
    .addHelpText('after', example('tianchi router-gateway-clear router1'))
    .action(async (router: string) => {
      const id = await client.resolve(ROUTER, router);
      await client.update(ROUTER, id, { external_gateway_info: null });
    });
}
