// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.FileStatus;
import dev.samara.emulator.linux.file.GuestFile;
import dev.samara.emulator.linux.file.GuestNames;
import dev.samara.emulator.linux.file.OpenedName;
import dev.samara.emulator.linux.file.ResolvedPath;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.process.GuestThread;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * {@code statfs} and {@code fstatfs}, which describe the file system that contains a file: a file system of the host or
 * of the emulator.
 */
final class FileSystemCalls {
    private static final int BYTES = 120;
    private static final int BLOCK = 4096;
    private static final int LONGEST_NAME = 255;
    private static final long OF_EMULATOR = 0x0102_1994;
    private static final long UNKNOWN = 0xef53;

    /** The numbers of {@code include/uapi/linux/magic.h} by the names that the JDK returns. */
    private static final Map<String, Long> TYPES = Map.of(
            "ext2", 0xef53L,
            "ext3", 0xef53L,
            "ext4", 0xef53L,
            "tmpfs", OF_EMULATOR,
            "overlay", 0x794c_7630L,
            "xfs", 0x5846_5342L,
            "btrfs", 0x9123_683eL,
            "nfs", 0x6969L);

    private final GuestThread thread;

    FileSystemCalls(GuestThread thread) {
        this.thread = thread;
    }

    private GuestNames names() {
        return thread.process().system().names();
    }

    private long tell(Path host, long address) {
        ByteBuffer found = CallMemory.structure(BYTES);
        try {
            FileStore store = Files.getFileStore(host);
            long block = Math.max(store.getBlockSize(), 1);
            put(found, TYPES.getOrDefault(store.type(), UNKNOWN), block);
            found.putLong(16, store.getTotalSpace() / block);
            found.putLong(24, store.getUnallocatedSpace() / block);
            found.putLong(32, store.getUsableSpace() / block);
        } catch (IOException e) {
            return LinuxErrno.of(e);
        }
        thread.memory().put(address, found);
        return 0;
    }

    private long tellOfEmulator(long address) {
        ByteBuffer found = CallMemory.structure(BYTES);
        put(found, OF_EMULATOR, BLOCK);
        thread.memory().put(address, found);
        return 0;
    }

    private static void put(ByteBuffer found, long type, long block) {
        found.putLong(0, type).putLong(8, block).putLong(64, LONGEST_NAME).putLong(72, block);
    }

    long ofPath(long path, long address) {
        PathCalls paths = new PathCalls(thread);
        String name = paths.name(path);
        synchronized (names()) {
            ResolvedPath place = paths.place(PathCalls.CURRENT_FOLDER, name, true);
            if (place.nameError() != 0) {
                return place.error();
            }
            if (place.removed() != null) {
                return tellOfEmulator(address);
            }
            FileStatus special = paths.ofEmulator(place, true);
            if (special != null) {
                return place.isFolderNamed() && !special.isFolder() ? LinuxErrno.ENOTDIR : tellOfEmulator(address);
            }
            Path host = place.host();
            return host == null || !place.exists() ? LinuxErrno.ENOENT : tell(host, address);
        }
    }

    long ofDescriptor(long descriptor, long address) {
        GuestFile file = thread.file(descriptor);
        if (file == null) {
            return LinuxErrno.EBADF;
        }
        OpenedName name = file.openedName();
        synchronized (names()) {
            Path host = name == null ? null : name.host();
            return host == null ? tellOfEmulator(address) : tell(host, address);
        }
    }
}
