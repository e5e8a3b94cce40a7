/** The names of ports and the domains they lie in, as DHCP hands them out. */
import type { Network, Port } from './objects.ts';
import { invalid } from './values.ts';

/** The domain of ports that neither name one nor have a network that does: Neutron's default. */
const DEFAULT_DOMAIN = 'openstacklocal.';

/** Characters of a fully qualified name with its dot at the end. */
const LONGEST = 255;
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

function checkName(field: string, name: string): void {
  const labels = name.replace(/\.$/, '').split('.');
  if (name.length > LONGEST) {
    throw invalid(field, name, 'is too long', `give ${LONGEST} characters at most`);
  }
  if (!labels.every((label) => LABEL.test(label))) {
    const remedy = 'give labels of 1 to 63 letters, digits and inner hyphens with dots between';
    throw invalid(field, name, 'is no domain name', remedy);
  }
  if (labels.length > 1 && /^\d+$/.test(labels.at(-1) ?? '')) {
    throw invalid(field, name, 'ends in a number', 'give a domain whose last label has letters');
  }
}

/**
 * A domain in its one written form: lower case with a dot at the end; empty for none.
 * @throws {Failure} `invalid`.
 */
export function domainName(text: string, field = 'dns_domain'): string {
  const domain = text.toLowerCase();
  if (domain === '') return '';
  if (!domain.endsWith('.')) {
    throw invalid(field, text, 'is not fully qualified', `write "${text}." with a dot at the end`);
  }
  checkName(field, domain);
  return domain;
}

/** The domain of a port's names, without the dot at the end. @param own The port's `dns_domain`. */
export function domainOf(own: string, network: Pick<Network, 'dns_domain'>): string {
  return (own || network.dns_domain || DEFAULT_DOMAIN).slice(0, -1);
}

/**
 * A port's name in its one written form; empty for none.
 * @throws {Failure} `invalid`; also for a fully qualified one outside `domain`.
 */
export function portName(text: string, domain: string): string {
  const field = 'dns_name';
  const name = text.toLowerCase();
  if (name === '') return '';
  checkName(field, name);
  if (name.endsWith('.')) {
    if (name.endsWith(`.${domain}.`)) return name;
    throw invalid(field, text, `is outside ${domain}`, `give a name, or one ending in .${domain}.`);
  }
  if (name.length + domain.length + 2 > LONGEST) {
    throw invalid(field, text, `is too long with .${domain}.`, 'give a shorter name');
  }
  return name;
}

/** What the host with this address of the port is called, without its domain. */
export function hostName(dns_name: string, domain: string, address: string): string {
  // As Neutron names them, so that images find the name they expect.
  if (dns_name === '') return `host-${address.replaceAll('.', '-').replaceAll(':', '-')}`;
  const tail = `.${domain}.`;
  return dns_name.endsWith(tail) ? dns_name.slice(0, -tail.length) : dns_name;
}

export interface DnsAssignment {
  readonly ip_address: string;
  readonly hostname: string;
  readonly fqdn: string;
}

/** The names of all the port's addresses. */
export function dnsAssignments(port: Port, network: Pick<Network, 'dns_domain'>): DnsAssignment[] {
  const domain = domainOf(port.dns_domain, network);
  return port.fixed_ips.map(({ ip_address }) => {
    const host = hostName(port.dns_name, domain, ip_address);
    return { ip_address, hostname: port.dns_name || host, fqdn: `${host}.${domain}.` };
  });
}
