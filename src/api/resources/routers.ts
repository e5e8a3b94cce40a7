import type { InterfaceInput, RoutesInput } from '../../model/inputs.ts';
import {
  addRouterInterface,
  removeRouterInterface,
  type RouterInterface,
} from '../../model/router-interfaces.ts';
import { addExtraRoutes, removeExtraRoutes } from '../../model/routers.ts';
import { OWNED } from '../auth/rules.ts';
import {
  action,
  type Call,
  constant,
  fixed,
  given,
  ID,
  NAME,
  resource,
  settable,
  STANDARD,
} from '../rest/resource.ts';
import {
  address,
  bool,
  choice,
  idOf,
  list,
  nullable,
  optional,
  prefix,
  record,
  shownList,
  text,
  uuid,
} from '../rest/schemas.ts';
import { ZONE } from './availability-zones.ts';

const gateway = () =>
  record({
    network_id: optional(idOf('network')),
    enable_snat: optional(bool()),
    external_fixed_ips: optional(
      list(record({ subnet_id: optional(uuid()), ip_address: optional(address()) })),
    ),
  });

const routes = () => list(record({ destination: prefix(), nexthop: address() }));

/** The router's id, and what it is in the subnets by. */
const interfaceShown = ({ router, port, subnets }: RouterInterface) => ({
  id: router.id,
  port_id: port.id,
  network_id: port.network_id,
  subnet_id: subnets.at(-1),
  subnet_ids: subnets,
  project_id: port.project_id,
  tenant_id: port.project_id,
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
    routes: settable(nullable(routes())),
    distributed: given(bool(), false),
    ha: given(bool(), false),
    availability_zones: constant(shownList(text()), [ZONE]),
    availability_zone_hints: constant(shownList(text()), []),
    ...STANDARD,
  },
  access: {
    ...OWNED,
    give: {
      distributed: 'admin',
      ha: 'admin',
      'external_gateway_info.enable_snat': 'admin',
      'external_gateway_info.external_fixed_ips': 'admin',
    },
    hidden: ['distributed', 'ha'],
  },
  actions: [
    ...(
      [
        ['add_router_interface', addRouterInterface],
        ['remove_router_interface', removeRouterInterface],
      ] as const
    ).map(([name, plan]) =>
      action({
        method: 'PUT',
        name,
        access: 'member',
        body: record({ subnet_id: optional(idOf('subnet')), port_id: optional(idOf('port')) }),
        plan: (topology, { id, body }: Call<InterfaceInput>, context) =>
          plan(topology, id, body, context),
        answer: interfaceShown,
      }),
    ),
    ...(
      [
        ['add_extraroutes', addExtraRoutes],
        ['remove_extraroutes', removeExtraRoutes],
      ] as const
    ).map(([name, plan]) =>
      action({
        method: 'PUT',
        name,
        access: 'member',
        key: 'router',
        body: record({ routes: routes() }),
        plan: (topology, { id, body }: Call<RoutesInput>, context) =>
          plan(topology, id, body, context),
      }),
    ),
  ],
});
