/** The VMs of a lab: namespaces with one interface, plugged as os-vif plugs it. */
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../base/failure.ts';
import { execute, inNamespace, ipBatch } from './execute.ts';
import { missingOf, prepareGuest, startGuest, type Address, type Guest } from './guest.ts';
import { isRecord, isStrings, readJson } from './json.ts';
import type { Lab } from './lab.ts';
import { checkVmName, vhuName, vmNamespace } from './names.ts';
import { bind, networkOf, portOf, subnetOf, type Api } from './neutron.ts';
import { settled, until } from './wait.ts';

const PATIENCE_SECONDS = 20;

export interface Vm {
  readonly name: string;
  /** The uuid that its port has as device_id. */
  readonly id: string;
  readonly netns: string;
  readonly node: string;
  readonly port: string;
  /** The node's end of its cable. */
  readonly interface: string;
  readonly mac: string;
  /** Name of its network. */
  readonly network: string;
  readonly addresses: readonly string[];
}

const TEXTS = ['name', 'id', 'netns', 'node', 'port', 'interface', 'mac', 'network'] as const;

function parseVm(value: unknown): Vm | undefined {
  if (!isRecord(value) || !isStrings(value['addresses'])) return undefined;
  const texts = TEXTS.map((field) => [field, value[field]] as const);
  if (!texts.every(([, text]) => typeof text === 'string')) return undefined;
  return {
    ...(Object.fromEntries(texts) as Record<(typeof TEXTS)[number], string>),
    addresses: value['addresses'],
  };
}

/** How a VM gets each address of its port; of several v4 ones DHCP gives the first. */
function sourceOf(
  version: 4 | 6,
  dhcp: boolean,
  mode: string | null,
  first: boolean,
): Address['source'] {
  if (version === 4) return dhcp && first ? 'dhcp' : 'static';
  if (mode === 'dhcpv6-stateful') return 'dhcpv6';
  return mode === null ? 'static' : 'ra';
}

export class Vms {
  readonly #lab: Lab;
  readonly #api: Api;
  readonly #patience: number;

  /** @param patience seconds that a VM waits for its port, and again for its addresses. */
  constructor(lab: Lab, api: Api, patience = PATIENCE_SECONDS) {
    this.#lab = lab;
    this.#api = api;
    this.#patience = patience;
  }

  #path(kind: 'vms' | 'ports', name: string): string {
    return join(this.#lab.dir, kind, name);
  }

