/** What a user has of a real switch: the dumps of a bridge. */
import type { Unixctl } from '../../src/net/unixctl.ts';
import type { BridgeSources } from '../../src/trace/offline/index.ts';
import type { Sandbox } from '../support/ovs.ts';

const tlvLine = /^\s*(0x[\da-f]+)\s+(0x[\da-f]+)\s+(\d+)\s+(tun_metadata\d+)\s*$/gm;

/** The dumps as a user has them: flows, groups, ports and the TLV map, as they come. */
export async function dumpBridge(
  ovs: Sandbox,
  unixctl: Unixctl,
  bridge: string,
): Promise<BridgeSources> {
  const map = ovs.ofctl(['dump-tlv-map', bridge]);
  const options = [...map.matchAll(tlvLine)].map(
    ([, optionClass, type, length, field]) =>
      `# tlv-map {class=${optionClass},type=${type},len=${length}}->${field}\n`,
  );
  return {
    flows: {
      name: 'flows',
      text: ovs.ofctl(['-O', 'OpenFlow13', '--no-names', 'dump-flows', bridge]),
    },
    groups: {
      name: 'groups',
      text: ovs.ofctl(['-O', 'OpenFlow15', '--no-names', 'dump-groups', bridge]),
    },
    ports: { name: 'ports', text: (await unixctl.call('dpif/show')) + options.join('') },
    bridge,
  };
}
