import { describe, expect, it } from 'vitest'
import { createInteraction } from '../../src/cli/interaction.ts'
import type { MethodChoice, VerificationMethod } from '../../src/contract/schemas.ts'
import { CtapError } from '../../src/hid/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { recordedTerminal } from './recorded-terminal.ts'

/** An interaction with a recorded screen; a person who is there types `typed`. */
async function interactionOf({
  pin,
  typed,
  verify = [],
}: {
  pin?: string
  typed?: string
  verify?: VerificationMethod[]
}) {
  const { terminal, stdout, stderr } = await recordedTerminal()
  const asked: unknown[] = []
  const nothing = async () => undefined
  const interaction = createInteraction({
    terminal: Object.assign(terminal, {
      interactive: typed !== undefined,
      select: async (...question: unknown[]) => {
        asked.push(question)
        return typed
      },
      secret: async (...question: unknown[]) => {
        asked.push(question)
        return typed
      },
    }),
    answers: {
      username: nothing,
      password: nothing,
      newPassword: nothing,
      code: nothing,
      recoveryCode: nothing,
      newPin: nothing,
      pin: async () => pin,
    },
    verify,
    clock: new VirtualClock(),
    signal: new AbortController().signal,
    explain: () => {},
  })
  return { interaction, asked, stdout, stderr }
}

describe('the PIN of a security key', () => {
  const request = { key: 'YubiKey', triesLeft: undefined }

  it('that a script supplies is not asked for, and not tried again', async () => {
    const { interaction, asked } = await interactionOf({ pin: '1234', typed: '4321' })
    expect(await interaction.pinSource()).toBe('script')
    expect([await interaction.pin(request), asked, interaction.canRetry]).toEqual(['1234', [], false])
  })

  it('is asked for by the name of the key, until it is too late', async () => {
    const { interaction, asked, stderr } = await interactionOf({ typed: '4321' })
    const { signal } = new AbortController()
    expect(await interaction.pinSource()).toBe('person')
    expect([await interaction.pin(request, signal), interaction.canRetry]).toEqual(['4321', true])
    expect(asked).toEqual([['PIN of “YubiKey”:', signal]])
    expect(stderr()).toBe('')
  })

  it.each([
    [4, ''],
    [3, '3 tries are left: after that only a reset opens the key, which erases it.\n'],
    [1, 'One try is left: after another wrong PIN only a reset opens the key, which erases it.\n'],
  ])('is asked for with a warning when few tries are left (%d)', async (triesLeft, warning) => {
    const { interaction, stderr } = await interactionOf({ typed: '4321' })
    await interaction.pin({ key: 'YubiKey', triesLeft })
    expect(stderr()).toBe(warning)
  })

  it('is missed where nobody is there', async () => {
    const { interaction } = await interactionOf({})
    expect(await interaction.pinSource()).toBe('nowhere')
    await expect(interaction.pin(request)).rejects.toMatchObject({
      code: 'input_required',
      options: ['--pin-file', 'HUFU_PIN'],
    })
  })
})

describe('what a security key waits for', () => {
  it.each([
    ['plug_in', undefined, 'Plug in your security key if it is not in yet, and touch it when it blinks.'],
    ['plug_in_again', 'Tiger', 'The security key “Tiger” was unplugged. Plug it in again …'],
    ['touch', 'Tiger', 'The security key “Tiger” blinks: touch it …'],
    ['touch', undefined, 'Your security keys blink: touch the one to use …'],
    ['touch_again', 'Tiger', 'The security key “Tiger” blinks again: touch it once more …'],
  ] as const)('%s of %s is said', async (state, name, words) => {
    const { interaction, stdout } = await interactionOf({})
    interaction.keyWaiting(state, name)()
    expect(stdout()).toBe(`${words}\n`)
  })
})

describe('the method that --verify names', () => {
  const methods: MethodChoice[] = [
    { method: 'password', hint: null },
    { method: 'webauthn', hint: null },
  ]
  const wrong = new CtapError('key_pin_auth_blocked', 'no more')

  it('is used without asking, until its answer is wrong: then the person picks', async () => {
    const { interaction, asked } = await interactionOf({ typed: 'password', verify: ['webauthn'] })
    expect([await interaction.chooseMethod(methods, 'phone.bind'), asked]).toEqual(['webauthn', []])
    interaction.refused(wrong, methods)
    expect([await interaction.chooseMethod(methods, 'phone.bind'), asked.length]).toEqual(['password', 1])
  })

  it('is what a script gets, whatever was wrong', async () => {
    const { interaction } = await interactionOf({ verify: ['webauthn'] })
    interaction.refused(wrong, methods)
    expect(await interaction.chooseMethod(methods, 'phone.bind')).toBe('webauthn')
  })
})

describe('a security key that is passed over', () => {
  it('is told by name, with the reason', async () => {
    const { interaction, stderr } = await interactionOf({})
    interaction.keyPassedOver(new CtapError('key_no_credentials', 'none'), 'Tiger')
    expect(stderr()).toBe('Passing over “Tiger”. This security key is not bound to your account.\n')
  })

  it('is told with what is to be done, where that is about the key', async () => {
    const { interaction, stderr } = await interactionOf({})
    const rule = `KERNEL=="hidraw*", ${'TAG+="uaccess", '.repeat(9)}`
    interaction.keyPassedOver(new CtapError('key_no_permission', 'no', { udevRule: rule }), 'Tiger')
    expect(stderr()).toBe(
      `Passing over “Tiger”. This user may not open the security key.
  Run these lines, then plug the key in again:
echo '${rule}' | sudo tee -a /etc/udev/rules.d/70-security-key.rules
sudo udevadm control --reload
`,
    )
  })
})
