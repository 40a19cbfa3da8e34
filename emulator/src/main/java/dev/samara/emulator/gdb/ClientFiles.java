// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

import dev.samara.emulator.gdb.GdbPacket.BadPacketException;
import dev.samara.emulator.gdb.GdbPacket.PacketFields;
import dev.samara.emulator.gdb.GdbPacket.PacketWriter;
import dev.samara.emulator.linux.debug.Debugger.DebuggedProcess;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The files that a client may read ("Host I/O Packets" of gdb's manual): files of the guest, and the files of its
 * process in {@code /proc}. No file can be written.
 */
final class ClientFiles implements AutoCloseable {
    private static final int MOST = 64;
    private static final int MOST_BYTES = 0x1000;
    private static final int STAT_BYTES = 64;
    private static final int STAT_MODE = 8;
    private static final int STAT_SIZE = 28;
    private static final int REGULAR = 0100444;

    private static final int ENOENT = 2;
    private static final int EBADF = 9;
    private static final int EACCES = 13;
    private static final int EINVAL = 22;
    private static final int ENFILE = 23;

    /** An open file: the bytes of a file in {@code /proc}, or the channel of a host file. */
    private static final class ReadFile {
        private final byte @Nullable [] bytes;
        private final @Nullable FileChannel channel;

        ReadFile(byte @Nullable [] bytes, @Nullable FileChannel channel) {
            this.bytes = bytes;
            this.channel = channel;
        }

        int read(ByteBuffer target, long offset) throws IOException {
            if (channel != null) {
                return Math.max(channel.read(target, offset), 0);
            }
            if (bytes == null || offset >= bytes.length) {
                return 0;
            }
            int length = Math.min(target.remaining(), bytes.length - (int) offset);
            target.put(bytes, (int) offset, length);
            return length;
        }

        long size() throws IOException {
            return channel != null ? channel.size() : bytes == null ? 0 : bytes.length;
        }

        void close() throws IOException {
            if (channel != null) {
                channel.close();
            }
        }
    }

    private final DebuggedProcess process;
    private final Map<Integer, ReadFile> open = new HashMap<>();
    private int last;

    ClientFiles(DebuggedProcess process) {
        this.process = process;
    }

    /** Returns the reply to {@code vFile:...}; empty if the operation is not supported. */
    String answer(String text) throws BadPacketException {
        PacketFields fields = new PacketFields(text, "vFile:".length());
        try {
            return switch (fields.until(':')) {
                case "setfs" -> "F0";
                case "open" -> open(fields.text(','), fields);
                case "pread" -> read(fields);
                case "fstat" -> status(fields);
                case "close" -> close(fields);
                case "readlink" -> link(fields.text(','));
                default -> "";
            };
        } catch (IOException failed) {
            return failed(EINVAL);
        }
    }

    private static String failed(int error) {
        return "F-1," + Integer.toHexString(error);
    }

    private static String withBytes(byte[] bytes, int length) {
        return "F" + Integer.toHexString(length) + ";" + PacketWriter.escaped(bytes, 0, length);
    }

    private String open(String path, PacketFields fields) throws BadPacketException, IOException {
        int flags = fields.hex(Integer.MAX_VALUE);
        if (flags != 0) {
            return failed(EACCES);
        }
        if (open.size() == MOST) {
            return failed(ENFILE);
        }
        byte[] bytes = process.procFile(path);
        FileChannel channel = bytes == null ? process.openHostFile(path) : null;
        if (bytes == null && channel == null) {
            return failed(ENOENT);
        }
        open.put(++last, new ReadFile(bytes, channel));
        return "F" + Integer.toHexString(last);
    }

    private String read(PacketFields fields) throws BadPacketException, IOException {
        ReadFile file = open.get(fields.hex(Integer.MAX_VALUE));
        fields.expect(',');
        int count = Math.min(fields.hex(Integer.MAX_VALUE), MOST_BYTES);
        fields.expect(',');
        long offset = fields.hex();
        if (file == null) {
            return failed(EBADF);
        }
        if (offset < 0) {
            return failed(EINVAL);
        }
        byte[] bytes = new byte[count];
        return withBytes(bytes, file.read(ByteBuffer.wrap(bytes), offset));
    }

    private String status(PacketFields fields) throws BadPacketException, IOException {
        ReadFile file = open.get(fields.hex(Integer.MAX_VALUE));
        if (file == null) {
            return failed(EBADF);
        }
        ByteBuffer status = ByteBuffer.allocate(STAT_BYTES);
        status.putInt(STAT_MODE, REGULAR).putLong(STAT_SIZE, file.size());
        return withBytes(status.array(), STAT_BYTES);
    }

    private String close(PacketFields fields) throws BadPacketException, IOException {
        ReadFile file = open.remove(fields.hex(Integer.MAX_VALUE));
        if (file == null) {
            return failed(EBADF);
        }
        file.close();
        return "F0";
    }

    private String link(String path) {
        if (!path.equals("/proc/" + process.pid() + "/exe")) {
            return failed(EINVAL);
        }
        byte[] target = process.program().getBytes(StandardCharsets.ISO_8859_1);
        return withBytes(target, target.length);
    }

    @Override
    public void close() throws IOException {
        for (ReadFile each : open.values()) {
            each.close();
        }
        open.clear();
    }
}
