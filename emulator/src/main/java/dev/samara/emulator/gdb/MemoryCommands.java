// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

import java.nio.ByteBuffer;
import java.util.HexFormat;

/**
 * The packets about memory: {@code m}, {@code M} and {@code X}. Accesses are those of a debugger ({@link
 * dev.samara.core.AddressSpace#readForced}): a page without rights is read, and a private one without the right to
 * write is written.
 */
final class MemoryCommands {
    private final StopControl control;

    MemoryCommands(StopControl control) {
        this.control = control;
    }

    String read(PacketFields fields) throws BadPacketException {
        long address = fields.hex();
        fields.expect(',');
        int length = Math.min(fields.hex(Integer.MAX_VALUE), PacketReader.LONGEST / 2);
        fields.expectEnd();
        byte[] bytes = new byte[length];
        long read = control.access(space -> space.readForced(address, bytes, 0, length));
        // An empty answer would say that there is no such command.
        if (read <= 0) {
            throw new BadPacketException();
        }
        return HexFormat.of().formatHex(bytes, 0, (int) read);
    }

    String write(PacketFields fields, boolean isBinary) throws BadPacketException {
        long address = fields.hex();
        fields.expect(',');
        int length = fields.hex(PacketReader.LONGEST);
        fields.expect(':');
        byte[] bytes = isBinary ? PacketWriter.unescaped(fields.rest()) : fields.bytes();
        if (bytes.length != length) {
            throw new BadPacketException();
        }
        if (length != 0) {
            long written = control.access(space -> space.writeForced(address, ByteBuffer.wrap(bytes)));
            // It may be code, and no flush tells of it.
            control.changedCode();
            if (written != length) {
                throw new BadPacketException();
            }
        }
        return "OK";
    }
}
