import type { IncomingHttpHeaders } from 'node:http'
import { type Clock, isoTime } from '../../../lib/clock.ts'
import type { Random } from '../../../lib/random.ts'

export interface TwilioRequest {
  readonly method: string
  /** Without the query. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface TwilioAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** A message that the simulator has taken over. */
export interface TwilioMessage {
  readonly sid: string
  readonly to: string
  /** A number, or a messaging service's SID. */
  readonly from: string
  readonly body: string
  readonly statusCallback: string | undefined
}

export interface TwilioAccount {
  readonly accountSid: string
  readonly authToken: string
  /** Numbers and messaging services of the account. */
  readonly senders: readonly string[]
  readonly status: 'active' | 'suspended'
}

/** Error codes of the dictionary, with the status that each comes with; others come with 400. */
const errors: Readonly<Record<number, readonly [status: number, message: string]>> = {
  20003: [401, 'Authenticate'],
  20404: [404, 'The requested resource was not found'],
  20429: [429, 'Too Many Requests'],
  21211: [400, "Invalid 'To' Phone Number"],
  21408: [400, 'Permission to send an SMS has not been enabled for the region indicated by the number'],
  21602: [400, 'Message body is required.'],
  21603: [400, "A 'From' phone number is required."],
  21604: [400, "A 'To' phone number is required."],
  21609: [400, 'The StatusCallback URL is not valid'],
  21610: [400, 'Attempt to send to unsubscribed recipient'],
  21617: [400, 'The concatenated message body exceeds the 1600 character limit'],
  21659: [400, "'From' is not a Twilio phone number or short code"],
  21701: [400, 'The Messaging Service does not exist'],
}

class ApiFault extends Error {
  readonly code: number

  constructor(code: number) {
    super(String(code))
    this.code = code
  }
}

const json = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): TwilioAnswer => ({
  status,
  headers: { 'content-type': 'application/json;charset=utf-8', ...headers },
  body: JSON.stringify(body),
})

/** The documented answer of an error. @param retryAfter seconds, for a header beside it */
export function errorAnswer(code: number, retryAfter?: number): TwilioAnswer {
  const [status, message] = errors[code] ?? [400, 'See the dictionary']
  const body = { code, message, more_info: `https://www.twilio.com/docs/errors/${code}`, status }
  return json(status, body, retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) })
}

/** Twilio's "Messages" and "Accounts" resources, version 2010-04-01, for one account. */
export function createTwilioApi(
  account: TwilioAccount,
  { clock, random, onMessage }: { clock: Clock; random: Random; onMessage: (message: TwilioMessage) => void },
): (request: TwilioRequest) => TwilioAnswer {
  const home = `/2010-04-01/Accounts/${account.accountSid}`

  function authenticate({ authorization }: IncomingHttpHeaders): void {
    const [scheme = '', credentials = ''] = (authorization ?? '').split(' ')
    const [user, ...password] = Buffer.from(credentials, 'base64').toString('utf8').split(':')
    const isOurs = user === account.accountSid && password.join(':') === account.authToken
    if (scheme.toLowerCase() !== 'basic' || !isOurs) throw new ApiFault(20003)
  }

  function senderOf(form: ReadonlyMap<string, string>): string {
    const service = form.get('MessagingServiceSid')
    const sender = service ?? form.get('From')
    if (!sender) throw new ApiFault(21603)
    if (!account.senders.includes(sender)) throw new ApiFault(service ? 21701 : 21659)
    return sender
  }

  function createMessage({ headers, body }: TwilioRequest): TwilioAnswer {
    const form = headers['content-type']?.startsWith('application/x-www-form-urlencoded') ? decodeForm(body) : new Map()
    const to = form.get('To')
    if (!to) throw new ApiFault(21604)
    if (!/^\+[1-9]\d{6,14}$/.test(to)) throw new ApiFault(21211)
    const from = senderOf(form)
    const text = form.get('Body')
    if (!text) throw new ApiFault(21602)
    if ([...text].length > 1600) throw new ApiFault(21617)
    const statusCallback = form.get('StatusCallback')
    if (statusCallback !== undefined && !isCallback(statusCallback)) throw new ApiFault(21609)
    const sid = `SM${Buffer.from(random.bytes(16)).toString('hex')}`
    onMessage({ sid, to, from, body: text, statusCallback })
    const service = from.startsWith('MG')
    return json(201, {
      account_sid: account.accountSid,
      api_version: '2010-04-01',
      body: text,
      date_created: isoTime(clock.now()),
      direction: 'outbound-api',
      error_code: null,
      error_message: null,
      from: service ? null : from,
      messaging_service_sid: service ? from : null,
      num_segments: service ? '0' : '1',
      sid,
      status: service ? 'accepted' : 'queued',
      to,
      uri: `${home}/Messages/${sid}.json`,
    })
  }

  function perform(request: TwilioRequest): TwilioAnswer {
    authenticate(request.headers)
    if (request.method === 'POST' && request.path === `${home}/Messages.json`) return createMessage(request)
    if (request.method === 'GET' && request.path === `${home}.json`) {
      return json(200, { sid: account.accountSid, friendly_name: 'simulated', status: account.status, type: 'Full' })
    }
    throw new ApiFault(20404)
  }

  return request => {
    try {
      return perform(request)
    } catch (fault) {
      if (!(fault instanceof ApiFault)) throw fault
      return errorAnswer(fault.code)
    }
  }
}

/** At most 4000 characters, no underscore in the host's name. */
const isCallback = (url: string): boolean => url.length <= 4000 && /^https?:\/\/[^/?#_]+(?:[/?#]|$)/.test(url)

/** A form's parameters, by hand: what a client encodes wrongly is not to be put right by the same code. */
function decodeForm(body: string): Map<string, string> {
  const form = new Map<string, string>()
  for (const pair of body.split('&').filter(part => part !== '')) {
    const [name = '', ...value] = pair.split('=')
    const [decodedName, decodedValue] = [name, value.join('=')].map(text =>
      decodeURIComponent(text.replace(/\+/g, ' ')),
    )
    form.set(decodedName ?? '', decodedValue ?? '')
  }
  return form
}
