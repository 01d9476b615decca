import type { Context, Terminal } from '../../cli/context.ts'
import { type Authenticator, isCtapError } from '../../hid/index.ts'
import type { Check } from '../check.ts'
import { pinState, protocolName } from './describe.ts'
import { type PluggedIn, withEveryKey } from './plugged-in.ts'
import { udevCommands } from './udev.ts'
import { keyAt, whatNext, whyUnusable } from './words.ts'

/** What the systems call the packages with a library that node-hid needs. */
const packages: readonly (readonly [library: RegExp, installs: readonly string[]])[] = [
  [/^libusb/, ['apt install libusb-1.0-0', 'dnf install libusb1', 'apk add libusb', 'pacman -S libusb']],
  [/^libudev/, ['apt install libudev1', 'dnf install systemd-libs', 'apk add eudev-libs', 'pacman -S systemd-libs']],
]

async function usableCheck(key: Authenticator, { t }: Terminal): Promise<Check> {
  const place = { key: keyAt(key, t), protocol: protocolName(key) }
  const name = 'key'
  if (key.protocol === 'u2f') return { name, state: 'ok', words: t('doctor.key_u2f', place) }
  const pin = pinState(key.info)
  if (pin !== 'set') return { name, state: 'ok', words: t(`doctor.pin.${pin}`, place) }
  const { left, powerCycleNeeded } = await key.pinRetries()
  if (left === 0) return { name, state: 'warn', words: t('doctor.key_locked', place), fix: ['hufu key reset'] }
  if (powerCycleNeeded) return { name, state: 'warn', words: t('doctor.key_replug', place) }
  if (key.info.forcePinChange) {
    return { name, state: 'warn', words: t('doctor.key_change_pin', place), fix: ['hufu key pin change'] }
  }
  return { name, state: 'ok', words: t('doctor.pin.set', { ...place, count: left }) }
}

async function keyCheck(each: PluggedIn, terminal: Terminal): Promise<Check> {
  const { t } = terminal
  try {
    if ('key' in each) return await usableCheck(each.key, terminal)
    throw each.error
  } catch (error) {
    if (!isCtapError(error)) throw error
    const what = t('keys.why', { key: keyAt(each, t), reason: whyUnusable(error, t) })
    const { udevRule } = error.details
    const next = udevRule === undefined ? whatNext(error, t) : t('next.key_no_permission')
    const words = t('doctor.advice', { what, next })
    return { name: 'key', state: 'fail', words, ...(udevRule === undefined ? {} : { fix: udevCommands([udevRule]) }) }
  }
}

/** Whether security keys can be used here: the library, and each key that is plugged in. */
export async function checkKeys(context: Context): Promise<Check[]> {
  const { terminal, device } = context
  const { t } = terminal
  try {
    return await withEveryKey(context, async keys => {
      const reached: Check[] = device === undefined ? [{ name: 'usb', state: 'ok', words: t('doctor.usb') }] : []
      const none: Check[] = keys.length === 0 ? [{ name: 'key', state: 'info', words: t('keys.none') }] : []
      return [...reached, ...none, ...(await Promise.all(keys.map(key => keyCheck(key, terminal))))]
    })
  } catch (error) {
    if (!isCtapError(error, 'key_hid_unavailable', 'key_not_found', 'key_device_invalid')) throw error
    if (error.code !== 'key_hid_unavailable') {
      const words = t('doctor.advice', { what: whyUnusable(error, t), next: whatNext(error, t) })
      return [{ name: 'key', state: 'fail', words }]
    }
    const { missingLibrary: library } = error.details
    if (library === undefined) return [{ name: 'usb', state: 'fail', words: t('doctor.usb_failed') }]
    const fix = packages.find(([pattern]) => pattern.test(library))?.[1] ?? []
    return [{ name: 'usb', state: 'fail', words: t('doctor.usb_library', { library }), fix }]
  }
}
