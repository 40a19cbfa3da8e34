// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.emulator.linux.abi.GuestText;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.memory.CallMemory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;

/** An open directory. Its names are read when the first one is requested, and cached until all were returned. */
public abstract class GuestFolder extends GuestFile {
    private static final int HEADER = 19;
    private static final int LENGTH = 16;
    private static final int DT_FIFO = 1;
    private static final int DT_DIR = 4;
    private static final int DT_REG = 8;
    private static final int DT_LNK = 10;

    private static final int SET = 0;
    private static final int CURRENT = 1;
    private static final int END = 2;

    /** The end of a directory of ext4, whose positions are hashes ({@code ext4_dir_llseek}). */
    private static final long LAST = Long.MAX_VALUE;

    /** Counts the names that all open directories together may still cache. */
    private final Semaphore room;

    private @Nullable List<String> names;
    private long next;

    GuestFolder(String path, int flags, Semaphore room) {
        super(path, flags);
        this.room = room;
    }

    /** Returns the names in the directory, without "." and "..". */
    abstract List<String> readNames() throws IOException;

    /** Returns the status of the file with a name in the directory. */
    abstract FileStatus statusOf(String name);

    @Override
    public final long readAt(ByteBuffer target, long offset) {
        return offset > Long.MAX_VALUE - target.remaining() ? LinuxErrno.EINVAL : LinuxErrno.EISDIR;
    }

    @Override
    public final long read(FileThread thread, ByteBuffer target) {
        return LinuxErrno.EISDIR;
    }

    @Override
    public final long write(FileThread thread, ByteBuffer source) {
        return LinuxErrno.EBADF;
    }

    /** Returns the position of {@code SEEK_END}. */
    long end() {
        return LAST;
    }

    /** Returns the greatest position. */
    long last() {
        return LAST;
    }

    @Override
    public final synchronized long seek(long offset, int from) {
        long start = from == SET ? 0 : from == CURRENT ? next : end();
        if (from > END || start + offset < 0 || start + offset > last()) {
            return LinuxErrno.EINVAL;
        }
        next = start + offset;
        if (next == 0) {
            forgetNames();
        }
        return next;
    }

    private void forgetNames() {
        List<String> known = names;
        if (known != null) {
            room.release(known.size());
            names = null;
        }
    }

    @Override
    final synchronized void close() {
        forgetNames();
    }

    /**
     * Writes as many entries as fit and as the target accepts ({@code getdents64}); returns the number of bytes.
     *
     * @param length the maximum number of bytes
     */
    public synchronized long entriesTo(int length, ReadTarget target) {
        long before = next;
        ByteBuffer entries = CallMemory.structure(length);
        long found = entries(entries);
        if (found <= 0) {
            return found;
        }
        byte[] bytes = new byte[(int) found];
        entries.get(0, bytes);
        int taken = target.put(bytes, bytes.length);
        int whole = 0;
        next = before;
        while (whole < found && whole + entries.getShort(whole + LENGTH) <= taken) {
            whole += entries.getShort(whole + LENGTH);
            next++;
        }
        return taken(whole);
    }

    /** Writes as many entries as fit; returns the number of bytes. */
    long entries(ByteBuffer target) {
        return fill(target);
    }

    final synchronized long fill(ByteBuffer target) {
        try {
            List<String> all = names();
            if (all == null) {
                return LinuxErrno.ENOMEM;
            }
            if (next >= all.size()) {
                forgetNames();
                return 0;
            }
            long before = target.position();
            while (next < all.size()) {
                byte[] bytes = GuestText.bytes(all.get((int) next));
                int length = HEADER + bytes.length + 1 + 7 & -8;
                if (target.remaining() < length) {
                    return target.position() == before ? LinuxErrno.EINVAL : target.position() - before;
                }
                put(target, statusOf(all.get((int) next)), bytes, length);
                next++;
            }
            return target.position() - before;
        } catch (IOException e) {
            return LinuxErrno.of(e);
        }
    }

    /** Returns the names; null if all open directories together would cache too many. */
    private @Nullable List<String> names() throws IOException {
        if (names == null) {
            List<String> read = new ArrayList<>(List.of(".", ".."));
            read.addAll(readNames());
            names = room.tryAcquire(read.size()) ? read : null;
        }
        return names;
    }

    private void put(ByteBuffer target, FileStatus status, byte[] bytes, int length) {
        int at = target.position();
        target.putLong(at, status.inode()).putLong(at + 8, next + 1);
        target.putShort(at + LENGTH, (short) length).put(at + 18, (byte) type(status));
        target.put(at + HEADER, bytes);
        target.put(at + HEADER + bytes.length, (byte) 0);
        target.position(at + length);
    }

    private static int type(FileStatus status) {
        return switch (status.mode() & FileStatus.TYPE) {
            case FileStatus.FIFO -> DT_FIFO;
            case FileStatus.FOLDER -> DT_DIR;
            case FileStatus.REGULAR -> DT_REG;
            case FileStatus.LINK -> DT_LNK;
            default -> 0;
        };
    }
}
