/**
 * What each attribute of an object looks like in the tree, structurally: that a port's network is
 * there, or its address in its subnet, is not a matter of form. An attribute that this program does
 * not know is none of its business: a newer one may have written it.
 */
import { addressBits, formatIp, parsePrefix, tryParseIp } from '../../address/index.ts';
import { Failure } from '../../base/failure.ts';
import { isUuid } from '../../base/ids.ts';
import { COUNTED, type Kind, type Objects, type Standard } from '../objects.ts';

interface Form {
  /** Completes "is not …". */
  readonly wanted: string;
  readonly fits: (value: unknown) => boolean;
}

const form = (wanted: string, fits: (value: unknown) => boolean): Form => ({ wanted, fits });

const textThat = (wanted: string, fits: (text: string) => boolean): Form =>
  form(wanted, (value) => typeof value === 'string' && fits(value));

const isPrefix = (text: string): boolean => {
  try {
    parsePrefix(text);
    return true;
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  }
};

/** In the one written form: paths are made of it. */
const isAddress = (text: string): boolean => {
  const ip = tryParseIp(text);
  return ip !== null && formatIp(ip) === text;
};

/** As a rule keeps its remote prefix: host bits as they were given, both parts in their one form. */
const isPrefixAround = (text: string): boolean => {
  const [host = '', length = ''] = text.split('/');
  const ip = tryParseIp(host);
  if (ip === null || formatIp(ip) !== host || !/^(0|[1-9]\d*)$/.test(length)) return false;
  return Number(length) <= addressBits(ip.version) && text === `${host}/${length}`;
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const whole = (low: number, high: number): Form =>
  form(
    `a whole number from ${low} to ${high}`,
    (value) => Number.isInteger(value) && Number(value) >= low && Number(value) <= high,
  );

const oneOf = (...values: readonly (string | number)[]): Form =>
  form(`one of ${values.join(', ')}`, (value) => values.some((each) => each === value));

const either = (a: Form, b: Form): Form =>
  form(`${a.wanted} or ${b.wanted}`, (value) => a.fits(value) || b.fits(value));

const optional = (inner: Form): Form =>
  form(`${inner.wanted}, or left out`, (value) => value === undefined || inner.fits(value));

const listOf = (inner: Form): Form =>
  form(
    `a list of ${inner.wanted}`,
    (value) => Array.isArray(value) && value.every((each) => inner.fits(each)),
  );

const recordOf = (parts: Readonly<Record<string, Form>>): Form =>
  form(
    `an object with ${Object.keys(parts).join(', ')}`,
    (value) =>
      isRecord(value) && Object.entries(parts).every(([name, part]) => part.fits(value[name])),
  );

const nothing = form('null', (value) => value === null);
const orNull = (inner: Form): Form => either(inner, nothing);

const text = textThat('text', () => true);
const flag = form('true or false', (value) => typeof value === 'boolean');
const yes = form('true', (value) => value === true);
const uuid = textThat('a uuid', isUuid);
const address = textThat('an address in its shortest form', isAddress);
const prefix = textThat('a prefix without host bits', isPrefix);
const prefixAround = textThat('a prefix, host bits or none', isPrefixAround);
const mac = textThat('a MAC address in lower case', (value) =>
  /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(value),
);
const instant = textThat('a time in UTC', (value) =>
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(value),
);
const count = whole(0, Number.MAX_SAFE_INTEGER);
const version = oneOf(4, 6);
const vni = whole(1, 2 ** 24 - 1);
const portNumber = whole(0, 65535);

const vpc = recordOf({ id: uuid, vni });
const fixedIps = listOf(recordOf({ subnet_id: uuid, ip_address: address }));
const routes = listOf(recordOf({ destination: prefix, nexthop: address }));
const ipv6Mode = orNull(oneOf('slaac', 'dhcpv6-stateful', 'dhcpv6-stateless'));
const vifType = oneOf('ovs', 'vhostuser', 'unbound', 'binding_failed');
const status = oneOf('ACTIVE', 'DOWN', 'BUILD', 'ERROR');
const profile = form('an object', isRecord);

type Forms<T> = { readonly [A in keyof T]-?: Form };

const history = { created_at: instant, updated_at: instant, revision_number: count };
const standard: Forms<Standard> = {
  id: uuid,
  project_id: text,
  description: text,
  ...history,
  tags: listOf(text),
  quota_slot: optional(count),
};
const namedStandard: Forms<Standard & { readonly name: string }> = { ...standard, name: text };

const FORMS: { readonly [K in Kind]: Forms<Objects[K]> } = {
  network: {
    ...namedStandard,
    admin_state_up: flag,
    mtu: whole(68, 65535),
    'router:external': flag,
    is_default: flag,
    auto_allocated: optional(yes),
    port_security_enabled: flag,
    dns_domain: text,
    cidr: orNull(prefix),
    router_id: orNull(uuid),
    vpc,
    next_vpc: orNull(vpc),
    last_vpc: orNull(vpc),
    vni: orNull(vni),
    birth_vpc: uuid,
  },
  subnet: {
    ...namedStandard,
    network_id: uuid,
    ip_version: version,
    cidr: prefix,
    gateway_ip: orNull(address),
    allocation_pools: listOf(recordOf({ start: address, end: address })),
    enable_dhcp: flag,
    dns_nameservers: listOf(address),
    host_routes: routes,
    ipv6_ra_mode: ipv6Mode,
    ipv6_address_mode: ipv6Mode,
    subnetpool_id: orNull(uuid),
    service_types: listOf(text),
    resource_pool: orNull(text),
  },
  router: {
    ...namedStandard,
    admin_state_up: flag,
    network_id: orNull(uuid),
    external_gateway_info: orNull(
      recordOf({ network_id: uuid, enable_snat: flag, external_fixed_ips: fixedIps }),
    ),
    routes,
  },
  port: {
    ...namedStandard,
    network_id: uuid,
    admin_state_up: flag,
    mac_address: mac,
    fixed_ips: fixedIps,
    allowed_address_pairs: listOf(
      recordOf({ ip_address: either(address, prefix), mac_address: mac }),
    ),
    port_security_enabled: flag,
    security_groups: listOf(uuid),
    extra_dhcp_opts: listOf(recordOf({ opt_name: text, opt_value: text, ip_version: version })),
    dns_name: text,
    dns_domain: text,
    device_id: text,
    device_owner: text,
    'binding:host_id': text,
    'binding:vnic_type': text,
    'binding:profile': profile,
    'binding:vif_type': vifType,
    standby_bindings: listOf(recordOf({ host: text, vif_type: vifType, vnic_type: text, profile })),
    status,
  },
  security_group: { ...namedStandard, stateful: flag, is_default: optional(flag) },
  security_group_rule: {
    ...standard,
    security_group_id: uuid,
    direction: oneOf('ingress', 'egress'),
    ethertype: oneOf('IPv4', 'IPv6'),
    protocol: orNull(text),
    port_range_min: orNull(portNumber),
    port_range_max: orNull(portNumber),
    remote_ip_prefix: orNull(prefixAround),
    remote_group_id: orNull(uuid),
    remote_address_group_id: orNull(uuid),
  },
  floatingip: {
    ...standard,
    floating_network_id: uuid,
    floating_ip_address: address,
    port_id: orNull(uuid),
    fixed_ip_address: orNull(address),
    router_id: orNull(uuid),
    status,
    dns_name: text,
    dns_domain: text,
  },
  address_scope: { ...namedStandard, ip_version: version },
  subnetpool: {
    ...namedStandard,
    ip_version: version,
    prefixes: listOf(prefix),
    default_prefixlen: whole(0, 128),
    min_prefixlen: whole(0, 128),
    max_prefixlen: whole(0, 128),
    default_quota: orNull(count),
    is_default: flag,
    address_scope_id: orNull(uuid),
  },
  address_group: { ...namedStandard, addresses: listOf(prefix) },
  quota: {
    id: text,
    limits: recordOf(
      Object.fromEntries(COUNTED.map((kind) => [kind, optional(whole(-1, 2 ** 31 - 1))])),
    ),
    ...history,
  },
  rbac_policy: {
    id: uuid,
    project_id: text,
    object_type: oneOf('network', 'security_group', 'address_scope', 'subnetpool', 'address_group'),
    object_id: uuid,
    action: oneOf('access_as_shared', 'access_as_external'),
    target_tenant: text,
    created_at: instant,
  },
  node: {
    id: text,
    vtep: address,
    datapath: optional(
      recordOf({ type: oneOf('system', 'netdev'), vhostuser_socket_dir: orNull(text) }),
    ),
    agent_alive: optional(flag),
    description: text,
    ...history,
  },
};

export const KINDS = Object.keys(FORMS) as readonly Kind[];

/** Characters of a wrong value that a message repeats. */
const SHOWN = 80;

function shown(value: unknown): string {
  const json = value === undefined ? 'left out' : JSON.stringify(value);
  return json.length > SHOWN ? `${json.slice(0, SHOWN)}…` : json;
}

/**
 * Holds a value against the form of a kind's objects, and tells `wrong` of each attribute that is
 * not as it should be: `mtu is "1500", not a whole number …`.
 */
export function isObject<K extends Kind>(
  kind: K,
  value: unknown,
  wrong: (what: string) => void,
): value is Objects[K] {
  if (!isRecord(value)) {
    wrong(`it is ${shown(value)}, not an object`);
    return false;
  }
  let fits = true;
  for (const [name, attribute] of Object.entries<Form>(FORMS[kind])) {
    const found = value[name];
    if (attribute.fits(found)) continue;
    fits = false;
    wrong(`${name} is ${shown(found)}, not ${attribute.wanted}`);
  }
  return fits;
}

/** What lies in the tree beside objects and claims, by the form of its path. */
const APART: readonly (readonly [path: RegExp, form: Form])[] = [
  [/^nova_sender$/, recordOf({ server: text })],
  [
    /^nova_events\/..\/[^/]+$/,
    recordOf({
      order: form('a number', (value) => typeof value === 'number'),
      event: recordOf({ server_uuid: text, name: text, tag: text }),
    }),
  ],
];

/**
 * The form of a node that is neither object nor claim; undefined: no such node is known.
 * @param path below the root, without its slash.
 */
export const formApart = (path: string): Form | undefined =>
  APART.find(([at]) => at.test(path))?.[1];
