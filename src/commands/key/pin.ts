import { pinTriesLeft } from '../../auth/webauthn/pin.ts'
import type { Context } from '../../cli/context.ts'
import { type Authenticator, CtapError, isCtapError, minimumPinLength } from '../../hid/index.ts'
import { CommandError } from '../command-error.ts'
import { withKey } from './choose-key.ts'
import { keyMembers, pinState } from './describe.ts'

/** From here on the person is warned before they type. */
const fewTries = 3

const sayDone = ({ terminal }: Context, key: Authenticator, words: string) => {
  terminal.say(`${terminal.paint('good', '✓')} ${words}`)
  terminal.result({ ...keyMembers(key), pin: 'set' })
}

/** Asks for a PIN that the key is to have until `give` takes one. */
async function withNewPin(
  { input, explain }: Context,
  key: Authenticator,
  isFirst: boolean,
  give: (pin: string) => Promise<void>,
): Promise<void> {
  for (;;) {
    const pin = await input.newPin({ shortest: minimumPinLength(key.info.minPinLength), isFirst })
    const isTyped = input.canRetry
    try {
      return await give(pin)
    } catch (error) {
      if (!isCtapError(error, 'key_pin_policy') || !isTyped) throw error
      explain(error)
    }
  }
}

/** `hufu key pin set [KEY]`: the first PIN of a key. */
export async function set(context: Context, { path }: { path: string | undefined }): Promise<void> {
  const { t } = context.terminal
  await withKey(context, path, async key => {
    const state = pinState(key.info)
    if (state === 'unsupported') throw new CommandError('key_pin_unsupported', { key: key.name })
    if (state === 'set') throw new CommandError('key_pin_exists', { key: key.name })
    await withNewPin(context, key, true, pin => key.setPin(pin))
    sayDone(context, key, t('keys.pin_was_set', { key: key.name }))
    context.terminal.note(`  ${t('keys.pin_keep')}`)
  })
}

/** `hufu key pin change [KEY]`: the PIN that it has, then another. */
export async function change(context: Context, { path }: { path: string | undefined }): Promise<void> {
  const { terminal, input, explain } = context
  const { t } = terminal
  await withKey(context, path, async key => {
    const state = pinState(key.info)
    if (state === 'unsupported') throw new CommandError('key_pin_unsupported', { key: key.name })
    if (state === 'not_set') throw new CtapError('key_pin_not_set', 'there is no PIN to change', { device: key.name })
    const left = await pinTriesLeft(key)
    if (left <= fewTries) terminal.warn(t('keys.few_tries', { count: left }))
    if (key.info.forcePinChange) terminal.note(t('keys.pin_must_change', { key: key.name }))
    let current = await input.pin()
    // What a script supplies stays what it is: to try it again would use up the tries.
    const isTyped = input.canRetry
    await withNewPin(context, key, false, async next => {
      for (;;) {
        try {
          return await key.changePin(current, next)
        } catch (error) {
          if (!isCtapError(error, 'key_pin_invalid') || !isTyped) throw error
          if (error.details.retriesLeft === 0) await pinTriesLeft(key)
          explain(error)
          current = await input.pin()
        }
      }
    })
    sayDone(context, key, t('keys.pin_was_changed', { key: key.name }))
  })
}
