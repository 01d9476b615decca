import type { TwilioConfig } from '../../../config/config.ts'
import { ReceiptRefused } from '../../../domain/ports/receipt-refused.ts'
import type { Receipt, ReceiptReader } from '../../../domain/ports/receipts.ts'
import { isSignedByTwilio } from './signature.ts'
import { messageSid } from './twilio.ts'

/** The final ones of a message's states; of the others (`queued`, `sent` …) Twilio tells, too. */
const finalStates: Readonly<Record<string, Receipt['receipt']>> = {
  delivered: 'delivered',
  undelivered: 'undelivered',
  failed: 'undelivered',
}

/**
 * Reads Twilio's status callbacks ("Track the Message Status of Outbound Messages"): forms, signed with the account's
 * auth token. Parameters that are not known here are Twilio's right to add; they are signed like the others.
 * @param statusCallback the address that Twilio was given, whatever a proxy made of it on the way
 */
export function twilioReceiptReader({
  authToken,
  statusCallback,
}: Pick<TwilioConfig, 'authToken'> & { readonly statusCallback: string }): ReceiptReader {
  return {
    provider: 'twilio',
    accepted: { contentType: 'text/xml', body: '<Response/>' },
    read({ headers, body }) {
      const signature = headers['x-twilio-signature']
      const parameters = new URLSearchParams(body)
      if (typeof signature !== 'string' || !isSignedByTwilio(authToken, statusCallback, parameters, signature)) {
        throw new ReceiptRefused('signature')
      }
      const sid = parameters.get('MessageSid') ?? ''
      const state = parameters.get('MessageStatus')
      if (!messageSid.test(sid) || !state) throw new ReceiptRefused('format')
      const receipt = Object.hasOwn(finalStates, state) ? finalStates[state] : undefined
      return receipt ? [{ provider: 'twilio', providerMessageId: sid, receipt }] : []
    },
  }
}
