import { type Access, OPERATOR } from '../auth/rules.ts';
import { shown, view } from '../rest/resource.ts';
import { bool, text } from '../rest/schemas.ts';

interface Provider {
  readonly service_type: string;
  readonly name: string;
  readonly default: boolean;
}

const PROVIDERS: readonly Provider[] = [
  { service_type: 'L3_ROUTER_NAT', name: 'tianchi', default: true },
];

const EVERYONES: Access = { ...OPERATOR, get: 'anyone' };

/** Who serves routers: there is one, and so nothing to choose from. */
export const serviceProviders = view({
  collection: 'service-providers',
  member: 'service_provider',
  typeName: 'ServiceProvider',
  idAttribute: 'name',
  attributes: {
    service_type: shown(text()),
    name: shown(text()),
    default: shown(bool()),
  },
  access: EVERYONES,
  source: {
    all: () => PROVIDERS,
    get: (name) => PROVIDERS.find((provider) => provider.name === name),
  },
});
