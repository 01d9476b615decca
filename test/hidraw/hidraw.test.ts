// hufu as people run it, on the kernel's own HID path: the built program, node-hid, hidraw, usbhid, in a virtual machine.

import { beforeAll, describe, expect, it } from 'vitest'
import { runScenarios } from './machine.ts'
import { messagesTo, withoutReportId } from './messages.ts'
import type { Bus, Outcome, RecordedRun, ScenarioRecord } from './records.ts'

let records: readonly ScenarioRecord[]
beforeAll(async () => {
  records = await runScenarios()
}, 900_000)

function outcomeOf(bus: Bus, name: string): Outcome {
  const record = records.find(each => each.name === `${bus}: ${name}`)
  if (!record) throw new Error(`the guest did not come to "${bus}: ${name}"`)
  if ('failure' in record) throw new Error(record.failure)
  return record.outcome
}

/** The run that a scenario is about, the first where there are several. */
function firstRun(outcome: Outcome): RecordedRun {
  const [run] = outcome.runs
  if (!run) throw new Error('nothing was run')
  return run
}

const ended = (run: RecordedRun | undefined) => [run?.exitCode, run?.last.code ?? 'done']
const messagesOf = (run: RecordedRun | undefined) => run?.reports.map(messagesTo)

describe.each(['uhid', 'usb'] as const)('a key on %s', bus => {
  const outcome = (name: string) => outcomeOf(bus, name)

  it('is bound by a touch, in three messages', () => {
    const { runs, seen } = outcome('registers')
    expect(runs.map(ended)).toEqual([[0, 'done']])
    expect(runs[0]?.sequence).toEqual(['step_up', 'touch', 'result'])
    expect(messagesOf(runs[0])).toEqual([['INIT', 'getInfo', 'makeCredential']])
    expect(seen).toEqual({ used: [false], driver: bus === 'usb' ? 'usbhid' : '' })
  })

  it('proves who the person is, in three messages', () => {
    const { runs, seen } = outcome('steps up')
    expect(runs.map(ended)).toEqual([[0, 'done']])
    expect(runs[0]?.sequence).toEqual(['step_up', 'touch', 'result'])
    expect(messagesOf(runs[0])).toEqual([['INIT', 'getInfo', 'getAssertion']])
    expect(seen).toEqual({ used: [true] })
  })

  it('logs the person in', () => {
    const { runs, seen } = outcome('logs in')
    expect(runs.map(ended)).toEqual([[0, 'done']])
    expect(messagesOf(runs[0])).toEqual([['INIT', 'getInfo', 'getAssertion']])
    expect(seen).toEqual({ isNewSession: true })
  })

  it('is written reports of 64 bytes, each once, and id 0 before each', () => {
    const sent = ['registers', 'steps up'].flatMap(name => firstRun(outcome(name)).reports.flat())
    const written = sent.filter(({ direction }) => direction === 'to key')
    expect(written.length).toBeGreaterThan(6)
    expect(new Set(written.map(({ hex }) => hex)).size).toBe(written.length)
    for (const report of written) {
      expect(withoutReportId(report)).toHaveLength(64)
      // usbhid takes the id off; uhid shows what node-hid wrote.
      expect(report.hex).toMatch(bus === 'uhid' ? /^00[0-9a-f]{128}$/ : /^[0-9a-f]{128}$/)
    }
  })

  it('says that it is bound already', () => {
    expect(outcome('is bound already').runs.map(ended)).toEqual([[5, 'key_excluded']])
  })

  it('says that it is not the bound one', () => {
    expect(outcome('is not the bound one').runs.map(ended)).toEqual([[4, 'key_no_credentials']])
  })

  it('says that the person said no', () => {
    expect(outcome('is denied').runs.map(ended)).toEqual([[4, 'key_denied']])
  })

  it('is told to stop blinking on Ctrl-C, and is ready again', () => {
    const { runs } = outcome('is let go on Ctrl-C')
    expect(runs.map(ended)).toEqual([
      [130, 'cancelled'],
      [0, 'done'],
    ])
    expect(runs.map(messagesOf)).toEqual([
      [['INIT', 'getInfo', 'getAssertion', 'CANCEL']],
      [['INIT', 'getInfo', 'getAssertion']],
    ])
  })

  it('is missed when it is pulled out while it blinks, and is ready when it is back', () => {
    expect(outcome('is pulled out while it blinks').runs.map(ended)).toEqual([
      [4, 'key_unplugged'],
      [0, 'done'],
    ])
  })

  it('is waited for when it is not there', () => {
    const { runs } = outcome('is plugged in late')
    expect(runs.map(ended)).toEqual([[0, 'done']])
    expect(messagesOf(runs[0])).toEqual([['INIT', 'getInfo', 'getAssertion']])
  })
})

