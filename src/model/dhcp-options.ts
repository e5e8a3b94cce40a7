/** A port's own DHCP options, as its owner changes them. */
import type { ExtraDhcpOptionInput } from './inputs.ts';
import { namedDhcpOption } from './named-dhcp-options.ts';
import type { ExtraDhcpOption } from './objects.ts';
import { invalid } from './values.ts';

const MOST = 100;

const keyOf = ({ opt_name, ip_version }: ExtraDhcpOption): string => `${ip_version} ${opt_name}`;

/**
 * `before` with the options of `given` put in place, and those without a value taken away. A name
 * or addresses that only the other version of DHCP has are kept, as Neutron keeps them, and told to
 * nobody.
 * @throws {Failure} `invalid` for names nobody knows and values that do not fit them.
 */
export function extraDhcpOptions(
  before: readonly ExtraDhcpOption[],
  given: readonly ExtraDhcpOptionInput[],
): ExtraDhcpOption[] {
  const options = new Map(before.map((option) => [keyOf(option), option]));
  for (const { opt_name, opt_value, ip_version = 4 } of given) {
    const version = Number(ip_version) === 6 ? 6 : 4;
    const option = { opt_name, opt_value: opt_value ?? '', ip_version: version } as const;
    if (opt_value === null) options.delete(keyOf(option));
    else {
      namedDhcpOption(version, opt_name, opt_value);
      options.set(keyOf(option), option);
    }
  }
  if (options.size > MOST) {
    throw invalid('extra_dhcp_opts', options.size, 'are too many', `give ${MOST} at most`);
  }
  return [...options.values()];
}
