/**
 * Where a port is, and where it may move. Its own binding says which node carries it; its standby
 * bindings are nodes that hold all of its flows but the one that leads packets there, so that a live
 * migration is one write: activating a standby changes places with what was active.
 */
import type { Failure } from '../base/failure.ts';
import { Draft, type Plan, type PlanContext } from './draft.ts';
import type { Port, StandbyBinding, VifType } from './objects.ts';
import type { Topology, TopologyReader } from './topology.ts';
import { existing, invalid, refusal, revised } from './values.ts';
import { profileOf, vifTypeOn } from './vif-types.ts';

type Profile = Readonly<Record<string, unknown>>;

export interface BindingPatch {
  readonly vnic_type?: string;
  readonly profile?: Profile | null;
}

export interface BindingInput extends BindingPatch {
  readonly host: string;
}

/** A binding as the API shows it. */
export interface Binding extends StandbyBinding {
  readonly status: 'ACTIVE' | 'INACTIVE';
  readonly project_id: string;
  readonly port_id: string;
}

/** All bindings of a port, the active one first; none while it is unbound. */
export function bindingsOf(port: Port): Binding[] {
  const own = { project_id: port.project_id, port_id: port.id };
  const standby = port.standby_bindings.map((binding): Binding => ({
    ...binding,
    status: 'INACTIVE',
    ...own,
  }));
  const host = port['binding:host_id'];
  if (host === '') return standby;
  const active = {
    host,
    vif_type: port['binding:vif_type'],
    vnic_type: port['binding:vnic_type'],
    profile: port['binding:profile'],
  };
  return [{ ...active, status: 'ACTIVE', ...own }, ...standby];
}

function bound(topology: TopologyReader, id: string): Port {
  const port = existing(topology, 'port', id, 'port_id');
  if (port.device_owner.startsWith('compute:')) return port;
  throw invalid(
    'port_id',
    id,
    'is no port of a server',
    'use a port whose device_owner is compute:<zone>',
    'BadRequest',
  );
}

function bindingOn(port: Port, host: string): Binding {
  const binding = bindingsOf(port).find((each) => each.host === host);
  if (binding !== undefined) return binding;
  throw refusal(
    'not_found',
    'PortBindingNotFound',
    'host',
    host,
    `has no binding of port ${port.id}`,
    'GET its bindings to see where it has some',
  );
}

/** @throws {Failure} `conflict` where no agent could take the port. */
function usable(vif: VifType, port: string, host: string): VifType {
  if (vif !== 'binding_failed') return vif;
  throw refusal(
    'conflict',
    'PortBindingError',
    'host',
    host,
    `has no agent that could take port ${port}`,
    'start its agent, or bind to another node',
  );
}

function conflict(code: string, port: string, host: string, why: string, remedy: string): Failure {
  return refusal('in_use', code, 'host', host, `${why} of port ${port}`, remedy);
}

function stored({ host, vif_type, vnic_type, profile }: Binding): StandbyBinding {
  return { host, vif_type, vnic_type, profile };
}

/** Prepares a node for the port; the port stays where it is. */
export function createBinding(
  topology: Topology,
  portId: string,
  input: BindingInput,
  context: PlanContext,
): Plan<Binding> {
  const draft = new Draft(topology, context);
  const before = bound(topology, portId);
  const { host } = input;
  if (bindingsOf(before).some((each) => each.host === host)) {
    const remedy = 'PUT the binding to change it';
    throw conflict('PortBindingAlreadyExists', portId, host, 'has a binding already', remedy);
  }
  const binding: StandbyBinding = {
    host,
    vif_type: usable(vifTypeOn(topology, host), portId, host),
    vnic_type: input.vnic_type ?? 'normal',
    profile: profileOf(input.profile, 'profile') ?? {},
  };
  return change(draft, before, host, {
    standby_bindings: [...before.standby_bindings, binding],
  });
}

/** Changes the standby or active binding on `host`, whose agent must be there. */
export function updateBinding(
  topology: Topology,
  portId: string,
  host: string,
  patch: BindingPatch,
  context: PlanContext,
): Plan<Binding> {
  const draft = new Draft(topology, context);
  const before = bound(topology, portId);
  const { status, ...binding } = bindingOn(before, host);
  const vif_type = usable(vifTypeOn(topology, host), portId, host);
  const vnic_type = patch.vnic_type ?? binding.vnic_type;
  const profile = profileOf(patch.profile, 'profile') ?? binding.profile;
  return change(
    draft,
    before,
    host,
    status === 'ACTIVE'
      ? {
          'binding:vif_type': vif_type,
          'binding:vnic_type': vnic_type,
          'binding:profile': profile,
        }
      : {
          standby_bindings: before.standby_bindings.map((each) =>
            each.host === host ? { host, vif_type, vnic_type, profile } : each,
          ),
        },
  );
}

/** Moves the port to a node that was prepared; the one that it leaves stays prepared. */
export function activateBinding(
  topology: Topology,
  portId: string,
  host: string,
  context: PlanContext,
): Plan<Binding> {
  const draft = new Draft(topology, context);
  const before = bound(topology, portId);
  const next = bindingOn(before, host);
  if (next.status === 'ACTIVE') {
    const remedy = 'nothing is left to be done';
    throw conflict('PortBindingAlreadyActive', portId, host, 'has the active binding', remedy);
  }
  const former = bindingsOf(before).filter(({ status }) => status === 'ACTIVE');
  return change(draft, before, host, {
    'binding:host_id': host,
    'binding:vif_type': next.vif_type,
    'binding:vnic_type': next.vnic_type,
    'binding:profile': next.profile,
    standby_bindings: [
      ...former.map(stored),
      ...before.standby_bindings.filter((each) => each.host !== host),
    ],
    status: 'DOWN',
  });
}

/** Gives up a prepared node, or unbinds the port where the binding is the active one. */
export function deleteBinding(
  topology: Topology,
  portId: string,
  host: string,
  context: PlanContext,
): Plan<Binding> {
  const draft = new Draft(topology, context);
  const before = existing(topology, 'port', portId, 'port_id');
  const binding = bindingOn(before, host);
  const after = revised(
    before,
    binding.status === 'ACTIVE'
      ? { 'binding:host_id': '', 'binding:vif_type': 'unbound', status: 'DOWN' }
      : { standby_bindings: before.standby_bindings.filter((each) => each.host !== host) },
    context,
  );
  draft.update('port', before, after);
  return draft.plan(binding);
}

function change(
  draft: Draft,
  before: Port,
  host: string,
  attributes: Partial<Port>,
): Plan<Binding> {
  const after = revised(before, attributes, draft.context);
  draft.update('port', before, after);
  return draft.plan(bindingOn(after, host));
}