  list(): Vm[] {
    this.#lab.record();
    return readdirSync(this.#path('vms', ''))
      .filter((file) => file.endsWith('.json'))
      .toSorted()
      .map((file) => parseVm(readJson(this.#path('vms', file))))
      .filter((vm) => vm !== undefined);
  }

  /** @throws {Failure} `not_found` when no VM has that name. */
  get(name: string): Vm {
    checkVmName(name);
    this.#lab.record();
    const vm = parseVm(readJson(this.#path('vms', `${name}.json`)));
    if (vm !== undefined) return vm;
    throw new Failure(
      'not_found',
      'NotFound',
      `the lab has no VM '${name}'; \`tianchi lab list\` shows all`,
      { field: 'name', value: name },
    );
  }

  /** The words that run `command` inside a VM. @throws {Failure} `not_found`. */
  command(name: string, command: readonly string[]): string[] {
    return inNamespace(this.get(name).netns, command);
  }

  /** Of its port as the server has it; UNKNOWN while that does not answer. */
  async status(vm: Vm): Promise<string> {
    return portOf(this.#api, vm.port).then(
      ({ status }) => status,
      (error: unknown) =>
        error instanceof Failure && error.kind === 'not_found' ? 'ERROR' : 'UNKNOWN',
    );
  }

  /**
   * Starts a VM on the node and plugs it into the port.
   * @param port uuid. @param node as `up` named it.
   * @returns it when its port is ACTIVE and it has all its addresses.
   * @throws {Failure} when the name or the port is taken, or what it waits for does not come; nothing
   *   is left of the VM then.
   */
  async boot(name: string, port: string, node: string): Promise<Vm> {
    checkVmName(name);
    const { name: host } = this.#lab.node(node);
    const { vm, guest } = await this.#plan(name, port, host);
    await this.#reserve(vm);
    try {
      await settled([this.#plug(vm, guest), bind(this.#api, port, host, vm.id)]);
      await this.#active(vm);
      await startGuest(guest, this.#lab.dir, this.#lab.processes);
      await this.#addressed(guest);
    } catch (error) {
      await this.delete(name).catch(() => undefined);
      throw error;
    }
    return vm;
  }

  async #plan(name: string, portId: string, node: string): Promise<{ vm: Vm; guest: Guest }> {
    const port = await portOf(this.#api, portId);
    const [network, ...subnets] = await Promise.all([
      networkOf(this.#api, port.network),
      ...port.fixedIps.map(({ subnet }) => subnetOf(this.#api, subnet)),
    ]);
    let first = true;
    const addresses = port.fixedIps.flatMap(({ ip }, index): Address[] => {
      const subnet = subnets[index];
      if (subnet === undefined) return [];
      const source = sourceOf(subnet.version, subnet.dhcp, subnet.mode, first);
      first &&= subnet.version === 6;
      return [{ ip, source, ...subnet }];
    });
    const vm = {
      name,
      id: randomUUID(),
      netns: vmNamespace(name),
      node,
      port: port.id,
      interface: vhuName(port.id),
      mac: port.mac,
      network: network.name,
      addresses: addresses.map(({ ip }) => ip),
    };
    const files = this.#path('vms', name);
    return { vm, guest: { name, netns: vm.netns, files, mtu: network.mtu, addresses } };
  }

  /** Takes name and port for this VM; of two that want one of them, one gets it. */
  async #reserve(vm: Vm): Promise<void> {
    const take = (file: string, content: string, message: () => string) => {
      try {
        writeFileSync(file, content, { flag: 'wx' });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        throw new Failure('conflict', 'InUse', message());
      }
    };
    take(
      this.#path('vms', `${vm.name}.json`),
      JSON.stringify(vm, null, 2),
      () =>
        `there is a VM '${vm.name}' already; choose another name, or \`tianchi lab delete ${vm.name}\``,
    );
    try {
      const file = this.#path('ports', vm.port);
      take(file, vm.name, () => {
        const holder = readFileSync(file, 'utf8');
        return `port ${vm.port} has a VM already, '${holder}'; create another port, or \`tianchi lab delete ${holder}\``;
      });
    } catch (error) {
      await rm(this.#path('vms', `${vm.name}.json`));
      throw error;
    }
  }

  /** Cable first, then the port in the switch's database, in one transaction as os-vif writes it. */
  async #plug(vm: Vm, guest: Guest): Promise<void> {
    const node = this.#lab.node(vm.node);
    await ipBatch([
      `netns add ${vm.netns}`,
      `link add eth0 netns ${vm.netns} address ${vm.mac} type veth peer name ${vm.interface} netns ${node.netns}`,
    ]);
    await Promise.all([prepareGuest(guest), ipBatch([`link set ${vm.interface} up`], node.netns)]);
    const ids = {
      'iface-id': vm.port,
      'iface-status': 'active',
      'attached-mac': vm.mac.replaceAll(':', '\\:'),
      'vm-uuid': vm.id,
    };
    const add = ['--may-exist', 'add-port', 'br-int', vm.interface];
    const set = Object.entries(ids).map(([key, value]) => `external_ids:${key}=${value}`);
    const ovs = this.#lab.switchOf(node);
    await ovs.vsctl(...add, '--', 'set', 'Interface', vm.interface, ...set);
  }

  async #active(vm: Vm): Promise<void> {
    let status = '';
    const what = () =>
      `port ${vm.port} of '${vm.name}' to become ACTIVE (it is ${status}); see the log of the agent in ${this.#lab.dir}/${vm.node}-agent.log`;
    await until(what, this.#patience, async () => {
      ({ status } = await portOf(this.#api, vm.port));
      return status === 'ACTIVE' ? true : undefined;
    });
  }

  async #addressed(guest: Guest): Promise<void> {
    let missing: string[] = [];
    const what = () =>
      `'${guest.name}' to get ${missing.join(' and ')}: nobody answered, or not with what the port has`;
    await until(what, this.#patience, async () => {
      missing = await missingOf(guest);
      return missing.length === 0 ? true : undefined;
    });
  }

  /** Ends the VM and unbinds its port, which stays. */
  async delete(name: string): Promise<void> {
    const vm = this.get(name);
    const node = this.#lab.node(vm.node);
    const namespace = `/run/netns/${vm.netns}`;
    await this.#lab.switchOf(node).vsctl('--if-exists', 'del-port', 'br-int', vm.interface);
    // A namespace that is deleted keeps its devices for a while, and with them their names.
    await execute(['ip', '-n', node.netns, 'link', 'delete', vm.interface]).catch(() => undefined);
    if (existsSync(namespace)) {
      await this.#lab.processes.endIn(statSync(namespace).ino);
      await ipBatch([`netns delete ${vm.netns}`]);
    }
    await bind(this.#api, vm.port, '', '').catch((error: unknown) => {
      // The port may have been deleted under its VM.
      if (!(error instanceof Failure && error.kind === 'not_found')) throw error;
    });
    const own = (file: string) => file === `${name}.json` || file.startsWith(`${name}.dhcp`);
    const files = readdirSync(this.#path('vms', '')).filter(own);
    for (const left of files) await rm(this.#path('vms', left), { force: true });
    await rm(this.#path('ports', vm.port), { force: true });
  }
}
