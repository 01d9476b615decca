import type { Context, Terminal } from '../../cli/context.ts'
import { type Authenticator, isCtapError, minimumPinLength, type PinRetries } from '../../hid/index.ts'
import { toUuid } from '../../lib/bytes.ts'
import { cborDiagnostic } from '../../lib/cbor-diagnostic.ts'
import { printable } from '../../lib/printable.ts'
import { withKey } from './choose-key.ts'
import { infoMember, keyMembers, pinState, protocolName } from './describe.ts'
import { algorithmName, hasWords, isKnownOption, memberName } from './names.ts'

/** What the key tells only when asked; undefined where it has no PIN, or verifies nobody by itself. */
interface Tries {
  readonly pin: PinRetries | undefined
  readonly uv: number | undefined
}

type Row = readonly [title: string, value: string | undefined]

function pinWords(key: Authenticator, { pin }: Tries, { t }: Terminal): string {
  const state = t(`keys.pin.${pinState(key.info)}`)
  if (!pin) return state
  const left = pin.left === 0 ? t('keys.pin_locked') : t('keys.tries_left', { count: pin.left })
  const more = [
    ...(pin.powerCycleNeeded ? [t('keys.pin_until_replug')] : []),
    ...(key.info.forcePinChange ? [t('keys.pin_to_change')] : []),
  ]
  return [left, ...more].reduce((what, more) => t('keys.with', { what, more }), state)
}

function uvWords({ info }: Authenticator, { uv }: Tries, { t }: Terminal): string {
  const state = info.options.get('uv')
  if (state === undefined) return t('keys.uv.unsupported')
  if (!state) return t('keys.uv.not_set')
  const set = t('keys.uv.set')
  return uv === undefined ? set : t('keys.with', { what: set, more: t('keys.tries_left', { count: uv }) })
}

function roomWords({ info }: Authenticator, { t }: Terminal): string {
  if (info.options.get('rk') !== true) return t('keys.no')
  const left = info.members.get(infoMember.remainingCredentials)
  return typeof left === 'number' ? t('keys.room', { count: left }) : t('keys.yes')
}

function protocolWords(key: Authenticator, { t }: Terminal): string {
  return t('keys.precisely', { what: protocolName(key), more: key.info.versions.join(t('list.and')) })
}

function firmwareWords({ info, deviceVersion }: Authenticator, { t }: Terminal): string {
  const what = deviceVersion.join('.')
  const { firmwareVersion: more } = info
  return more === undefined ? what : t('keys.precisely', { what, more })
}

function listWords({ info }: Authenticator, { t }: Terminal): string | undefined {
  const { maxCredentialCountInList: count, maxCredentialIdLength: bytes } = info
  if (count === undefined) return bytes === undefined ? undefined : t('keys.bytes_each', { bytes })
  return bytes === undefined ? String(count) : t('keys.with', { what: count, more: t('keys.bytes_each', { bytes }) })
}

function bytesWords({ info }: Authenticator, member: number, { t }: Terminal): string | undefined {
  const bytes = info.members.get(member)
  return typeof bytes === 'number' ? t('keys.bytes', { bytes }) : undefined
}

function rowsOf(key: Authenticator, tries: Tries, terminal: Terminal): Row[] {
  const { t } = terminal
  const { info } = key
  const list = (items: readonly string[]) => (items.length > 0 ? items.join(t('list.and')) : undefined)
  const hasPin = pinState(info) !== 'unsupported'
  return [
    [t('keys.path'), key.path],
    [t('keys.protocol'), protocolWords(key, terminal)],
    [t('keys.model'), key.protocol === 'u2f' ? undefined : toUuid(info.aaguid)],
    [t('keys.firmware'), firmwareWords(key, terminal)],
    [t('keys.pin'), pinWords(key, tries, terminal)],
    [t('keys.shortest_pin'), hasPin ? t('keys.characters', { count: minimumPinLength(info.minPinLength) }) : undefined],
    [t('keys.pin_protocols'), list(info.pinUvAuthProtocols.map(String))],
    [t('keys.uv'), uvWords(key, tries, terminal)],
    [t('keys.kept_logins'), roomWords(key, terminal)],
    [t('keys.algorithms'), list(info.algorithms.map(algorithmName)) ?? t('keys.not_said')],
    [t('keys.transports'), list(info.transports)],
    [t('keys.extensions'), list(info.extensions)],
    [t('keys.longest_request'), t('keys.bytes', { bytes: info.maxMsgSize })],
    [t('keys.credentials_in_list'), listWords(key, terminal)],
    [t('keys.large_blob'), bytesWords(key, infoMember.largeBlobBytes, terminal)],
    [t('keys.cred_blob'), bytesWords(key, infoMember.credBlobBytes, terminal)],
    [t('keys.wink'), t(key.canWink ? 'keys.yes' : 'keys.no')],
  ]
}

