/** What all that is given out has in common. */

/** Seconds that an address is lent for. It never changes hands, so the time only bounds how late changed options arrive. */
export const LEASE_SECONDS = 86_400;
