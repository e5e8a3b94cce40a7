/**
 * ARP is answered by the switch, with the VPC's one MAC for every address of the sender's subnet,
 * used or not: the VPC is one router and nothing is flooded. Nobody gets an answer for an address
 * that is its own, else duplicate address detection would find a duplicate.
 */
import { parsePrefix, type Prefix } from '../../address/index.ts';
import {
  conjunction,
  match,
  move,
  output,
  setField,
  sub,
  type MatchValue,
} from '../../openflow/build.ts';
import { PORT, type Action } from '../../openflow/flow.ts';
import { vpcsHere } from '../facts.ts';
import type { Feature } from '../feature.ts';
import { PRIORITY } from '../priorities.ts';
import { inSubnet, MAC } from '../registers.ts';
import {
  cookie,
  dropFlow,
  isSingle,
  localPort,
  parseAddressOrPrefix,
  prefixValue,
} from './shared.ts';

const ARP_RESPONDER = 10;
const REQUEST = 1;
const REPLY = 2;

/** Turns a request into its answer; reg15 is free and carries the asked address across. */
const ANSWER: readonly Action[] = [
  move(sub('eth_src'), sub('eth_dst')),
  setField('eth_src', MAC.vpc),
  setField('arp_op', REPLY),
  move(sub('arp_sha'), sub('arp_tha')),
  setField('arp_sha', MAC.vpc),
  move(sub('arp_tpa'), sub('reg15')),
  move(sub('arp_spa'), sub('arp_tpa')),
  move(sub('reg15'), sub('arp_spa')),
  output(PORT.inPort),
];

export const arpResponder: Feature = {
  name: 'arpResponder',
  bridge: 'br-int',
  over: { kind: 'subnet' },
  compile(subnetId, view, local, emit) {
    const subnet = view.get('subnet', subnetId);
    if (subnet?.ip_version !== 4) return;
    const [vpc] = vpcsHere(subnet.network_id, view);
    if (vpc === undefined) return;
    const arp_tpa = prefixValue(parsePrefix(subnet.cidr));
    emit.flow({
      table: ARP_RESPONDER,
      priority: PRIORITY.arp.answer,
      cookie: cookie(local, 'routing', { vpc }),
      match: match('arp', { ...inSubnet(subnetId), arp_op: REQUEST, arp_tpa }),
      actions: ANSWER,
    });
  },
};

/**
 * A VM that speaks for a prefix asks for the very address that it asks from: no one match can say
 * so, but a conjunction can that has a clause for each bit behind the prefix, in which sender and
 * target agree. Its first clause is the prefix: a conjunction needs two, and /31 has but one bit.
 */
function* agreements(prefix: Prefix, id: number) {
  const { mask } = prefixValue(prefix);
  const free = 32 - prefix.length;
  const clause = (index: number) => [conjunction(id, index + 1, free + 1)];
  yield { values: { arp_spa: prefixValue(prefix) }, actions: clause(0) };
  for (let bit = 0; bit < free; bit += 1) {
    const under = 1n << BigInt(bit);
    for (const set of [0n, under]) {
      const agreed = { value: prefix.value | set, mask: BigInt(mask) | under };
      yield { values: { arp_spa: agreed, arp_tpa: agreed }, actions: clause(bit + 1) };
    }
  }
}

export const arpOwnAddress: Feature = {
  name: 'arpOwnAddress',
  bridge: 'br-int',
  over: { attached: true },
  compile(portId, view, local, emit) {
    const here = localPort(portId, view, local);
    if (here === null) return;
    const { port, vpc, vid } = here;
    const drop = (values: Readonly<Record<string, MatchValue>>) =>
      emit.flow(
        dropFlow(
          ARP_RESPONDER,
          'own_address_probe',
          cookie(local, 'port', { vpc, vid }),
          match('arp', { reg12: vid, ...values }),
        ),
      );
    const announcements = (prefix: Prefix, id: number) => {
      for (const { values, actions } of agreements(prefix, id)) {
        const own = cookie(local, 'port', { vpc, vid });
        const where = match('arp', { reg12: vid, ...values });
        const { agrees } = PRIORITY.arp;
        emit.flow({ table: ARP_RESPONDER, priority: agrees, cookie: own, match: where, actions });
      }
      drop({ conj_id: id });
    };
    for (const { ip_address } of port.fixed_ips) {
      const address = parseAddressOrPrefix(ip_address);
      if (address.version === 4) drop({ arp_tpa: address.value });
    }
    // A pair's address may be held by another port now: only a probe or an announcement is silenced.
    for (const [index, { ip_address }] of port.allowed_address_pairs.entries()) {
      const address = parseAddressOrPrefix(ip_address);
      if (address.version !== 4) continue;
      drop({ arp_spa: 0, arp_tpa: prefixValue(address) });
      if (isSingle(address)) drop({ arp_spa: address.value, arp_tpa: address.value });
      else announcements(address, vid * 0x1_0000 + index);
    }
  },
};
