// https://docs.kernel.org/hid/uhid.html: a HID device whose driver is this process. Structures are those of
// include/uapi/linux/uhid.h, packed, in the order of bytes of the machine.

import { closeSync, openSync, writeSync } from 'node:fs'
import { hidrawAppeared, hidrawVanished, type Plug, type PluggedIn, readRecords } from './port.ts'
import { fidoReportDescriptor, productId, vendorId } from './report-descriptor.ts'

const event = { destroy: 1, output: 6, getReport: 9, getReportReply: 10, create2: 11, input2: 12 } as const
/**
 * `struct uhid_event`: 4 bytes of type, then a union as long as the longest that may stand in it, the 4372 bytes of
 * `struct uhid_create2_req`, made up to a multiple of 8.
 */
const eventLength = 4 + 4376
const outputSizeAt = 4 + 4096
const usbBus = 3
const notSupported = 5 // EIO

function eventOf(type: number): Buffer {
  const bytes = Buffer.alloc(eventLength)
  bytes.writeUInt32LE(type)
  return bytes
}

function creation(product: string, serial: string): Buffer {
  const bytes = eventOf(event.create2)
  bytes.write(product, 4)
  bytes.write(serial, 4 + 128 + 64)
  const sizes = 4 + 128 + 64 + 64
  bytes.writeUInt16LE(fidoReportDescriptor.length, sizes)
  bytes.writeUInt16LE(usbBus, sizes + 2)
  bytes.writeUInt32LE(vendorId, sizes + 4)
  bytes.writeUInt32LE(productId, sizes + 8)
  bytes.set(fidoReportDescriptor, sizes + 20)
  return bytes
}

/** Plugs a key in by /dev/uhid. What is written to its hidraw node comes with its report id. */
export async function uhidPort({ device, product, serial, onReport }: Plug): Promise<PluggedIn> {
  const file = openSync('/dev/uhid', 'r+')
  let isIn = true
  const emit = (report: Uint8Array) => {
    if (!isIn) return
    onReport('from key', report)
    const bytes = eventOf(event.input2)
    bytes.writeUInt16LE(report.length, 4)
    bytes.set(report, 6)
    writeSync(file, bytes)
  }
  const stopReading = readRecords(file, eventLength, bytes => {
    const type = bytes.readUInt32LE()
    if (type === event.output) {
      const written = bytes.subarray(4, 4 + bytes.readUInt16LE(outputSizeAt))
      onReport('to key', written)
      // As usbhid does: report id 0 stands for "no ids", and does not go over the wire.
      device.receive(new Uint8Array(written[0] === 0 ? written.subarray(1) : written), emit)
    } else if (type === event.getReport) {
      const answer = eventOf(event.getReportReply)
      bytes.copy(answer, 4, 4, 8)
      answer.writeUInt16LE(notSupported, 8)
      writeSync(file, answer)
    }
  })
  writeSync(file, creation(product, serial))
  const path = await hidrawAppeared(serial)
  return {
    path,
    async unplug() {
      if (!isIn) return
      isIn = false
      device.unplug()
      writeSync(file, eventOf(event.destroy))
      await stopReading()
      closeSync(file)
      await hidrawVanished(serial)
    },
  }
}
