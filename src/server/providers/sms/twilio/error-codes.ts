import type { DeliveryFailure } from '../../../domain/ports/delivery-error.ts'

// Twilio, "Error and Warning Dictionary". New codes are split off from old ones now and then, so that a code that is
// not here is judged by the HTTP status.

/** Too many requests at once, too many messages queued for one sender. They were not taken. */
const throttled = new Set([20429, 21611, 63038])

/** Credentials, the account, the sender or the messaging service: no message of ours goes out until somebody acts. */
const misconfigured = new Set([
  10001, // the account is not active
  20003, // authentication
  20005, // the account is not active
  20403, // forbidden
  20404, // no such account
  21212, // the sender is none
  21603, // there is no sender
  21609, // the status callback is no address
  21659, // the sender is no number of Twilio's
  21660, // the sender is another account's
  21661, // the sender sends no text messages
  21701, // no such messaging service
  21703, // the messaging service has no sender
  21704,
  30002, // the account is suspended
])

/**
 * The destination, or the destination together with the sender. Those that somebody could mend for a whole country
 * (21408: not enabled for this region; 21606, 21612: not from this sender) are here, too: one number of such a country
 * must not make Twilio look broken for all others.
 */
const refused = new Set([
  21211, // the number is none
  21214, // it cannot be reached
  21217, // it is none
  21263, // a short code
  21264,
  21265,
  21266, // the sender itself
  21408,
  21606,
  21608, // not verified, in a trial
  21610, // unsubscribed
  21612,
  21614, // no mobile number
  21617, // too long a text
  21635, // a landline
])

const misconfiguredStatuses = new Set([401, 402, 403, 404, 405, 407])

/**
 * What an answer other than a success means.
 * @param status of HTTP
 * @param code the answer's `code`, where it had one
 */
export function failureOf(status: number, code: number | undefined): DeliveryFailure {
  // Whatever else it says: Twilio may have taken the message before it failed.
  if (status < 300 || status === 408 || status >= 500) return 'uncertain'
  if (status === 429 || (code !== undefined && throttled.has(code))) return 'throttled'
  if (code !== undefined && misconfigured.has(code)) return 'misconfigured'
  if (code !== undefined && refused.has(code)) return 'refused'
  return status < 400 || misconfiguredStatuses.has(status) ? 'misconfigured' : 'refused'
}
