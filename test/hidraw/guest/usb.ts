// https://docs.kernel.org/usb/gadget_configfs.html: a USB device of this machine, which dummy_hcd plugs into this machine.
// The reports go through usbhid and endpoints, as those of a key in a USB port.

import { closeSync, constants, mkdirSync, openSync, symlinkSync, writeFileSync, writeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { hidrawAppeared, hidrawVanished, type Plug, type PluggedIn, readRecords, until } from './port.ts'
import { fidoReportDescriptor, productId, vendorId } from './report-descriptor.ts'

const gadget = '/sys/kernel/config/usb_gadget/security-key'
const node = '/dev/hidg0'
const reportLength = 64
const english = '0x409'

function describe(product: string, serial: string): void {
  const hid = `${gadget}/functions/hid.key`
  const made = mkdirSync(hid, { recursive: true })
  mkdirSync(`${gadget}/strings/${english}`, { recursive: true })
  const attributes = {
    idVendor: String(vendorId),
    idProduct: String(productId),
    [`strings/${english}/manufacturer`]: 'hufu',
    [`strings/${english}/product`]: product,
    [`strings/${english}/serialnumber`]: serial,
  }
  for (const [name, value] of Object.entries(attributes)) writeFileSync(`${gadget}/${name}`, value)
  if (made === undefined) return
  writeFileSync(`${hid}/report_length`, String(reportLength))
  writeFileSync(`${hid}/report_desc`, fidoReportDescriptor)
  mkdirSync(`${gadget}/configs/key.1`)
  symlinkSync(hid, `${gadget}/configs/key.1/hid.key`)
}

const connect = (controller: string) => writeFileSync(`${gadget}/UDC`, `${controller}\n`)

function openWhenThere(): number | undefined {
  try {
    return openSync(node, constants.O_WRONLY | constants.O_NONBLOCK)
  } catch {
    return undefined
  }
}

const isFull = (error: unknown) => error instanceof Error && 'code' in error && error.code === 'EAGAIN'

/** Plugs a key into the one USB port. */
export async function usbPort({ device, product, serial, onReport }: Plug): Promise<PluggedIn> {
  describe(product, serial)
  connect('dummy_udc.0')
  const path = await hidrawAppeared(serial)
  const file = await until(node, openWhenThere)
  let isIn = true

  // One report at a time waits in the endpoint, and only an open hidraw node takes it from there.
  const waiting: Uint8Array[] = []
  let isSending = false
  const send = async () => {
    if (isSending) return
    isSending = true
    while (isIn && waiting[0]) {
      try {
        writeSync(file, waiting[0])
        waiting.shift()
      } catch (error) {
        if (!isFull(error)) throw error
        await delay(1)
      }
    }
    isSending = false
  }
  const emit = (report: Uint8Array) => {
    onReport('from key', report)
    waiting.push(report)
    void send()
  }
  const stopReading = readRecords(node, reportLength, bytes => {
    onReport('to key', bytes)
    device.receive(new Uint8Array(bytes), emit)
  })
  return {
    path,
    async unplug() {
      if (!isIn) return
      isIn = false
      device.unplug()
      await stopReading()
      closeSync(file)
      connect('')
      await hidrawVanished(serial)
    },
  }
}
