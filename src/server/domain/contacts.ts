import { parsePhoneNumberFromString } from 'libphonenumber-js/mobile'
import type { AccountsTable } from '../store/schema.ts'
import type { Policy } from './domain.ts'
import { Refusal } from './refusal.ts'

function mobileNumberOf(text: string, { defaultRegion }: Pick<Policy, 'defaultRegion'>): string | undefined {
  const number = parsePhoneNumberFromString(text, { defaultCountry: defaultRegion, extract: false })
  return number?.isValid() && !number.ext ? number.number : undefined
}

const mainlandNumber = /^\+861\d{10}$/
/** `+86` and five digits, by which the metadata tells mobile numbers of the mainland from others. */
const mainlandPrefixLength = 8
const mainlandPrefixes = new Map<string, boolean>()

/** Whether a mainland number in E.164 is a mobile one: each prefix is looked up once, for bulk runs have many numbers. */
function isMainlandMobile(text: string, policy: Pick<Policy, 'defaultRegion'>): boolean {
  const prefix = text.slice(0, mainlandPrefixLength)
  const known = mainlandPrefixes.get(prefix) ?? mobileNumberOf(text, policy) === text
  mainlandPrefixes.set(prefix, known)
  return known
}

/**
 * The E.164 form of a mobile number that a person typed; a bare 11-digit number is a mainland one.
 * @throws {Refusal} `phone_number_invalid`, with the form expected.
 */
export function parsePhoneNumber(text: string, policy: Pick<Policy, 'defaultRegion'>): string {
  if (mainlandNumber.test(text) && isMainlandMobile(text, policy)) return text
  const number = mobileNumberOf(text, policy)
  if (number === undefined) {
    throw new Refusal('phone_number_invalid', { expected: ['13800138000', '+8613800138000', '+14155552671'] })
  }
  return number
}

const longestLocalPart = 64
const longestAddress = 254
const localPart = /^[\p{L}\p{N}!#$%&'*+/=?^_`{|}~-]+(?:\.[\p{L}\p{N}!#$%&'*+/=?^_`{|}~-]+)*$/u
const domainLabel = /^[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?$/u

/**
 * An email address as it is sent to, and the key by which it is compared (case-folded). Quoted local parts, comments
 * and address literals are refused: no mailbox that a person has needs them, and they confuse what comes after.
 * @throws {Refusal} `email_address_invalid`, with the form expected.
 */
export function parseEmailAddress(text: string): { value: string; key: string } {
  const value = text.trim().normalize('NFC')
  const at = value.lastIndexOf('@')
  const labels = value.slice(at + 1).split('.')
  const valid =
    at > 0 &&
    at <= longestLocalPart &&
    Buffer.byteLength(value) <= longestAddress &&
    localPart.test(value.slice(0, at)) &&
    labels.length >= 2 &&
    labels.every(label => domainLabel.test(label)) &&
    !/^\d+$/.test(labels.at(-1) ?? '')
  if (!valid) throw new Refusal('email_address_invalid', { expected: ['name@example.com'] })
  return { value, key: value.toLowerCase() }
}

/** A number or an address as it is sent to, and the key by which it is compared. @throws {Refusal} when it is none. */
export function parseContact(
  channel: 'phone' | 'email',
  text: string,
  policy: Pick<Policy, 'defaultRegion'>,
): { value: string; key: string } {
  if (channel === 'email') return parseEmailAddress(text)
  const value = parsePhoneNumber(text, policy)
  return { value, key: value }
}

/** The number or address that is bound to `account`, as `parseContact` gives it; `null` when none is. */
export function boundContact(
  account: Pick<AccountsTable, 'phone_number' | 'email_address' | 'email_key'>,
  channel: 'phone' | 'email',
): { value: string; key: string } | null {
  const value = channel === 'phone' ? account.phone_number : account.email_address
  const key = channel === 'phone' ? account.phone_number : account.email_key
  return value === null || key === null ? null : { value, key }
}
