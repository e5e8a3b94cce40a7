import {
  activateBinding,
  bindingsOf,
  createBinding,
  deleteBinding,
  updateBinding,
  type Binding,
  type BindingInput,
  type BindingPatch,
} from '../../model/bindings.ts';
import type { Node, VifType } from '../../model/objects.ts';
import { OPERATOR } from '../auth/rules.ts';
import {
  action,
  derived,
  fixed,
  settable,
  shown,
  view,
  type Call,
  type Scope,
} from '../rest/resource.ts';
import { choice, freeForm, nullable, project, text, uuid } from '../rest/schemas.ts';
import type { Topology } from '../../model/topology.ts';

/** Characters of a port's id in its socket's name: as Neutron, and short enough for an interface. */
const SOCKET_ID = 11;

/** What Nova needs to plug a port of ours into br-int. */
export function vifDetails(port: string, vif: VifType, node: Node | undefined) {
  const common = {
    connectivity: 'l2',
    port_filter: true,
    ovs_hybrid_plug: false,
    datapath_type: node?.datapath?.type ?? 'netdev',
    bridge_name: 'br-int',
  };
  const sockets = node?.datapath?.vhostuser_socket_dir;
  if (vif === 'ovs') return common;
  if (vif !== 'vhostuser' || !sockets) return {};
  return {
    ...common,
    // QEMU makes the socket and the switch connects to it, so that either may be restarted.
    vhostuser_mode: 'server',
    vhostuser_ovs_plug: true,
    vhostuser_socket: `${sockets}/vhu${port.slice(0, SOCKET_ID)}`,
  };
}

export const VIF_TYPES = choice('ovs', 'vhostuser', 'unbound', 'binding_failed');

const bindings = (topology: Topology, { parent }: Scope): readonly Binding[] => {
  const port = topology.get('port', parent);
  return port === undefined ? [] : bindingsOf(port);
};

/** The nodes that a port is on or prepared for; activating one is how a live migration ends. */
export const portBindings = view({
  collection: 'bindings',
  member: 'binding',
  typeName: 'PortBinding',
  idAttribute: 'host',
  attributes: {
    host: fixed(text(255, 1), { required: true }),
    vif_type: shown(VIF_TYPES),
    vif_details: derived(
      freeForm(),
      ({ port_id, vif_type, host }: Binding, topology) =>
        vifDetails(port_id, vif_type, topology.get('node', host)),
      { filter: false },
    ),
    vnic_type: settable(choice('normal')),
    profile: settable(nullable(freeForm()), { filter: false }),
    status: shown(choice('ACTIVE', 'INACTIVE')),
    port_id: shown(uuid()),
    project_id: fixed(project()),
  },
  access: OPERATOR,
  source: {
    all: bindings,
    get: (host, topology, scope) => bindings(topology, scope).find((each) => each.host === host),
  },
  plans: {
    create: (topology, input: BindingInput, context, port) =>
      createBinding(topology, port, input, context),
    update: (topology, host, patch: BindingPatch, context, port) =>
      updateBinding(topology, port, host, patch, context),
    delete: (topology, host, context, port) => deleteBinding(topology, port, host, context),
  },
  actions: [
    action({
      method: 'PUT',
      name: 'activate',
      access: 'admin',
      plan: (topology, { id, parent }: Call, context) =>
        activateBinding(topology, parent, id, context),
    }),
  ],
});
