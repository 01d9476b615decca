/**
 * What is removed, in the order of foreign keys: nothing comes before what refers to it. `throttles` are all but those
 * of guesses, which are `guess_throttles`.
 */
export const removedKinds = [
  'wechat_authorisations',
  'bindings',
  'challenges',
  'codes',
  'logins',
  'sessions',
  'enrolment_links',
  'service_credentials',
  'reversals',
  'pushes',
  'throttles',
  'guess_throttles',
  'outbox',
  'bulk_rows',
  'events',
] as const
export type RemovedKind = (typeof removedKinds)[number]
