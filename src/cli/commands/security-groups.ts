import type { Command } from 'commander';
import type { Client, Json } from '../client.ts';
import type { Io } from '../io.ts';
import { Failure } from '../../base/failure.ts';
import { example } from '../help.ts';
import { SECURITY_GROUP, SECURITY_GROUP_RULE } from '../resources/networks.ts';
import { printCreated, printing, type Printing } from '../printed.ts';

interface RuleOptions extends Printing {
  readonly direction: string;
  readonly ethertype?: string;
  readonly protocol?: string;
  readonly portRange?: string;
  readonly remoteIp?: string;
  readonly remoteGroup?: string;
}

/** `A:B`, or one number for both ends (for icmp: a type alone leaves the code open). */
function portRange(text: string, protocol: string | undefined): Json {
  const found = /^(\d{1,5})(?::(\d{1,5}))?$/.exec(text);
  if (found === null) {
    throw new Failure(
      'invalid',
      'InvalidInput',
      `--port-range is '${text}'; give FIRST:LAST, for icmp TYPE:CODE`,
    );
  }
  const first = Number(found[1]);
  if (found[2] !== undefined) return { port_range_min: first, port_range_max: Number(found[2]) };
  const icmp = protocol?.includes('icmp') === true;
  return icmp ? { port_range_min: first } : { port_range_min: first, port_range_max: first };
}

export function securityGroupCommands(program: Command, io: Io, client: Client): void {
  printing(program.command('security-group-create'))
    .summary('create a security group')
    .argument('<name>')
    .addHelpText('after', example('tianchi security-group-create web'))
    .action(async (name: string, options: Printing) => {
      await printCreated(io, await client.create(SECURITY_GROUP, { name }), options);
    });

  printing(program.command('security-group-rule-create'))
    .summary('allow some traffic in a security group')
    .argument('<group>', 'uuid or unique name')
    .requiredOption('--direction <direction>', 'ingress or egress, as the VM sees it')
    .option('--ethertype <type>', 'IPv4 or IPv6')
    .option('--protocol <protocol>', 'tcp, udp, icmp … or a number; any when left out')
    .option('--port-range <range>', 'FIRST:LAST; for icmp TYPE:CODE')
    .option('--remote-ip <cidr>', 'only with these addresses')
    .option('--remote-group <group>', 'only with the ports of this group')
    .addHelpText(
      'after',
      example(
        'tianchi security-group-rule-create web --direction ingress --protocol tcp --port-range 80:80',
      ),
    )
    .action(async (group: string, options: RuleOptions) => {
      const attributes: Json = {
        security_group_id: await client.resolve(SECURITY_GROUP, group),
        direction: options.direction,
        ...(options.ethertype === undefined
          ? options.remoteIp?.includes(':') === true
            ? { ethertype: 'IPv6' }
            : {}
          : { ethertype: options.ethertype.replace(/^ipv/i, 'IPv') }),
        ...(options.protocol === undefined ? {} : { protocol: options.protocol }),
        ...(options.portRange === undefined ? {} : portRange(options.portRange, options.protocol)),
        ...(options.remoteIp === undefined ? {} : { remote_ip_prefix: options.remoteIp }),
        ...(options.remoteGroup === undefined
          ? {}
          : { remote_group_id: await client.resolve(SECURITY_GROUP, options.remoteGroup) }),
      };
      await printCreated(io, await client.create(SECURITY_GROUP_RULE, attributes), options);
    });
}
