// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.emulator.limit.GuestLimits;
import dev.samara.emulator.linux.abi.GuestText;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.GuestFile.FileThread;
import dev.samara.emulator.linux.file.GuestNames.OpenedName;
import dev.samara.emulator.linux.memory.CallMemory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;

/** An open directory. Its names are read when the first one is requested, and cached until all were returned. */
public final class GuestFolder extends GuestFile {
    private static final int HEADER = 19;
    private static final int LENGTH = 16;
    private static final int SET = 0;
    private static final int CURRENT = 1;

    /** What a directory contains. */
    public interface FolderEntries {
        /** Returns the names in the directory, without "." and "..". */
        List<String> names() throws IOException;

        /** Returns the status of the file with a name in the directory. */
        FileStatus status(String name);
    }

    /** Counts the names that all open directories together may still cache. */
    private final Semaphore room;

    private final FolderEntries entries;
    private final @Nullable OpenedName name;
    private final FileStatus status;

    private @Nullable List<String> names;
    private long next;

    private GuestFolder(
            String path,
            int flags,
            Semaphore room,
            FolderEntries entries,
            @Nullable OpenedName name,
            FileStatus status) {
        super(path, flags);
        this.room = room;
        this.entries = entries;
        this.name = name;
        this.status = status;
    }

    /** Opens a directory of the host. */
    public static GuestFolder ofHost(String path, int flags, Semaphore room, OpenedName name, GuestNames guestNames) {
        FolderEntries entries = new FolderEntries() {
            private Path host = Path.of("");

            @Override
            public List<String> names() throws IOException {
                synchronized (guestNames) {
                    Path found = name.host();
                    if (found == null) {
                        throw new NoSuchFileException(path);
                    }
                    host = found;
                    return read(found);
                }
            }

            @Override
            public FileStatus status(String entry) {
                Path found = entry.equals(".") || entry.equals("..") ? host : GuestRoot.below(host, entry);
                FileStatus status = GuestNames.statusOf(found);
                return status == null ? FileStatus.of(0, 1, 0) : status;
            }
        };
        return new GuestFolder(path, flags, room, entries, name, name.status());
    }

    private static List<String> read(Path folder) throws IOException {
        List<String> found = new ArrayList<>();
        try (DirectoryStream<Path> all = Files.newDirectoryStream(folder)) {
            for (Path each : all) {
                if (found.size() > GuestLimits.FOLDER_NAMES) {
                    // More names than may be cached, so reading the rest would only fill the heap.
                    break;
                }
                found.add(GuestRoot.textOf(each.getFileName()));
            }
        }
        return found;
    }

    /** Opens a directory that the host does not have. */
    public static GuestFolder ofEmulator(
            String path, int flags, Semaphore room, FileStatus status, FolderEntries entries) {
        return new GuestFolder(path, flags, room, entries, null, status);
    }

    @Override
    public @Nullable OpenedName openedName() {
        return name;
    }

    @Override
    public FileStatus status() {
        return name == null ? status : name.status();
    }

    @Override
    public long read(FileThread thread, long offset, int length, ReadTarget target) {
        return LinuxErrno.EISDIR;
    }

    @Override
    public long sync() {
        return name == null ? LinuxErrno.EINVAL : 0;
    }

    @Override
    public synchronized long seek(long offset, int from) {
        long start = from == CURRENT ? next : 0;
        if (from < SET || from > CURRENT || start + offset < 0) {
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
    synchronized void close() {
        forgetNames();
    }

    /** Stores the next entries ({@code getdents64}). An entry whose memory ends too early is left for the next call. */
    public synchronized long entriesTo(int length, ReadTarget target) {
        long before = next;
        ByteBuffer found = CallMemory.structure(length);
        long filled = fill(found);
        if (filled <= 0) {
            return filled;
        }
        int taken = target.put(CallMemory.bytes(found), (int) filled);
        int whole = 0;
        next = before;
        while (whole < filled && whole + found.getShort(whole + LENGTH) <= taken) {
            whole += found.getShort(whole + LENGTH);
            next++;
        }
        return taken(whole);
    }

    private long fill(ByteBuffer target) {
        try {
            List<String> all = names();
            if (all == null) {
                return LinuxErrno.ENOMEM;
            }
            if (next >= all.size()) {
                forgetNames();
                return 0;
            }
            while (next < all.size()) {
                byte[] bytes = GuestText.bytes(all.get((int) next));
                int length = HEADER + bytes.length + 1 + 7 & -8;
                if (target.remaining() < length) {
                    return target.position() == 0 ? LinuxErrno.EINVAL : target.position();
                }
                put(target, entries.status(all.get((int) next)), bytes, length);
                next++;
            }
            return target.position();
        } catch (IOException e) {
            return LinuxErrno.of(e);
        }
    }

    private @Nullable List<String> names() throws IOException {
        if (names == null) {
            List<String> read = new ArrayList<>(List.of(".", ".."));
            read.addAll(entries.names());
            names = room.tryAcquire(read.size()) ? read : null;
        }
        return names;
    }

    private void put(ByteBuffer target, FileStatus of, byte[] bytes, int length) {
        int at = target.position();
        target.putLong(at, of.inode()).putLong(at + 8, next + 1);
        // The type of an entry is the upper part of the mode.
        target.putShort(at + LENGTH, (short) length).put(at + 18, (byte) (of.mode() >> 12 & 15));
        target.put(at + HEADER, bytes);
        target.put(at + HEADER + bytes.length, (byte) 0);
        target.position(at + length);
    }
}