function sayInfo(key: Authenticator, tries: Tries, terminal: Terminal): void {
  const { t, paint } = terminal
  const { options, members } = key.info
  const titled = (title: string) => t('keys.titled', { title })
  const say = (title: string, value: string) => terminal.say(`  ${paint('dim', titled(title))}${printable(value)}`)
  terminal.say(paint('strong', key.name))
  for (const [title, value] of rowsOf(key, tries, terminal)) if (value !== undefined) say(title, value)
  if (options.size > 0) terminal.say(`\n  ${paint('dim', t('keys.options'))}`)
  for (const [name, on] of options) {
    const mark = on ? paint('good', '✓') : paint('dim', '✗')
    const words = isKnownOption(name) ? `${titled(name)}${t(`key.option.${name}`)}` : printable(name)
    terminal.say(`    ${mark} ${words}`)
  }
  const others = [...members].filter(([member]) => !hasWords(member))
  if (others.length > 0) terminal.say(`\n  ${paint('dim', t('keys.other_members'))}`)
  for (const [member, value] of others)
    terminal.say(`    ${titled(memberName(member))}${printable(cborDiagnostic(value))}`)
}

function membersOf(key: Authenticator, { pin, uv }: Tries): Readonly<Record<string, unknown>> {
  const { info } = key
  return {
    ...keyMembers(key),
    pin_retries: pin?.left ?? null,
    pin_power_cycle_needed: pin?.powerCycleNeeded ?? false,
    pin_must_change: info.forcePinChange ?? false,
    min_pin_length: pinState(info) === 'unsupported' ? null : minimumPinLength(info.minPinLength),
    pin_uv_auth_protocols: info.pinUvAuthProtocols,
    uv_retries: uv ?? null,
    can_wink: key.canWink,
    extensions: info.extensions,
    options: Object.fromEntries(info.options),
    algorithms: info.algorithms.map(alg => ({ alg, name: algorithmName(alg) })),
    transports: info.transports,
    max_msg_size: info.maxMsgSize,
    max_credential_count_in_list: info.maxCredentialCountInList ?? null,
    max_credential_id_length: info.maxCredentialIdLength ?? null,
    members: Object.fromEntries(
      [...info.members].map(([member, value]) => [cborDiagnostic(member), cborDiagnostic(value)]),
    ),
  }
}

/** Keys of CTAP 2.0 do not count misses of a finger; of others not everything may be known here. */
const orUntold = <T>(answer: Promise<T>): Promise<T | undefined> =>
  answer.catch(error => {
    if (isCtapError(error, 'key_refused', 'key_unsupported_option', 'key_protocol')) return undefined
    throw error
  })

/** `hufu key info [KEY]`: all that a key tells of itself. */
export async function run(context: Context, { path }: { path: string | undefined }): Promise<void> {
  const { terminal } = context
  await withKey(context, path, async key => {
    const tries = {
      pin: pinState(key.info) === 'set' ? await orUntold(key.pinRetries()) : undefined,
      uv: key.info.options.get('uv') === true ? await orUntold(key.uvRetries()) : undefined,
    }
    sayInfo(key, tries, terminal)
    terminal.result(membersOf(key, tries))
  })
}
