/** While a channel is off, what passes its time is found without a look at all that waits. */
export const kind = 'expand'

export const statements: readonly string[] = [
  `create index outbox_expiring_codes on outbox (channel, not_after)
    where sent_at is null and failed_at is null and purpose <> 'notice'`,
  `create index outbox_expiring_notices on outbox (channel, not_after)
    where sent_at is null and failed_at is null and purpose = 'notice'`,
]
