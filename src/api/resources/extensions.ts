/**
 * Neutron's names for what this API has beyond networks, subnets and ports. A client asks for them
 * before it uses what they stand for, so one is named here only when all of it is served.
 */
export const EXTENSIONS: ReadonlyMap<string, string> = new Map([
  ['allowed-address-pairs', 'Other addresses that a port may send from'],
  ['binding', 'The node that a port is on'],
  ['ext-gw-mode', 'Gateways with and without source translation'],
  ['external-net', 'Networks that routers have gateways on'],
  ['extraroute', 'Routes of a router'],
  ['extraroute-atomic', 'Routes of a router, added and removed one by one'],
  ['fip-port-details', 'The port of a floating ip'],
  ['floatingip-pools', 'Subnets to have floating ips of'],
  ['ip-substring-filtering', 'Ports by a part of an address'],
  ['net-mtu', 'The largest packet of a network'],
  ['net-mtu-writable', 'Networks with smaller packets'],
  ['pagination', 'Lists in pages'],
  ['port-security', 'Ports whose packets are not checked'],
  ['project-id', 'project_id beside tenant_id'],
  ['provider', 'How a network is carried'],
  ['rbac-policies', 'What is shared with other projects'],
  ['rbac-security-groups', 'Security groups among it'],
  ['router', 'Routers, their interfaces and floating ips'],
  ['router_availability_zone', 'The zone of a router'],
  ['security-group', 'Rules for the packets of ports'],
  ['service-type', 'Who serves routers'],
  ['sorting', 'Lists in the order asked for'],
  ['standard-attr-description', 'Descriptions'],
  ['standard-attr-revisions', 'How often an object has changed'],
  ['standard-attr-timestamp', 'When an object was made and changed'],
]);
