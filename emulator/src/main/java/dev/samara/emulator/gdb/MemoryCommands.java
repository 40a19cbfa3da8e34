// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

import java.nio.ByteBuffer;
import java.util.HexFormat;

/**
 * The packets about memory: {@code m}, {@code M} and {@code X}. Memory is accessed as debuggers do ({@link
 * dev.samara.core.AddressSpace#readForced}): such an access can read a page without rights, and write a private page
 * that is not writable.
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
        // Returns an error, because an empty reply would mean that the command is not supported.
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
            // The bytes may be code, and the write causes no flush that would drop decoded blocks.
            control.changedCode();
            if (written != length) {
                throw new BadPacketException();
            }
        }
        return "OK";
    }
}
