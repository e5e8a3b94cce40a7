import { OWNED } from '../auth/rules.ts';
import { constant, fixed, ID, NAME, resource, settable, STANDARD } from '../rest/resource.ts';
import {
  address,
  bool,
  choice,
  idOf,
  list,
  nullable,
  optional,
  record,
  uuid,
} from '../rest/schemas.ts';

const gateway = () =>
  record({
    network_id: optional(idOf('network')),
    enable_snat: optional(bool()),
    external_fixed_ips: optional(
      list(record({ subnet_id: optional(uuid()), ip_address: optional(address()) })),
    ),
  });

export const routers = resource({
  kind: 'router',
  collection: 'routers',
  member: 'router',
  typeName: 'Router',
  attributes: {
    ...ID,
    ...NAME,
    admin_state_up: settable(bool()),
    status: constant(choice('ACTIVE'), 'ACTIVE'),
    network_id: fixed(nullable(idOf('network')), { index: 'router.by_network' }),
    external_gateway_info: settable(nullable(gateway())),
    ...STANDARD,
  },
  access: {
    ...OWNED,
    give: {
      'external_gateway_info.enable_snat': 'admin',
      'external_gateway_info.external_fixed_ips': 'admin',
    },
  },
});
