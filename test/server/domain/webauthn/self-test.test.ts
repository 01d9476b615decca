import { beforeEach, expect, test, vi } from 'vitest'
import { testAttestation } from '../../../../src/server/domain/webauthn/index.ts'

const library = vi.hoisted(() => ({ answer: undefined as undefined | (() => Promise<boolean>) }))
vi.mock('fido2-lib', async original => {
  const real = await original<{ packedAttestation: { validateFn(): Promise<boolean> } }>()
  const { packedAttestation } = real
  return {
    packedAttestation: {
      ...packedAttestation,
      validateFn() {
        return library.answer ? library.answer() : packedAttestation.validateFn.call(this)
      },
    },
  }
})

beforeEach(() => {
  library.answer = undefined
})

test("the specification's own statement is believed by both verifiers", async () => {
  await expect(testAttestation()).resolves.toBeUndefined()
})

test('a second opinion that does not work on this machine is found before anybody is served', async () => {
  library.answer = async () => false
  await expect(testAttestation()).rejects.toMatchObject({ code: 'webauthn_attestation_invalid' })
})