describe.each(['uhid', 'usb'] as const)('a key of long ago on %s', bus => {
  it('speaks U2F alone, is bound and proves who the person is', () => {
    const { runs } = outcomeOf(bus, 'speaks U2F alone')
    expect(runs.map(ended)).toEqual([
      [0, 'done'],
      [0, 'done'],
    ])
    for (const run of runs) {
      const [init, ...rest] = messagesOf(run)?.flat() ?? []
      expect(init).toBe('INIT')
      expect(new Set(rest)).toEqual(new Set(['MSG']))
    }
  })
})

describe.each(['uhid', 'usb'] as const)('a key with a PIN on %s', bus => {
  it('is bound in five messages, refuses a wrong PIN, and by itself is enough to log in', () => {
    const { runs } = outcomeOf(bus, 'has a PIN')
    expect(runs.map(ended)).toEqual([
      [0, 'done'],
      [4, 'key_pin_invalid'],
      [0, 'done'],
      [0, 'done'],
    ])
    expect(messagesOf(runs[0])).toEqual([['INIT', 'getInfo', 'clientPIN', 'clientPIN', 'makeCredential']])
    expect(messagesOf(runs[2])?.flat().slice(-3)).toEqual(['clientPIN', 'clientPIN', 'getAssertion'])
    expect(runs[3]?.sequence).toEqual(['touch', 'result'])
    const said = JSON.stringify(runs.map(({ last, stderr }) => [last, stderr]))
    expect(said).not.toMatch(/13571357|24682468/)
  })
})

describe('a key on uhid', () => {
  it('takes no PIN after three wrong ones, until it is plugged in anew', () => {
    const { runs } = outcomeOf('uhid', 'takes no more PINs')
    expect(runs.map(ended)).toEqual([
      [4, 'key_pin_invalid'],
      [4, 'key_pin_invalid'],
      [4, 'key_pin_auth_blocked'],
      [4, 'key_pin_auth_blocked'],
      [0, 'done'],
    ])
  })

  it('may speak CTAP 2.0', () => {
    expect(outcomeOf('uhid', 'speaks CTAP 2.0').runs.map(ended)).toEqual([
      [0, 'done'],
      [0, 'done'],
    ])
  })
})

describe('two keys at once', () => {
  it('both blink, the touched one wins, the other is told to stop', () => {
    const { runs, seen } = outcomeOf('uhid', 'is one of two')
    expect(runs.map(ended)).toEqual([[0, 'done']])
    expect(messagesOf(runs[0])).toEqual([
      // Each is asked first, without a touch, whether it is bound.
      ['INIT', 'getInfo', 'getAssertion', 'getAssertion', 'CANCEL'],
      ['INIT', 'getInfo', 'getAssertion', 'getAssertion'],
    ])
    expect(seen).toEqual({ used: [true] })
  })
})

describe('a key that is not the user’s to open', () => {
  it('is refused with the udev rule that opens it, which does', () => {
    const { runs, seen } = outcomeOf('usb', 'may not be opened by everybody')
    const [refused] = runs
    expect(refused?.reports).toEqual([])
    expect(refused?.last.next).toContain(
      'KERNEL=="hidraw*", SUBSYSTEM=="hidraw", ENV{ID_SECURITY_TOKEN}=="1", ' +
        'MODE="0660", GROUP="plugdev", TAG+="uaccess"',
    )
    expect(seen).toEqual({ mode: '660', isOfPlugdev: true })
    expect(runs.map(ended)).toEqual([
      [5, 'key_no_permission'],
      [0, 'done'],
      [5, 'key_no_permission'],
    ])
  })
})
