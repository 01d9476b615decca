import { hash, verify } from 'argon2'
import { describe, expect, test } from 'vitest'
import { isArgon2idPhc } from '../../../../src/server/domain/passwords/phc.ts'

const salt = 'c29tZXNhbHQ'
const digest = 'Z3HDaPbbDPdVMXjcYgjbv7z7Alf/2Z3q9mfJH+KVtI4'
const phc = (parameters: string, of = salt, is = digest) => `$argon2id$v=19$${parameters}$${of}$${is}`

describe('PHC strings', () => {
  test.each(['m=7168,t=1,p=1', 'm=19456,t=2,p=1', 'm=65536,t=10,p=4'])('with %s are taken', parameters => {
    expect(isArgon2idPhc(phc(parameters))).toBe(true)
  })

  test('of hashes by other parameters are taken, and verified', async () => {
    for (const options of [
      { memoryCost: 7168, timeCost: 3, parallelism: 2 },
      { memoryCost: 8192, timeCost: 1, parallelism: 4, hashLength: 64 },
    ]) {
      const made = await hash('correct horse', options)
      expect(isArgon2idPhc(made)).toBe(true)
      expect(await verify(made, 'correct horse')).toBe(true)
    }
  })

  test.each([
    '',
    'correct horse',
    phc('m=7167,t=1,p=1'),
    phc('m=65537,t=1,p=1'),
    phc('m=19456,t=0,p=1'),
    phc('m=19456,t=11,p=1'),
    phc('m=19456,t=2,p=0'),
    phc('m=19456,t=2,p=5'),
    phc('m=019456,t=2,p=1'),
    phc('m=99999999999,t=2,p=1'),
    phc('m=1e4,t=2,p=1'),
    phc('t=2,m=19456,p=1'),
    phc('m=19456,t=2,p=1,keyid=AAAA'),
    phc('m=19456,t=2,p=1,data=AAAA'),
    phc('m=19456,t=2'),
    phc('m=19456,t=2,p=1', 'c2FsdA'),
    phc('m=19456,t=2,p=1', `${salt}=`),
    phc('m=19456,t=2,p=1', 'c29tZXNhbHR'),
    phc('m=19456,t=2,p=1', 'c29tZXNhbH-'),
    phc('m=19456,t=2,p=1', 'A'.repeat(88)),
    phc('m=19456,t=2,p=1', salt, 'Z3HDaPbb'),
    phc('m=19456,t=2,p=1', salt, 'A'.repeat(88)),
    phc('m=19456,t=2,p=1', salt, ''),
    `${phc('m=19456,t=2,p=1')}\n`,
    ` ${phc('m=19456,t=2,p=1')}`,
    `${phc('m=19456,t=2,p=1')}$AAAA`,
    phc('m=19456,t=2,p=1').replace('argon2id', 'argon2i'),
    phc('m=19456,t=2,p=1').replace('argon2id', 'argon2d'),
    phc('m=19456,t=2,p=1').replace('v=19', 'v=16'),
    phc('m=19456,t=2,p=1').replace('$v=19', ''),
    '$2b$12$abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUVWXYZ01234',
  ])('are refused: %s', text => {
    expect(isArgon2idPhc(text)).toBe(false)
  })
})
