import { type Scenario, stepUpByKey } from './scenario.ts'

const right = { env: { HUFU_PIN: '13571357' } }
const wrong = { env: { HUFU_PIN: '24682468' } }

/** A key with a PIN is bound and used with it; by itself it is two factors. */
export const pinned: Scenario = {
  name: 'has a PIN',
  buses: ['uhid', 'usb'],
  async run(bench) {
    const { person, key } = await bench.owner()
    await key.unplug()
    await bench.key('Locked', { pin: right.env.HUFU_PIN })
    const runs = [
      await bench.bind(person, right),
      await bench.run(person, stepUpByKey, wrong),
      await bench.run(person, stepUpByKey, right),
      await bench.run(person, ['login', person.username, '--verify', 'webauthn'], right),
    ]
    return { runs }
  },
}

/** After three wrong PINs in a row a key takes no more until it is plugged in anew (CTAP 2.1 section 6.5.5.7). */
export const stubborn: Scenario = {
  name: 'takes no more PINs',
  buses: ['uhid'],
  async run(bench) {
    const owner = await bench.owner()
    await owner.key.unplug()
    const key = await bench.key('Stubborn', { pin: right.env.HUFU_PIN })
    await bench.bind(owner.person, right)
    const stepUp = (options: typeof right) => bench.run(owner.person, stepUpByKey, options)
    const runs = [await stepUp(wrong), await stepUp(wrong), await stepUp(wrong), await stepUp(right)]
    await key.unplug()
    await key.plugIn()
    return { runs: [...runs, await stepUp(right)] }
  },
}

export const u2fKey: Scenario = {
  name: 'speaks U2F alone',
  buses: ['uhid', 'usb'],
  async run(bench) {
    const { person, key } = await bench.owner()
    await key.unplug()
    await bench.key('Old Key', { profile: 'u2f' })
    return { runs: [await bench.bind(person), await bench.run(person, stepUpByKey)] }
  },
}

export const olderKey: Scenario = {
  name: 'speaks CTAP 2.0',
  buses: ['uhid'],
  async run(bench) {
    const { person, key } = await bench.owner()
    await key.unplug()
    await bench.key('Older Key', { profile: 'ctap2.0', pin: right.env.HUFU_PIN })
    return { runs: [await bench.bind(person, right), await bench.run(person, stepUpByKey, right)] }
  },
}
