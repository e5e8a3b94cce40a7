/** All features; their order carries no meaning. */
import type { Feature } from '../feature.ts';
import { arpOwnAddress, arpResponder } from './arp.ts';
import { base } from './base.ts';
import { customRoutes } from './custom-routes.ts';
import { floatingIpArrivals, floatingIpDepartures, floatingIpShadows } from './floating-ips.ts';
import { addresses, localPorts } from './forwarding.ts';
import { input, quietInput } from './input.ts';
import {
  addressGroupMatches,
  addressGroupPrefixes,
  remoteGroupAddresses,
  remoteGroupMatches,
} from './remote-groups.ts';
import { externalRoutes, routerAddresses, subnetRoutes } from './routing.ts';
import { securityGroups } from './security-groups.ts';
import { tunnelEntry, unknownTunnels } from './tunnel.ts';
import { uplink } from './uplink.ts';

export const FEATURES: readonly Feature[] = [
  base,
  quietInput,
  input,
  arpResponder,
  arpOwnAddress,
  tunnelEntry,
  unknownTunnels,
  securityGroups,
  remoteGroupAddresses,
  remoteGroupMatches,
  addressGroupPrefixes,
  addressGroupMatches,
  subnetRoutes,
  externalRoutes,
  routerAddresses,
  customRoutes,
  floatingIpArrivals,
  floatingIpShadows,
  floatingIpDepartures,
  addresses,
  localPorts,
  uplink,
];
